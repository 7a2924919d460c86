"""The district's papers: complete as they stand, the same in Word and PDF, no signature alone, no name built in."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pypdfium2
import pytest

from service.documents.content import Content
from service.documents.docx import render_docx
from service.documents.kinds import Kind, load_kind
from service.documents.pdf import PdfRenderer
from service.documents.samples import Sample, samples
from service.documents.text import docx_words, normalise, pdf_pages, pdf_words
from service.documents.titles import title_lines
from service.registry import task_lists
from tests.documents import gbt

TEMPLATES = Path(__file__).parents[2] / "templates"
KINDS = (
    "adjustment",
    "approval_form",
    "delegation",
    "duty_report",
    "duty_summary",
    "official_letter",
    "plan",
    "raise_form",
    "supervision_list",
    "task_list",
    "team_roster",
)
_LEVELS = {"县级": "district", "乡级": "town", "村级": "village"}
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_LEAST = 40  # words on a page that bears a signature: more than names, labels and a date


def every_sample() -> Iterator[tuple[str, str]]:
    """Name every sample of every kind."""
    for name in KINDS:
        for sample in samples(load_kind(TEMPLATES / name)):
            yield name, sample.name


def of(kind: str, name: str) -> tuple[Kind, Sample]:
    """Return the kind and the sample of that name."""
    loaded = load_kind(TEMPLATES / kind)
    return loaded, next(sample for sample in samples(loaded) if sample.name == name)


@pytest.mark.parametrize(("kind", "name"), list(every_sample()))
def test_pdf_and_word_say_the_same_and_nobody_signs_an_empty_page(
    remembering: PdfRenderer, kind: str, name: str
) -> None:
    loaded, sample = of(kind, name)
    pdf = remembering.render(loaded, sample.content, specimen=True)
    words = docx_words(render_docx(loaded, sample.content, specimen=True))
    assert pdf_words(pdf, words.repeated) == words.text
    assert all(len(normalise(page)) >= _LEAST for page in pdf_pages(pdf))
    assert not _PHONE.search(words.text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_variant_has_a_sample_and_the_text_says_it_is_a_reference(kind: str) -> None:
    loaded = load_kind(TEMPLATES / kind)
    assert loaded.text_status == "reference"
    if loaded.variant_field:
        shown = {sample.content.fields[loaded.variant_field] for sample in samples(loaded)}
        assert shown == set(loaded.variants)


@pytest.mark.parametrize("kind", KINDS)
def test_no_committee_or_office_is_written_into_a_template(kind: str) -> None:
    for path in (TEMPLATES / kind / "document.html", TEMPLATES / kind / "items.toml"):
        if path.is_file():
            assert not re.search("委员会|食药?安委|食药?安办", _TAG.sub("", path.read_text("utf-8"))), path


@pytest.mark.parametrize(("level", "count"), [("县级", 12), ("乡级", 23), ("村级", 16)])
def test_the_samples_of_the_task_list_are_the_registrys_items(level: str, count: int) -> None:
    _, sample = of("task_list", level)
    day = date.fromisoformat(sample.content.envelope.date)
    items = task_lists.shipped().of(_LEVELS[level], day).items
    assert [tuple(row.values()) for row in sample.content.fields["checks"]] == [
        (item.no, item.category, item.content, item.criterion) for item in items
    ]
    assert len(items) == count


@pytest.mark.parametrize("scope", ["区对街镇", "街镇对村"])
def test_the_points_of_a_supervision_list_add_up_to_a_hundred(scope: str) -> None:
    rows = load_kind(TEMPLATES / "supervision_list").items["checks"]
    assert sum(row["points"] for row in rows if scope in row["variants"]) == 100


@pytest.mark.parametrize("kind", ["task_list", "adjustment", "approval_form", "raise_form", "delegation"])
def test_tiers_and_risks_are_never_bare_letters(kind: str) -> None:
    loaded = load_kind(TEMPLATES / kind)
    shown = (render_docx(loaded, sample.content, specimen=False) for sample in samples(loaded))
    text = "".join(docx_words(data).text for data in shown)
    assert re.search("包保[A-D]级", text)
    assert not re.search("(?<!包保)(?<!风险)[A-D]级", text)


@pytest.mark.parametrize("count", [11, 12, 17, 18, 22, 30])
def test_a_masthead_of_any_length_stays_inside_the_type_area(remembering: PdfRenderer, count: int) -> None:
    kind = load_kind(TEMPLATES / "official_letter")
    sample = samples(kind)[0].content
    fields = {**sample.fields, "masthead": "示" * (count - 2) + "文件"}
    pdf = pypdfium2.PdfDocument(remembering.render(kind, Content(sample.envelope, fields), specimen=False))
    text = pdf[0].get_textpage()
    drawn = [text.get_charbox(at) for at in range(count + 2) if text.get_text_range(at, 1) in "示文件"]
    assert len(drawn) == count
    assert min(box[0] for box in drawn) / gbt.MM >= 27.5
    assert max(box[2] for box in drawn) / gbt.MM <= 210 - 25.5


def test_long_titles_break_between_words_into_lines_of_like_length() -> None:
    for title, lines in {
        "关于2026年第三季度食品安全包保督导情况的通报": ("关于2026年第三季度", "食品安全包保督导情况的通报"),
        "示范区食品药品安全委员会关于2026年度食品安全包保工作情况的报告": (
            "示范区食品药品安全委员会关于2026年度",
            "食品安全包保工作情况的报告",
        ),
        "通报": ("通报",),
    }.items():
        assert title_lines(title) == lines
    for title in ("关于" + "样" * 70, "a" * 90, "", "《" * 30):
        assert "".join(title_lines(title)) == title


def test_a_letter_upward_names_who_signs_it_and_others_do_not(remembering: PdfRenderer) -> None:
    for name, shown in (("上行文", True), ("下行文", False), ("平行文", False)):
        loaded, sample = of("official_letter", name)
        assert ("签发人：" in pdf_words(remembering.render(loaded, sample.content, specimen=True))) is shown
