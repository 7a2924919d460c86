"""A year in the life of a district: from the import to the reports, it ends with exactly the right open duties."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.archive import audit
from service.db.changes import Change
from service.db.records import Problem, Supervision
from service.db.tables import Letter, ListVersion
from service.registry import query, rules, visiting
from service.registry.list_review import Decision
from service.registry.standing import Measure, Standing
from service.registry.supervision import Inspection, Shortcoming
from service.registry.task_lists import BAD
from service.registry.visits import Found
from service.settings import Settings
from service.workflows import (
    adjusting,
    changes,
    duties,
    duty_reports,
    enrolment,
    intake,
    letters,
    list_review,
    lists,
    signing,
    submissions,
    supervision,
    visits,
)
from tests.conftest import DATABASES
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE, DayClock

CITY = "330300"
BEGIN = date(2026, 1, 5)
END = date(2026, 12, 31)
PIN = "806317"
CALENDAR_2027 = """
[[years]]
year = 2027
source = "样例通知"
holidays = [2027-01-01, 2027-01-04, 2027-01-05]
"""
CLERK, BOSS = "录入员", "审批人"


class Year:
    """The district with its clock, and what happened that later steps refer to."""

    def __init__(self, app: App, clock: DayClock) -> None:
        self.app, self.parts, self.clock = app, app.parts, clock
        self.day = BEGIN

    def go(self, month: int, day: int, hour: int = 9) -> date:
        self.day = date(2026, month, day)
        self.clock.set(self.day, hour)
        return self.day

    def standing(self) -> Standing:
        return duties.standing(self.parts, on=self.day)

    def open(self, measure: Measure) -> list[str]:
        return sorted(str(duty.subject) for duty in self.standing().duties if duty.measure is measure)

    def put_in_force(self, unit: str, tier: str, by: str, adjustment: str = "") -> str:
        made = lists.compile_list(self.parts, unit, tier, who=CLERK)
        list_review.submit(self.parts, made, who=CLERK)
        list_review.approve(self.parts, made, Decision(by, self.day, f"{self.day}纪要"), who=BOSS)
        list_review.bring_into_force(self.parts, made, who=CLERK, adjustment=adjustment)
        return made

    def state_of(self, list_id: str) -> str:
        with self.parts.sessions.begin() as session:
            return session.get_one(ListVersion, list_id).state

    def visit_all(self, leave_out: frozenset[str] = frozenset()) -> None:
        """Let every cadre visit all their entities that are open, each cadre in one act."""
        rounds: dict[str, dict[str, Found]] = defaultdict(dict)
        status = {one.entity: one.status for one in opening.entities_of(self.app, self.day)}
        for entity, cadre in opening.bonds(self.app, self.day).items():
            if status.get(entity) == "在营" and entity not in leave_out:
                rounds[cadre][entity] = Found({})
        for cadre, found in rounds.items():
            visits.record_together(self.parts, cadre, found, self.day, went_in=True, who=CLERK)


@pytest.fixture(params=DATABASES)
def year(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Year]:
    url = request.getfixturevalue("new_database")() if request.param == "postgresql" else ""
    opening.make_home(tmp_path / "var", BEGIN, url=url)
    clock = DayClock(BEGIN)
    settings = Settings(home=tmp_path / "var", database_url=url, workers=1)
    year = Year(composition.build(settings, clock, random.Random(2).randbytes), clock)
    year.go(1, 6)
    yield year
    opening.close(year.app)


def sign_village(year: Year) -> int:
    """Issue, sign and countersign the commitments of one village; return how many."""
    parts = year.parts
    seal = enrolment.register_seal(parts, TOWN, "五马街道食品安全委员会印章", "DEMO001", None)
    enrolment.enrol_seal(parts, seal, PIN)
    plan = letters.plan_letters(parts, VILLAGE, who=CLERK)
    year.app.drain()
    signing.seal_letters(parts, VILLAGE, PIN, device="test")
    year.app.drain()
    with parts.sessions.begin() as session:
        rows = session.scalars(select(Letter)).all()
    cadres, leaders = {row.cadre for row in rows}, {str(row.leader) for row in rows}
    for person in sorted(cadres | leaders):
        enrolment.enrol_person(parts, person, PIN)
    for group in (cadres, leaders):
        for person in sorted(group):
            signing.sign_letters(parts, person, PIN, device="test")
        year.app.drain()
    return len(plan.letters)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # `init` leaves its engine open
def test_a_year_of_a_district_ends_with_the_right_open_duties(year: Year, tmp_path: Path) -> None:
    parts, book = year.parts, rules.shipped()

    # January: lists approved, in force and handed in; commitments of one village signed.
    village_list = year.put_in_force(VILLAGE, "D", TOWN)
    year.put_in_force(TOWN, "C", TOWN)
    submissions.open_round(parts, DISTRICT, 2026, submissions.parse_due("2026-01-09 12:00"), who=BOSS)
    assert len(year.open(Measure.SUBMISSION)) == 1
    year.go(1, 9, 11)
    assert submissions.hand_in(parts, TOWN, 2026, who=CLERK)
    assert year.open(Measure.SUBMISSION) == []
    signed = sign_village(year)
    figure = year.standing().figure(Measure.COMMITMENT)
    assert figure.done == signed > 0 and figure.open > 0

    # First quarter: everybody visited; one grave problem handed over and closed.
    bonds = opening.bonds(year.app, year.day)
    entities = {one.entity: one for one in opening.entities_of(year.app, year.day)}
    (special, *_) = [
        entity
        for entity in bonds
        if visiting.on_site_reason(entities[entity], book.on_site, BEGIN) is not None
    ]
    plain = [
        entity
        for entity in bonds
        if entities[entity].tier == "D"
        and visiting.on_site_reason(entities[entity], book.on_site, BEGIN) is None
    ]
    closing, pausing, moving, troubled = plain[:4]
    year.go(3, 10)
    grave = Found({1: (BAD, "许可证过期")}, severity="严重")
    (problem,) = visits.record(parts, bonds[troubled], troubled, year.day, "现场", grave, who=CLERK).problems
    visits.hand_over(parts, problem, on=year.day, who=CLERK, station="五马监管所")
    year.visit_all(frozenset({troubled}))
    year.go(3, 20)
    visits.close(parts, problem, on=year.day, remedy="已换证", who=CLERK)
    year.go(3, 31)
    assert year.open(Measure.VISIT) == year.open(Measure.ON_SITE) == year.open(Measure.PROBLEM) == []

    # Second quarter: a cadre leaves, successors are approved in time, the list is adjusted.
    year.go(4, 10)
    leaver = next(
        bonds[one] for one in plain if unit_of(year, bonds[one]) == VILLAGE and bonds[one] != leader(year)
    )
    sheet, _ = adjusting.leave(parts, leaver, who=CLERK, why="调离")
    assert len(year.open(Measure.CHANGE)) == 1
    year.go(4, 20)
    assert adjusting.approve(parts, [sheet.id], who=BOSS, document="会议纪要2号") > 0
    assert year.open(Measure.CHANGE) == []
    assert leaver not in opening.bonds(year.app, year.day).values()
    adjusted = year.put_in_force(VILLAGE, "D", TOWN, adjustment=sheet.number)
    assert (year.state_of(village_list), year.state_of(adjusted)) == ("adjusted", "in_force")

    # An import in the middle of the year starts the clock of what it changed by itself, and once.
    year.go(5, 11)
    form = opening.one_row_form(tmp_path / "mid-year.xlsx", {"从业人数": 77})
    for started in (1, 0):
        plan = intake.preview(parts, form, who=CLERK)
        assert intake.carry_out(parts, plan, who=CLERK).noted == started
    (grown,) = year.open(Measure.CHANGE)
    with parts.sessions.begin() as session:
        row = session.get_one(Change, grown)
        assert (row.what, row.happened_on, row.due_on) == ("规模变化", year.day, date(2026, 6, 23))
    year.go(5, 18)
    grew = adjusting.draft_adjustment(parts, DISTRICT, who=CLERK)
    adjusting.approve(parts, [grew.id], who=BOSS, document="会议纪要4号")
    assert year.open(Measure.CHANGE) == []
    year.go(6, 1)
    year.visit_all(frozenset({special}))
    holder = opening.bonds(year.app, year.day)
    visits.record(parts, holder[special], special, year.day, "线上", Found({}), who=CLERK)
    year.go(6, 30)
    assert year.open(Measure.ON_SITE) == year.open(Measure.VISIT) == [special]

    # Third quarter: one entity pauses for all of it, one closes for good.
    changes.pause_entity(
        parts, pausing, "季节性", begins=date(2026, 7, 1), ends=date(2026, 10, 1), who=CLERK, why="歇夏"
    )
    year.go(8, 3)
    changes.change_entity(parts, closing, {"status": "注销"}, who=CLERK, why="关店")
    closed = adjusting.draft_adjustment(parts, TOWN, who=CLERK)
    year.go(8, 10)
    adjusting.approve(parts, [closed.id], who=BOSS, document="会议纪要3号")
    assert closing not in opening.bonds(year.app, year.day)
    year.go(9, 1)
    year.visit_all(frozenset({pausing}))
    year.go(9, 30)
    standing = year.standing()
    assert [one.entity for one in standing.exempt] == [pausing]
    assert year.open(Measure.VISIT) == []

    # Fourth quarter: supervision one level down, all but one village by the street.
    year.go(10, 20)
    made = supervision.record(
        parts,
        Inspection(
            DISTRICT,
            TOWN,
            year.day,
            ["张样"],
            shortcomings=[Shortcoming("第二季度有一户未现场督导")],
            disposal="限期整改",
            rectify_due=date(2026, 11, 10),
        ),
        who=BOSS,
    )
    with parts.sessions.begin() as session:
        indices = json.loads(session.get_one(Supervision, made).indices)
        villages = [one.code for one in query.children(session, TOWN, year.day)]
    done, total = indices["督导完成率"]
    assert total - done > 1  # the fourth quarter is not visited yet, and one is missing of the second
    done, total = indices["调整及时率"]
    assert done == total > 0
    for village in villages[1:]:
        supervision.record(parts, Inspection(TOWN, village, year.day, ["李样"]), who=BOSS)
    supervision.record(parts, Inspection(CITY, DISTRICT, year.day, ["王样"]), who=BOSS)
    with parts.sessions.begin() as session:
        from_supervision = session.scalars(select(Problem.id).where(Problem.supervision == made)).one()
    year.go(11, 5)
    visits.close(parts, from_supervision, on=year.day, remedy="已补督导", who=CLERK)
    supervision.rectified(parts, made, on=year.day, note="已整改", who=CLERK)
    late = Found({3: (BAD, "无健康证")})
    (left_open,) = visits.record(
        parts, opening.bonds(year.app, year.day)[troubled], troubled, year.day, "现场", late, who=CLERK
    ).problems
    year.visit_all(frozenset({special, troubled}))
    visits.record(
        parts,
        opening.bonds(year.app, year.day)[special],
        special,
        year.day,
        "线上",
        Found({}),
        who=CLERK,
    )

    # December: a change whose clock runs into a year without a calendar; reports, one missing.
    year.go(12, 21)
    changes.change_entity(parts, moving, {"address": "样例路888号"}, who=CLERK, why="迁址")
    with parts.sessions.begin() as session:
        running = session.scalars(select(Change).where(Change.done_on.is_(None))).one()
    assert running.provisional and running.due_on.year == 2027
    year.go(12, 28)
    reporters = sorted(set(opening.bonds(year.app, year.day).values()))
    silent = next(one for one in reporters if unit_of(year, one) == villages[-1])
    for cadre in reporters:
        if cadre != silent:
            duty_reports.receive(parts, cadre, 2026, on=year.day, who=CLERK)
    year.go(12, 29)
    for unit in (TOWN, DISTRICT):
        forwarded = duty_reports.forward(parts, unit, 2026, on=year.day, who=CLERK)
        assert len(forwarded.missing) == (1 if unit == TOWN else 0)

    # The last day: exactly what was left undone is open.
    year.go(12, 31)
    standing = year.standing()
    assert year.open(Measure.VISIT) == year.open(Measure.ON_SITE) == [special]
    assert year.open(Measure.PROBLEM) == [left_open]
    assert year.open(Measure.CHANGE) == [running.id]
    assert year.open(Measure.REPORT) == [silent]
    assert year.open(Measure.SUPERVISION) == [villages[0]]
    for measure in (Measure.FORWARD, Measure.RECTIFICATION, Measure.SUBMISSION, Measure.ROUND):
        assert year.open(measure) == []
    assert "%" in str(standing.figure(Measure.VISIT)) and standing.figure(Measure.VISIT).percent != "100%"
    assert any("2027" in note for note in standing.notes)

    # The calendar of the next year comes late: what was provisional is counted anew, nothing else moves.
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "calendar.toml").write_text(CALENDAR_2027, encoding="utf-8")
    before = {(duty.measure, duty.subject) for duty in standing.duties}
    year.parts = parts = opening.with_rules(year.app, tmp_path / "rules").parts
    assert changes.recompute(parts) == 1
    standing = year.standing()
    assert {(duty.measure, duty.subject) for duty in standing.duties} == before
    assert not any("2027" in note for note in standing.notes)
    with parts.sessions.begin() as session:
        row = session.get_one(Change, running.id)
        assert not row.provisional
        assert row.due_on == parts.rules.calendar.after(date(2026, 12, 21), 30).day > running.due_on
    report = audit.audit(parts.settings.archive, parts.log.vkey)
    assert report.ok and not report.findings


def leader(year: Year) -> str | None:
    with year.parts.sessions.begin() as session:
        return query.unit(session, VILLAGE, year.day).leader


def unit_of(year: Year, cadre: str) -> str:
    with year.parts.sessions.begin() as session:
        return query.cadre(session, cadre, year.day).unit
