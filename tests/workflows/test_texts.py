"""Adopted texts: only what an office adopted, as it was adopted, is issued in production; a unit may have its own."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument
from sqlalchemy import func, select

from service.app import App
from service.db.tables import Letter, ListVersion
from service.documents.kinds import TextStatus
from service.documents.samples import samples
from service.errors import ConflictError, ForbiddenError, InputError
from service.settings import ROOT
from service.workflows import batch, letters, lists, texts
from service.workflows.parts import Parts
from tests.workflows import opening
from tests.workflows.opening import TOWN, VILLAGE, DayClock

DAY = date(2026, 11, 24)
OFFICE, BASIS = "示范区食药安委", "示食药安委〔2026〕12号"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("texts") / "var"
    opening.make_home(home, DAY)
    return home


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A unit's own folder, with one kind in it."""
    folder = tmp_path / "templates"
    shutil.copytree(ROOT / "templates" / "commitment", folder / "commitment")
    return folder


@pytest.fixture
def parts(home: Path, own: Path, tmp_path: Path) -> Parts:
    app: App = opening.open_copy(home, tmp_path / "var", DayClock(DAY))
    return _with(app.parts, templates=own)


def _with(parts: Parts, **changes: object) -> Parts:
    return replace(parts, settings=parts.settings.model_copy(update=changes))


def _adopt(parts: Parts, kind: str = letters.KIND) -> texts.Standing:
    return texts.adopt(parts, kind, by=OFFICE, on=date(2026, 11, 16), basis=BASIS, who="经办人")


def _footer(parts: Parts) -> str:
    kind = texts.printable(parts, letters.KIND)
    pdf = parts.renderer.render(kind, samples(kind)[0].content, specimen=False)
    return str(PdfDocument(pdf)[0].get_textpage().get_text_bounded())


def test_the_mark_of_a_reference_text_goes_when_it_is_adopted_and_comes_back_when_it_changes(
    parts: Parts, own: Path
) -> None:
    assert "参考文本，待核定" in _footer(parts)
    adopted = _adopt(parts)
    assert adopted.applies and OFFICE in adopted.words and BASIS in adopted.words
    assert "参考文本" not in _footer(parts)
    items = own / "commitment" / "items.toml"
    items.write_text(items.read_text("utf-8") + "\n# 改动\n", "utf-8")
    assert "参考文本，待核定" in _footer(parts)
    with parts.sessions.begin() as session:
        now = texts.standing(session, parts.kind(letters.KIND))
    assert not now.applies and "该次核定不再适用" in now.words and OFFICE in now.words


def test_a_withdrawn_text_is_a_reference_again_until_it_is_adopted_anew(parts: Parts) -> None:
    on, why = date(2026, 11, 20), "示食药安委〔2026〕15号"
    with pytest.raises(ConflictError, match="没有可以撤销"):
        texts.withdraw(parts, letters.KIND, by=OFFICE, on=on, basis=why, who="经办人")
    _adopt(parts)
    with pytest.raises(InputError, match="之前"):
        texts.withdraw(parts, letters.KIND, by=OFFICE, on=date(2026, 11, 15), basis=why, who="经办人")
    now = texts.withdraw(parts, letters.KIND, by=OFFICE, on=on, basis=why, who="经办人")
    assert not now.applies and "撤销" in now.words and why in now.words
    with pytest.raises(ForbiddenError, match="撤销"):
        texts.printable(_with(parts, environment="production"), letters.KIND)
    assert _adopt(parts).applies
    with parts.sessions.begin() as session:
        assert [row.act for row in texts.history(session, letters.KIND)] == ["核定", "撤销", "核定"]


def test_samples_may_change_without_a_new_adoption(parts: Parts, own: Path) -> None:
    _adopt(parts)
    sample = own / "commitment" / "sample.toml"
    sample.write_text(sample.read_text("utf-8") + "\n# 改动\n", "utf-8")
    assert texts.printable(parts, letters.KIND).text_status is TextStatus.ADOPTED


def test_production_issues_no_reference_text(parts: Parts, tmp_path: Path) -> None:
    strict = _with(parts, environment="production")
    for attempt in (
        lambda: letters.plan_letters(strict, TOWN, who="经办人"),
        lambda: lists.compile_list(strict, VILLAGE, "D", who="经办人"),
        lambda: batch.run(strict, batch.Order("task_list"), tmp_path / "out"),
    ):
        with pytest.raises(ForbiddenError, match="核定") as caught:
            attempt()
        assert caught.value.code == "E-DOC-102" and "liangze text adopt" in caught.value.message
    with strict.sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 0
        assert session.scalar(select(func.count()).select_from(ListVersion)) == 0
    assert not (tmp_path / "out").exists()
    _adopt(strict, lists.KIND)
    assert lists.compile_list(strict, VILLAGE, "D", who="经办人")


def test_a_kind_that_calls_itself_adopted_is_not_believed(parts: Parts, own: Path) -> None:
    path = own / "commitment" / "kind.toml"
    path.write_text(path.read_text("utf-8").replace('"reference"', '"adopted"'), "utf-8")
    assert texts.printable(parts, letters.KIND).text_status is TextStatus.REFERENCE


def test_an_adoption_names_who_when_and_why_and_is_recorded_once(parts: Parts) -> None:
    for by, basis, on in (("", BASIS, DAY), (OFFICE, " ", DAY), (OFFICE, BASIS, date(2026, 11, 25))):
        with pytest.raises(InputError) as caught:
            texts.adopt(parts, letters.KIND, by=by, on=on, basis=basis, who="经办人")
        assert caught.value.code == "E-DOC-101"
    _adopt(parts)
    _adopt(parts)
    with parts.sessions.begin() as session:
        rows = texts.history(session, letters.KIND)
        assert [(row.by, row.on, row.basis, row.recorded_by) for row in rows] == [
            (OFFICE, date(2026, 11, 16), BASIS, "经办人")
        ]


def test_a_unit_overrides_one_kind_and_keeps_the_shipped_ones(parts: Parts, own: Path) -> None:
    page = own / "commitment" / "document.html"
    page.write_text(page.read_text("utf-8").replace("</h1>", "（甲）</h1>", 1), "utf-8")
    assert "（甲）" in _footer(parts)
    assert parts.kind(letters.KIND).folder == own / "commitment"
    assert parts.kind(lists.KIND).folder == ROOT / "templates" / "responsibility_list"
    assert set(parts.catalogue.names()) == {path.parent.name for path in ROOT.glob("templates/*/kind.toml")}


@pytest.mark.parametrize("name", ["../commitment", "/etc", "", "commitment/..", "COMMITMENT", "circle"])
def test_a_name_that_is_no_kind_is_refused_with_those_there_are(parts: Parts, name: str) -> None:
    with pytest.raises(InputError, match=r"现有：.*commitment") as caught:
        parts.kind(name)
    assert caught.value.code == "E-DOC-015"
