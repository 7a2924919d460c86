"""Content files: what is handed out to fill in can be read again, and what is wrong in one is named."""

from pathlib import Path

import pytest

from service.documents import written
from service.documents.content import validate
from service.documents.kinds import Kind, load_kind
from service.documents.samples import samples
from service.errors import InputError

TEMPLATES = Path(__file__).parents[2] / "templates"


@pytest.mark.parametrize("folder", sorted(TEMPLATES.glob("*/kind.toml")), ids=lambda path: path.parent.name)
def test_a_blank_of_every_kind_is_read_as_its_sample(folder: Path, tmp_path: Path) -> None:
    kind, path = load_kind(folder.parent), tmp_path / "content.toml"
    path.write_text(written.blank(kind), "utf-8")
    (one,) = written.read(path)
    sample = samples(kind)[0].content
    assert one.number == sample.envelope.number and not one.unit
    assert validate(kind, one.fields) == validate(kind, sample.fields)


def test_a_blank_says_what_each_field_means(letter_kind: Kind) -> None:
    said = written.blank(letter_kind)
    assert "# 层级（必填；市级、县级、乡级、村级之一）" in said and "登记簿" in said


def test_several_documents_in_json_and_days_of_toml(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"documents": [{"fields": {"a": 1}}, {"unit": "示范区", "fields": {}}]}', "utf-8")
    assert [(one.unit, one.fields) for one in written.read(path)] == [("", {"a": 1}), ("示范区", {})]
    path = tmp_path / "a.toml"
    path.write_text("[fields]\nday = 2026-11-24\nrows = [{ due = 2026-12-01 }]", "utf-8-sig")
    assert written.read(path)[0].fields == {"day": "2026-11-24", "rows": [{"due": "2026-12-01"}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fields", "不是有效的 TOML"),
        ("number = '1'", "第1份缺少"),
        ("fields = 3", "第1份缺少"),
        ("surprise = 1\n[fields]", "“surprise”：没有这样的键"),
        ("number = 1\n[fields]", "“number”：类型不对"),
        ("documents = []", "documents"),
        ("unit = 'a'\n[[documents]]\n[documents.fields]", "不写别的"),
        ("\ud800", "UTF-8"),
        (None, "打不开"),
    ],
)
def test_what_is_wrong_in_a_content_file_is_named(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "content.toml"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match=message) as caught:
        written.read(path)
    assert caught.value.code == "E-DOC-117"


def test_a_deep_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 200_000, "utf-8")
    with pytest.raises(InputError, match="JSON"):
        written.read(path)
