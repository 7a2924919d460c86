"""Sample contents of every kind and variant, and one renderer for all tests of the folder."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.core import Envelope, LetterId, Party, Role, Sha256Hex, content_json
from service.documents.content import Content
from service.documents.kinds import Kind, load_kind
from service.documents.pdf import PdfRenderer
from tests.once import remembered

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
FONTS = ROOT / ".fonts"

_FORMATS = ("学校食堂", "食品销售", "餐饮服务", "托幼机构", "集体用餐配送", "食品生产")
_FIRMS = (
    "温州市鹿城区云桥示例餐饮店",
    "温州市示例鲜生供应链管理有限公司五马分公司",
    "鹿城区样例实验小学食堂",
    "温州市五马街道某某幼儿园食堂",
    "温州市鹿城区演示便利店（个体工商户）",
)


def commitment_fields(level: str = "乡级", **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "level": level,
        "committee": "温州市鹿城区五马街道食品安全委员会",
        "committee_short": "街道食安委",
        "issuer": "温州市鹿城区五马街道食品安全委员会",
        "cadre_name": "张䶮",
        "cadre_unit": "五马街道办事处",
        "cadre_post": "党工委委员、办事处副主任",
        "basis": "《中华人民共和国食品安全法》",
        "leader_title": "五马街道食品安全委员会主要负责人",
        "leader_unit": "五马街道食品安全委员会",
        "year": 2026,
        "entity_count": 12,
        "high_risk_count": 3,
        "valid_until": "2026年12月31日",
    }
    return fields | changes


def commitment(level: str = "乡级", **changes: Any) -> Content:
    fields = commitment_fields(level, **changes)
    office = Party(Role.OFFICE, 1, "office", fields["issuer"])
    cadre = Party(Role.CADRE, 2, "cadre", fields["cadre_unit"], fields["cadre_post"], fields["cadre_name"])
    leader = Party(Role.LEADER, 3, "leader", fields["leader_unit"], fields["leader_title"])
    envelope = Envelope(
        letter=LetterId("0123456789abcdef" * 2),
        number="五马食安诺〔2026〕7号",
        kind="commitment",
        title=f"食品安全责任与任务承诺书（{level}）",
        unit=fields["issuer"],
        date="2026-11-24",
        parties=(office, cadre, leader),
        list_version=2,
        list_sha256=Sha256Hex("3f2a91c077de1b20" * 4),
    )
    return Content(envelope, fields)


def list_row(no: int, tier: str = "C") -> dict[str, Any]:
    return {
        "no": no,
        "entity": _FIRMS[no % len(_FIRMS)],
        "uscc": f"9133030{no:03d}MA2K8PBRN"[:18].ljust(18, "X"),
        "format": _FORMATS[no % len(_FORMATS)],
        "risk": "ABCD"[no % 4],
        "tier": tier,
        "address": f"五马街道示例路{no}弄{no + 3}号{'一层临街东首商铺' if no % 3 == 0 else ''}",
        "person": ("陈样例", "林某", "欧阳示范", "周喆")[no % 4],
        "person_mobile": f"1390000{no:04d}",
        "cadre": ("张䶮", "李堃", "司马演示")[no % 3],
        "cadre_post": ("办事处副主任", "党工委委员", "人大工委主任")[no % 3],
        "cadre_mobile": f"1380000{no:04d}",
        "station": "五马市场监督管理所",
    }


def responsibility_list(tier: str = "C", rows: int = 36, **changes: Any) -> Content:
    unit, committee = {
        "A": ("温州市", "温州市食品药品安全委员会"),
        "B": ("鹿城区", "温州市鹿城区食品药品安全委员会"),
        "C": ("五马街道", "温州市鹿城区五马街道食品安全委员会"),
        "D": ("纪家垟社区", "温州市鹿城区五马街道食品安全委员会"),
    }[tier]
    fields: dict[str, Any] = {
        "unit_name": unit,
        "tier": tier,
        "year": 2026,
        "version": 2,
        "compiled_by": committee + "办公室",
        "approved_by": committee,
        "approved_on": "2026年11月8日",
        "rows": [list_row(no, tier) for no in range(1, rows + 1)],
    }
    envelope = Envelope(
        letter=LetterId("fedcba9876543210" * 2),
        number="五马食安单〔2026〕2号",
        kind="responsibility_list",
        title=f"{unit}2026年度食品安全包保责任清单（包保{tier}级）",
        unit=committee + "办公室",
        date="2026-11-08",
        parties=(),
    )
    return Content(envelope, fields | changes)


@pytest.fixture(scope="session", name="commitment")
def _commitment() -> Callable[..., Content]:
    return commitment


@pytest.fixture(scope="session", name="responsibility_list")
def _responsibility_list() -> Callable[..., Content]:
    return responsibility_list


@pytest.fixture(scope="session")
def renderer() -> PdfRenderer:
    return PdfRenderer(FONTS)


class Remembering(PdfRenderer):
    """Makes each sample once for all the tests of a run that look at it."""

    def __init__(self, renderer: PdfRenderer) -> None:
        self._renderer = renderer

    def render(self, kind: Kind, content: Content, *, specimen: bool, mark: str | None = None) -> bytes:
        said = content_json(content.envelope, content.fields)
        made = partial(self._renderer.render, kind, content, specimen=specimen, mark=mark)
        return remembered((kind.id, said, specimen, mark), made)


@pytest.fixture(scope="session")
def remembering(renderer: PdfRenderer) -> PdfRenderer:
    return Remembering(renderer)


@pytest.fixture(scope="session")
def letter_kind() -> Kind:
    return load_kind(TEMPLATES / "commitment")


@pytest.fixture(scope="session")
def list_kind() -> Kind:
    return load_kind(TEMPLATES / "responsibility_list")
