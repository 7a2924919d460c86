"""Printed pages of the archive: the report of a 四性检测, and the checkpoint of a day to be posted."""

import base64
from collections import Counter
from collections.abc import Iterator

from service.archive.inspection import Inspected, Inspection, Item, Result
from service.clock import CHINA, china_day
from service.core import Envelope, Json, LetterId, new_id
from service.documents import fonts
from service.documents.content import Content
from service.documents.docx import render_docx
from service.errors import NotFoundError
from service.registry import query
from service.tlog import cosignature
from service.workflows import going_out, marks, naming, witnessing
from service.workflows.anchoring import Anchored
from service.workflows.going_out import Going
from service.workflows.parts import Parts

REPORT, ANCHOR = "four_properties", "log_anchor"
MOST_REMARKS = 500  # lines of a printed report; the JSON has them all


def report(parts: Parts, found: Inspection, unit: str) -> dict[str, bytes]:
    """Return the printed report of an inspection as pdf and docx."""
    when = found.time.astimezone(CHINA)
    name = _unit_name(parts, unit, found)
    objects = (found.batch, *found.objects)
    counts = Counter(item.result for one in objects for item in one.items)
    fields: Json = {
        "unit_name": name,
        "stage": found.stage.value,
        "checked_at": f"{when.year}年{when.month}月{when.day}日 {when:%H:%M}",
        "count": len(found.objects),
        "result": found.result.value,
        "passed": counts[Result.PASSED],
        "failed": counts[Result.FAILED],
        "unchecked": counts[Result.UNCHECKED],
        "checks": _checks([item for one in objects for item in one.items]),
        "objects": [
            {"no": no, "code": one.name or "无档号", "number": one.title, "result": one.result.value}
            for no, one in enumerate(found.objects, 1)
        ],
        "remarks": list(_remarks(found))[:MOST_REMARKS],
    }
    number = f"四性检测-{unit}-{found.stage.value}-{when:%Y%m%d%H%M%S}"
    return _rendered(parts, REPORT, number, unit, fields)


def notice(parts: Parts, made: Anchored, unit: str) -> dict[str, bytes]:
    """Return the page that shows the root of an anchored checkpoint, as pdf and docx."""
    head, when = made.head.checkpoint, made.time.astimezone(CHINA)
    signed = parts.log.kept.read(head.size).signed
    cosigned = cosignature.cosignatures(signed, witnessing.cosigners(parts))
    with parts.sessions.begin() as session:
        issuer = naming.body(session, unit, china_day(parts.clock())).committee
    digits = head.root.hex()
    fields: Json = {
        "issuer": issuer,
        "origin": head.origin,
        "size": head.size,
        "root": base64.b64encode(head.root).decode(),
        "root_hex": " ".join(digits[at : at + 8] for at in range(0, len(digits), 8)),
        "stamped_at": f"{when.year}年{when.month}月{when.day}日 {when:%H:%M:%S}",
        "authority": made.authority,
        "log_key": parts.log.vkey,
        "witnesses": [{"name": one.cosigner.name} for one in cosigned],
    }
    return _rendered(parts, ANCHOR, f"存证检查点-{head.size}", unit, fields)


def _checks(items: list[Item]) -> list[Json]:
    by_number: dict[str, list[Item]] = {}
    for item in items:
        by_number.setdefault(item.number, []).append(item)
    return [
        {
            "number": number,
            "property": same[0].property,
            "name": same[0].name,
            "passed": sum(one.result is Result.PASSED for one in same),
            "failed": sum(one.result is Result.FAILED for one in same),
            "unchecked": sum(one.result is Result.UNCHECKED for one in same),
        }
        for number, same in sorted(by_number.items())
    ]


def _remarks(found: Inspection) -> Iterator[Json]:
    """Yield each failure, then what was not checked; what all objects have in common is said once."""
    for one in (found.batch, *found.objects):
        for item in one.items:
            if item.result is Result.FAILED:
                yield _remark(one.name or one.title or "无档号", item)
    common = Counter(
        (item.number, item.detail) for one in found.objects for item in one.items if _unchecked(item)
    )
    for one in (found.batch, *found.objects[:1]):
        for item in filter(_unchecked, one.items):
            shared = common[(item.number, item.detail)] == len(found.objects)
            yield _remark("各件" if shared and one is not found.batch else one.name, item)
    yield from _rare(found.objects[1:], common, len(found.objects))


def _rare(objects: tuple[Inspected, ...], common: Counter[tuple[str, str]], total: int) -> Iterator[Json]:
    for one in objects:
        for item in filter(_unchecked, one.items):
            if common[(item.number, item.detail)] < total:
                yield _remark(one.name, item)


def _unchecked(item: Item) -> bool:
    return item.result is Result.UNCHECKED


def _remark(name: str, item: Item) -> Json:
    return {"code": name, "number": item.number, "result": item.result.value, "detail": item.detail}


def _unit_name(parts: Parts, unit: str, found: Inspection) -> str:
    with parts.sessions.begin() as session:
        try:
            return naming.full_name(session, unit, china_day(found.time))
        except NotFoundError:
            return unit


def _rendered(parts: Parts, kind_name: str, number: str, unit: str, fields: Json) -> dict[str, bytes]:
    kind = parts.kind(kind_name)
    with parts.sessions.begin() as session:
        name = query.unit(session, unit, china_day(parts.clock())).name
    envelope = Envelope(
        letter=LetterId(new_id(parts.entropy)),
        number=number,
        kind=kind.id,
        title=kind.title,
        unit=name,
        date=china_day(parts.clock()).isoformat(),
        parties=(),
    )
    value = Content(envelope=envelope, fields=fields)
    pdf = parts.renderer.render(kind, value, specimen=parts.demo, mark=marks.mark(parts, value))
    if parts.log.held() is None:  # else a restored archive is looked into before it goes on
        going_out.issue(parts, Going(kind, value, number, unit, pdf))
        parts.log.publish()
    return {
        "pdf": pdf,
        "docx": render_docx(kind, value, specimen=parts.demo, faces=fonts.known(parts.settings.fonts)),
    }
