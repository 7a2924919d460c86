"""A kind is its folder; a folder that says something else is refused with the file and key that are wrong."""

import shutil
from pathlib import Path

import pytest

from service.core import Role
from service.documents.kinds import Kind, TextStatus, load_kind
from service.errors import InputError

TEMPLATES = Path(__file__).parents[2] / "templates"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEMPLATES / "commitment", tmp_path / "commitment"))


def test_the_commitment_names_office_cadre_and_leader_in_this_order(letter_kind: Kind) -> None:
    assert [(p.role, p.order, p.field) for p in letter_kind.parties] == [
        (Role.OFFICE, 1, "office"),
        (Role.CADRE, 2, "cadre"),
        (Role.LEADER, 3, "leader"),
    ]
    assert letter_kind.text_status is TextStatus.REFERENCE


def test_every_kind_in_the_repository_loads() -> None:
    kinds = [load_kind(path.parent) for path in TEMPLATES.glob("*/kind.toml")]
    assert {kind.id for kind in kinds} >= {"commitment", "responsibility_list"}


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="没有名为“nothing”的文书种类"):
        load_kind(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('id = "commitment"', 'id = "other"', "id"),
        ('text_status = "reference"', 'text_status = "final"', "text_status"),
        ('retention = "30年"', "retention = 30", "retention"),
        ('retention = "30年"', 'retention = "30年"\nsurprise = 1', "surprise"),
        ('role = "cadre"', 'role = "king"', r"parties\[1\].role"),
        ("order = 3", "order = 7", r"parties\[2\].order"),
        ('field = "leader"', 'field = "cadre"', "签名域重复"),
        ('name = "committee"', 'name = "Committee!"', r"fields\[1\].name"),
        ('label = "层级"\n', "", r"fields\[0\].label"),
        ('variant_field = "level"', 'variant_field = "none"', "variant_field"),
        (r"pattern = '\d{4}年", r"pattern = '(\d{4}年", r"fields\[12\].pattern"),
    ],
)
def test_a_malformed_kind_is_refused_with_file_and_key(folder: Path, old: str, new: str, named: str) -> None:
    path = folder / "kind.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=rf"commitment/kind.toml.*{named}"):
        load_kind(folder)


def test_broken_toml_and_missing_templates_are_named(folder: Path) -> None:
    (folder / "document.html").unlink()
    with pytest.raises(InputError, match=r"缺少文件 document.html"):
        load_kind(folder)
    (folder / "kind.toml").write_text("id = ", "utf-8")
    with pytest.raises(InputError, match="不是有效的 TOML"):
        load_kind(folder)


def test_wording_rows_must_be_tables(folder: Path) -> None:
    (folder / "items_more.toml").write_text('clauses = ["text"]', "utf-8")
    with pytest.raises(InputError, match=r"items_more.toml 的“clauses”"):
        load_kind(folder)
