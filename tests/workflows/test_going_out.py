"""Notices, boards and lists that a batch makes: on record, kept, logged; a replaced or void one is never green."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import select

from service.app import App
from service.archive import audit
from service.core import Sha256Hex, parse_entry
from service.db.tables import Entity, ListVersion, LogEntry, Printed
from service.documents import written
from service.errors import ConflictError, InputError, NotFoundError
from service.registry.visits import Found
from service.verification import known
from service.verification.known import State
from service.workflows import batch, going_out, letters, lists, marks, originals, paper_sources, visits
from service.workflows.batch import Order
from tests.workflows import opening
from tests.workflows.opening import VILLAGE, DayClock

DAY, NEXT = date(2026, 11, 24), date(2026, 11, 25)
PDF = ("pdf",)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("going_out") / "var"
    opening.make_home(home, DAY, entities=16)
    return home


@pytest.fixture
def clock() -> DayClock:
    return DayClock(DAY)


@pytest.fixture
def app(home: Path, tmp_path: Path, clock: DayClock) -> Iterator[App]:
    app = opening.open_copy(home, tmp_path / "var", clock)
    yield app
    opening.close(app)


def code(path: Path) -> str:
    """Return the text of the code on the first page, as a scanner sees it."""
    page = pypdfium2.PdfDocument(path)[0].render(scale=300 / 72, grayscale=True).to_pil()
    (found,) = zxingcpp.read_barcodes(page)
    return str(found.text)


def state(app: App, text: str) -> State:
    now = app.parts.clock()
    return known.judge(text, known.read_known(marks.known_bytes(app.parts, now)), now).state


def made(app: App, order: Order, out: Path, **more: object) -> list[Path]:
    found = batch.run(app.parts, order, out, workers=0, **more)  # type: ignore[arg-type]
    assert found.faults == []
    return [out / one.name for one in found.made]


def visited(app: App) -> tuple[str, ...]:
    """Record a visit that found two problems, and return their ids."""
    (entity, cadre), *_ = opening.bonds(app, DAY).items()
    found = Found({2: ("不符合", "未公示监督电话"), 3: ("不符合", "台账不全")})
    return visits.record(app.parts, cadre, entity, DAY, "现场", found, who="录入员").problems


def test_a_notice_issued_anew_takes_the_place_of_the_former(
    app: App, clock: DayClock, tmp_path: Path
) -> None:
    problem, _ = visited(app)
    order = Order("rectification_notice", formats=PDF)
    (first,) = made(app, order, tmp_path / "first")
    copied = code(first)
    assert state(app, copied) is State.GENUINE
    clock.set(NEXT)
    visits.close(app.parts, problem, on=NEXT, remedy="已张贴", who="录入员")
    (second,) = made(app, order, tmp_path / "second")
    assert state(app, copied) is State.SUPERSEDED and state(app, code(second)) is State.GENUINE
    with app.parts.sessions.begin() as session:
        old, new = session.scalars(select(Printed).order_by(Printed.at))
        assert old.target == new.target and old.number != new.number
        assert app.parts.store.get(Sha256Hex(str(old.file))) == first.read_bytes()
        entries = [parse_entry(one.entry) for one in session.scalars(select(LogEntry))]
        logged = {one.id: one.file.sha256 for one in entries if one.file}
        assert (logged[old.content], logged[new.content]) == (old.file, new.file)
        kept = new.content
    assert originals.receipt_of_paper(app.parts, kept).startswith(b"c2sp.org/tlog-proof@v1")
    assert audit.audit(app.parts.settings.archive, app.parts.log.vkey, audit.Scope(full=True)).ok


def test_a_void_notice_is_known_to_be_so_and_not_issued_again(app: App, tmp_path: Path) -> None:
    visited(app)
    order = Order("rectification_notice", formats=PDF)
    (path,) = made(app, order, tmp_path / "first")
    with app.parts.sessions.begin() as session:
        paper = session.scalars(select(Printed)).one()
        number = paper.number
        assert going_out.only(session, number, None, DAY).content == paper.content
        with pytest.raises(NotFoundError, match="没有编号为"):
            going_out.only(session, number, opening.DISTRICT, DAY)
    with pytest.raises(InputError, match="原因"):
        going_out.void(app.parts, paper.content, who="审定人", why=" ")
    going_out.void(app.parts, paper.content, who="审定人", why="发错对象")
    assert state(app, code(path)) is State.VOID
    with pytest.raises(ConflictError, match="已经作废"):
        going_out.void(app.parts, paper.content, who="审定人", why="发错对象")
    for folder in ("first", "again"):
        again = batch.run(app.parts, order, tmp_path / folder, workers=0)
        assert [one.code for one in again.faults] == ["E-DOC-121"] and again.made == []
        assert {one.name for one in (tmp_path / folder).iterdir()} == {"manifest.json", "faults.csv"}


def test_a_board_holds_until_its_words_change(app: App, clock: DayClock, tmp_path: Path) -> None:
    order = Order("notice_board", VILLAGE, None, PDF)
    first = made(app, order, tmp_path / "first")
    codes = [code(path) for path in first]
    clock.set(NEXT)
    with app.parts.sessions.begin() as session:
        changed = session.scalars(select(Printed).order_by(Printed.content)).first()
        assert changed is not None
        number = changed.number
        for row in session.scalars(select(Entity)):
            if f"公示〔{NEXT.year}〕{row.entity[:8]}号" == number:
                row.officer = "新任"
    second = made(app, order, tmp_path / "second")
    states = [state(app, one) for one in codes]
    assert states.count(State.SUPERSEDED) == 1 and states.count(State.GENUINE) == len(first) - 1
    assert {state(app, code(path)) for path in second} == {State.GENUINE}
    with app.parts.sessions.begin() as session:
        assert [one.state for one in going_out.numbered(session, number)] == ["", "superseded"]


def test_what_is_issued_again_as_it_was_holds_again(app: App, tmp_path: Path) -> None:
    order = Order("notice_board", VILLAGE, None, PDF)
    first = made(app, order, tmp_path / "first")
    for officer, folder, now, then in (
        ("新任", "second", State.SUPERSEDED, State.GENUINE),
        (None, "first", State.GENUINE, State.SUPERSEDED),
    ):
        with app.parts.sessions.begin() as session:
            for row in session.scalars(select(Entity)):
                row.officer, row.director = officer, None
        found = made(app, order, tmp_path / folder)
        if officer:
            changed = [code(path) for path in found]
        assert {state(app, code(path)) for path in first} == {now}
        assert {state(app, one) for one in changed} == {then}


def test_each_week_has_its_own_review_and_an_enterprise_keeps_its_papers(
    app: App, clock: DayClock, tmp_path: Path
) -> None:
    order = Order("weekly_review", VILLAGE, None, PDF)
    first = made(app, order, tmp_path / "first")
    clock.set(date(2026, 12, 1))
    made(app, order, tmp_path / "second")
    assert state(app, code(first[0])) is State.GENUINE
    with app.parts.sessions.begin() as session:
        assert set(session.scalars(select(Printed.file))) == {None}
        assert going_out.numbered(session, session.scalars(select(Printed.number)).first() or "") == []


def test_a_letter_that_people_wrote_is_replaced_under_its_number(
    app: App, clock: DayClock, tmp_path: Path
) -> None:
    kind, path = app.parts.kind("official_letter"), tmp_path / "letter.toml"
    words = written.blank(kind).replace('unit = ""', f'unit = "{opening.TOWN}"')
    path.write_text(words, "utf-8")
    (first,) = made(app, Order(kind.id, formats=PDF), tmp_path / "first", written=written.read(path))
    path.write_text(words.replace('title = "', 'title = "修改后的'), "utf-8")
    (second,) = made(app, Order(kind.id, formats=PDF), tmp_path / "second", written=written.read(path))
    assert state(app, code(first)) is State.SUPERSEDED and state(app, code(second)) is State.GENUINE


def test_a_lists_codes_follow_its_version_and_a_letters_the_letter(app: App, tmp_path: Path) -> None:
    listed = lists.compile_list(app.parts, opening.TOWN, "C", who="经办人")
    letters.plan_letters(app.parts, opening.TOWN, who="经办人")
    made(app, Order(letters.KIND, opening.TOWN, None, PDF), tmp_path / "letters")
    (path,) = made(app, Order(lists.KIND, opening.TOWN, "C", PDF), tmp_path / "list")
    with app.parts.sessions.begin() as session:
        row = session.scalars(select(Printed)).one()
        assert (row.target, row.stage, row.file) == (listed, lists.DRAFT, None)
    lists.render(app.parts, listed)
    with app.parts.sessions.begin() as session:
        row = session.scalars(select(Printed)).one()
        assert app.parts.store.get(Sha256Hex(str(row.file))).startswith(b"%PDF-")
        paper = row.content
        session.scalars(select(ListVersion)).one().approved_on = DAY
    (posted,) = made(app, Order(paper_sources.POSTED, opening.TOWN, "C", PDF), tmp_path / "posted")
    assert state(app, code(posted)) is State.GENUINE
    with app.parts.sessions.begin() as session:
        session.scalars(select(ListVersion)).one().state = "superseded"
    assert state(app, code(posted)) is State.SUPERSEDED
    assert originals.receipt_of_paper(app.parts, paper).startswith(b"c2sp.org/tlog-proof@v1")
    assert state(app, code(path)) is State.SUPERSEDED
    with app.parts.sessions.begin() as session:
        assert originals.get_paper(session, paper).state == "superseded"
    with pytest.raises(ConflictError, match="不能直接作废"):
        going_out.void(app.parts, paper, who="审定人", why="重编")
