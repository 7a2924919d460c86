"""The enterprise's kinds and the papers of visits: every sample of every line of business says what it must."""

import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest

from service.documents.docx import render_docx
from service.documents.kinds import Kind, TextStatus, load_kind
from service.documents.pdf import PdfRenderer
from service.documents.samples import Sample, samples
from service.documents.text import docx_words, pdf_words

TEMPLATES = Path(__file__).parents[2] / "templates"
BY_SECTOR = (
    *("director_duties", "officer_rules", "risk_list", "daily_check"),
    *("weekly_review", "monthly_meeting", "veto_advice"),
)
LETTERS = ("rectification_notice", "interview_notice", "circular")
BOARDS = ("notice_board", "notice_board_a3")
KINDS = (*BY_SECTOR, "appointment", "visit_record", *LETTERS, *BOARDS)
SECTORS = {"生产", "销售", "餐饮", "学校食堂"}
OPEN_ENDED = re.compile(r"\{\{|\{%|None|undefined")


def of(kind: str, name: str | None = None) -> tuple[Kind, Sample]:
    """Return a kind and its sample of that name, else its first."""
    found = load_kind(TEMPLATES / kind)
    return found, next(one for one in samples(found) if name in (None, one.name))


def words(kind: str, name: str | None = None) -> str:
    """Return the words of a sample's Word file."""
    found, sample = of(kind, name)
    return docx_words(render_docx(found, sample.content, specimen=False)).text


def all_samples() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for sample in samples(load_kind(TEMPLATES / kind)):
            yield kind, sample.name


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_is_a_reference(kind: str) -> None:
    assert load_kind(TEMPLATES / kind).text_status is TextStatus.REFERENCE


@pytest.mark.parametrize("kind", BY_SECTOR)
def test_every_line_of_business_has_a_sample(kind: str) -> None:
    found = load_kind(TEMPLATES / kind)
    assert set(found.variants) == SECTORS
    assert {sample.content.fields["sector"] for sample in samples(found)} == SECTORS


@pytest.mark.parametrize(("kind", "name"), list(all_samples()))
def test_every_sample_is_whole_in_word(kind: str, name: str) -> None:
    text = words(kind, name)
    assert not OPEN_ENDED.search(text)
    assert len(text) > (150 if kind in BOARDS else 300)
    assert not re.search(r"(?<!包保)(?<!风险)[A-D]级", text)


@pytest.mark.parametrize("kind", KINDS)
def test_word_and_pdf_say_the_same(kind: str, remembering: PdfRenderer) -> None:
    found, sample = of(kind)
    word = docx_words(render_docx(found, sample.content, specimen=False))
    assert pdf_words(remembering.render(found, sample.content, specimen=False), word.repeated) == word.text


@pytest.mark.parametrize("sector", sorted(SECTORS))
def test_the_rows_of_a_line_of_business_are_its_own_and_enough(sector: str) -> None:
    checks = load_kind(TEMPLATES / "daily_check").items["checks"]
    risks = load_kind(TEMPLATES / "risk_list").items["risks"]
    own = {str(row["text"]) for row in checks if row["variants"] == [sector]}
    assert 19 <= len(own) <= 24
    assert 15 <= sum(row["variants"] == [sector] for row in risks) <= 20
    others = {str(row["text"]) for row in checks if row["variants"] != [sector]}
    assert len(own - others) > len(own) / 2
    assert all(row["level"] in ("高", "中", "低") and row["often"] in ("日", "周", "月") for row in risks)


@pytest.mark.parametrize("kind", ["director_duties", "officer_rules"])
def test_the_six_duties_are_there_and_each_is_made_specific_where_the_trade_matters(kind: str) -> None:
    items = load_kind(TEMPLATES / kind).items
    six = {
        "director_duties": ("policy", "risks", "emergency", "people", "inspection", "other"),
        "officer_rules": ("process", "records", "hazards", "health", "accident", "other"),
    }[kind]
    assert all(items[name] for name in six)
    specific = [name for name in six if {tuple(row.get("variants", ())) for row in items[name]} - {()}]
    assert len(specific) >= 4
    text = words(kind)
    assert all(f"{number}、" in text for number in "一二三四五六")


def test_training_hours_are_asked_only_since_the_text_that_asks_them() -> None:
    for kind in ("director_duties", "officer_rules"):
        assert "40小时" in words(kind, "餐饮") and "40小时" not in words(kind, "餐饮2022")
    assert "40小时" in words("appointment", "学校安全员") and "40小时" not in words(
        "appointment", "安全员2022"
    )


def test_a_paper_of_2022_cites_the_text_of_2022() -> None:
    assert "令第60号" in words("director_duties", "餐饮2022")
    assert "令第60号" not in words("director_duties", "餐饮")


def test_forms_for_the_hand_have_empty_boxes_and_rows_to_write_in() -> None:
    for kind, name in (("visit_record", "村级手填"), ("daily_check", "餐饮"), ("veto_advice", "生产空白")):
        text = words(kind, name)
        assert text.count("□") > 6 and "☑" not in text
    for kind in ("daily_check", "weekly_review", "monthly_meeting", "veto_advice", "visit_record"):
        heights = [int(mm) for mm in re.findall(r"height:(\d+)mm", load_kind(TEMPLATES / kind).html())]
        assert min(heights) >= 10 and max(heights) >= 12


def test_what_is_ticked_is_ticked_once() -> None:
    assert words("weekly_review", "学校食堂").count("☑") == 1
    text = words("visit_record", "乡级")
    assert text.count("☑") == 23 + 1  # the items, and how the visit was made


def test_the_board_is_one_page_and_says_the_same_on_a4_and_a3(remembering: PdfRenderer) -> None:
    long = {
        "entity": "示范区样例街道某某食品供应链管理（集团）有限公司演示大道第二分公司中心店",
        "cadre_post": "样例街道党工委委员、人大工委主任、办事处副主任",
        "officer": "周演示、吴例子、郑示意、欧阳样本、钱某某",
    }
    for name in ("A级", "B级", "C级", "D级"):
        assert words("notice_board", name) == words("notice_board_a3", name)
    for kind, size in zip(BOARDS, ((595, 842), (842, 1191)), strict=True):
        found, sample = of(kind, "C级")
        for change in ({}, long):
            fields = {**sample.content.fields, **change}
            pdf = remembering.render(
                found, type(sample.content)(sample.content.envelope, fields), specimen=False
            )
            with pypdfium2.PdfDocument(pdf) as document:
                assert len(document) == 1
                assert tuple(round(side) for side in document[0].get_size()) == size


def test_a_letter_never_leaves_its_seal_alone_on_a_page(remembering: PdfRenderer) -> None:
    for kind in LETTERS:
        found = load_kind(TEMPLATES / kind)
        for sample in samples(found):
            pdf = remembering.render(found, sample.content, specimen=False)
            with pypdfium2.PdfDocument(pdf) as document:
                pages = [page.get_textpage().get_text_range() for page in document]
            issuer = str(sample.content.fields["issuer"])
            sealed = next(page for page in reversed(pages) if re.search(rf"{issuer}\s+\d{{4}}年", page))
            assert sealed.index(issuer) > 10  # words stand before it
