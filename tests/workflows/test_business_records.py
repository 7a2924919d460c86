"""日管控, 周排查, 月调度: registered once, logged, and their gaps told by a check."""

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.db.tables import LogEntry
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import business_records as registry
from service.registry.business_records import DAILY, MONTHLY, WEEKLY, Paper
from service.workflows import business_records, duties
from tests.workflows import opening
from tests.workflows.opening import DayClock

DAY = date(2026, 3, 5)  # a Thursday
CLERK = "录入员"
HEAD = "主体,种类,日期,记录人,隐患数,停业,摘要\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("papers") / "var"
    opening.make_home(home, date(2026, 1, 5))
    return home


@pytest.fixture
def app(home: Path, tmp_path: Path) -> Iterator[App]:
    app = opening.open_copy(home, tmp_path / "var", DayClock(DAY))
    yield app
    opening.close(app)


@pytest.fixture
def firm(app: App) -> str:
    return business_records.missing(app.parts)[0].entity


def whole(firm: str) -> list[tuple[str, Paper]]:
    return [(firm, Paper(kind, start, "张样")) for kind, start, _ in registry.due(DAY)]


def findings(app: App, code: str) -> list[str]:
    return [one.what for one in duties.check(app.parts, on=DAY) if one.code == code]


def test_periods_begin_on_the_day_the_monday_and_the_first() -> None:
    assert registry.begins(DAILY, DAY) == DAY
    assert registry.begins(WEEKLY, DAY) == date(2026, 3, 2)
    assert registry.begins(MONTHLY, DAY) == date(2026, 3, 1)
    assert [start for kind, start, _ in registry.due(DAY) if kind != DAILY] == [
        date(2026, 2, 23),
        date(2026, 2, 1),
    ]


def test_a_firm_with_all_records_has_no_gap_and_one_day_left_out_is_found(app: App, firm: str) -> None:
    before = len(business_records.missing(app.parts))
    papers = whole(firm)
    assert business_records.register(app.parts, papers[1:], who=CLERK) == len(papers) - 1
    assert findings(app, "CHK-631") == [f"缺记录：日管控{papers[0][1].on}"]
    assert business_records.register(app.parts, papers, who=CLERK) == 1
    assert findings(app, "CHK-631") == []
    assert len(business_records.missing(app.parts)) == before - 1
    assert len(findings(app, "CHK-630")) == 1
    with app.parts.sessions.begin() as session:
        logged = [row.entry for row in session.scalars(select(LogEntry)) if b"business_records" in row.entry]
    assert len(logged) == 2


def test_another_paper_for_the_same_day_is_refused_and_nothing_is_half_done(app: App, firm: str) -> None:
    business_records.register(app.parts, [(firm, Paper(DAILY, DAY, "张样", sha256="1" * 64))], who=CLERK)
    rest = [(firm, Paper(WEEKLY, DAY, "张样")), (firm, Paper(DAILY, DAY, "张样", sha256="2" * 64))]
    with pytest.raises(ConflictError, match="E-REG-891"):
        business_records.register(app.parts, rest, who=CLERK)
    assert business_records.register(app.parts, rest[:1], who=CLERK) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_a_table_is_read_as_spreadsheets_write_it(app: App, firm: str, tmp_path: Path, encoding: str) -> None:
    rows = f"{firm},日管控,2026-03-04,张样,0,是,\n{firm},周排查,2026-03-02,李样,2,,{'a' * 64}\n"
    papers = business_records.read_table(table(tmp_path, rows, encoding))
    assert [paper.closed for _, paper in papers] == [True, False]
    assert business_records.register(app.parts, papers, who=CLERK) == 2


def test_the_faults_of_a_table_are_named_by_line(app: App, firm: str, tmp_path: Path) -> None:
    for bad in (
        "x,日管控,三月,张样,0,,",
        "x,日管控,2026-03-04,张样,零,,",
        "x,日管控,2026-03-04,张样,0,,zz",
        "x",
    ):
        with pytest.raises(InputError, match="第2行"):
            business_records.read_table(table(tmp_path, bad))
    good = f"{firm},日管控,2026-03-04,张样,0,,"
    papers = business_records.read_table(table(tmp_path, f"{good}\n没有这户,日管控,2026-03-04,张样,0,,"))
    with pytest.raises(NotFoundError, match=r"第3行：.*没有这户"):
        business_records.register(app.parts, papers, who=CLERK, first_line=2)
    assert business_records.register(app.parts, papers[:1], who=CLERK) == 1
    for data in (b"", b"\x00", b"a,b\n1,2", HEAD.encode(), random.Random(1).randbytes(300)):
        path = tmp_path / "bad.csv"
        path.write_bytes(data)
        with pytest.raises(InputError):
            business_records.read_table(path)


def table(folder: Path, rows: str, encoding: str = "utf-8") -> Path:
    path = folder / "records.csv"
    path.write_text(HEAD + rows, encoding=encoding)
    return path


@pytest.mark.parametrize(
    "paper",
    [Paper("年总结", DAY, "张样"), Paper(DAILY, date(2026, 3, 6), "张样"), Paper(DAILY, DAY, " ")],
)
def test_an_unknown_kind_a_coming_day_and_nobody_are_refused(app: App, firm: str, paper: Paper) -> None:
    with pytest.raises(InputError):
        business_records.register(app.parts, [(firm, paper)], who=CLERK)
