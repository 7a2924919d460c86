"""The open duties of a day: whose, about whom, until when; figures per level, unit and cadre."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from service.core import Entropy
from service.db.changes import Change, EntityPause
from service.db.engine import Sessions
from service.db.records import DutyReport, Problem, Submission, Supervision, Visit
from service.db.tables import Cadre, Entity, Letter
from service.registry import apply, bonds, calendar, duties, entity_duties, intake, rules, supervision
from service.registry.duty_rows import Closure
from service.registry.figures import Figure
from service.registry.rules import RuleBook
from service.registry.standing import Measure, Standing, State

SheetRows = dict[str, list[list[Any]]]
ON = date(2026, 11, 24)
START = date(2026, 1, 5)
NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
DISTRICT, STREET, VILLAGE = "330302", "330302001", "330302001001"
BIG, SMALL = "温州样例一餐饮有限公司", "五马样例小吃店"
_ids = count(1)


def fresh() -> str:
    return f"{next(_ids):032x}"


@pytest.fixture
def small(empty: Sessions, form: SheetRows, write: Callable[[SheetRows], Path], chance: Entropy) -> Sessions:
    """One street with one B entity and one D entity, assigned from January on."""
    workbook = intake.read_workbook(write(form))
    with empty.begin() as session:
        apply.apply(
            session,
            workbook,
            who="clerk",
            why="导入",
            on=START,
            now=NOW,
            entropy=chance,
            rules=rules.shipped().grading,
        )
    with empty.begin() as session:
        assigned = bonds.propose(session, START, rules.shipped())
        bonds.apply_assignments(session, assigned, who="clerk", why="分配", on=START, now=NOW)
    return empty


def look(sessions: Sessions, on: date, book: RuleBook | None = None, **options: Any) -> Standing:
    with sessions.begin() as session:
        return duties.standing(session, book or rules.shipped(), on, **options)


def texts(found: Standing, measure: Measure) -> list[str]:
    return [duty.text for duty in found.duties if duty.measure is measure]


def entity(session: Session, name: str) -> Entity:
    return session.scalars(select(Entity).where(Entity.name == name, Entity.valid_to.is_(None))).one()


def cadre(session: Session, name: str) -> Cadre:
    return session.scalars(select(Cadre).where(Cadre.name == name)).one()


def visit(session: Session, name: str, on: date, *, mode: str = "现场", counts: bool = True) -> Visit:
    made = Visit(
        id=fresh(),
        period=f"{on.year}Q{(on.month - 1) // 3 + 1}",
        cadre=fresh(),
        entity=entity(session, name).entity,
        on=on,
        mode=mode,
        task_list="T",
        items="[]",
        conclusion="符合",
        on_site_due=not counts,
        counts=counts,
        recorded_at=NOW,
        recorded_by="clerk",
    )
    session.add(made)
    session.flush()
    return made


def test_every_entity_wants_its_visit_of_the_quarter_from_its_cadre(small: Sessions) -> None:
    found = look(small, date(2026, 2, 1))
    visits = [duty for duty in found.duties if duty.measure is Measure.VISIT]
    assert {(duty.holder.level, duty.holder.unit, duty.text) for duty in visits} == {
        ("district", DISTRICT, f"{BIG}2026年第1季度应督导1次，已完成0次"),
        ("village", VILLAGE, f"{SMALL}2026年第1季度应督导1次，已完成0次"),
    }
    assert {duty.due.day for duty in visits} == {date(2026, 3, 31)}
    assert all(duty.holder.cadre and duty.state is State.OPEN for duty in visits)


def test_a_visit_ends_the_duty_for_its_quarter_only(small: Sessions) -> None:
    with small.begin() as session:
        visit(session, SMALL, date(2026, 2, 1))
    assert look(small, date(2026, 1, 31)).figure(Measure.VISIT) == Figure(0, 2)
    assert look(small, date(2026, 2, 1)).figure(Measure.VISIT) == Figure(1, 2)
    assert look(small, date(2026, 3, 31)).figure(Measure.VISIT, level="village") == Figure(1, 1)
    assert look(small, date(2026, 4, 1)).figure(Measure.VISIT) == Figure(0, 2)


def test_an_online_visit_where_on_site_is_due_is_seen_but_not_counted(small: Sessions) -> None:
    with small.begin() as session:
        entity(session, SMALL).high_risk = True
        visit(session, SMALL, date(2026, 2, 1), mode="线上", counts=False)
    found = look(small, date(2026, 2, 2))
    assert texts(found, Measure.ON_SITE) == [
        f"{SMALL}须现场督导（高风险主体，规则 S-高风险），已有1次线上督导不计"
    ]
    assert found.figure(Measure.VISIT, level="village") == Figure(0, 1)
    with small.begin() as session:
        visit(session, SMALL, date(2026, 2, 3))
    found = look(small, date(2026, 2, 3))
    assert found.figure(Measure.ON_SITE) == Figure(1, 1)
    assert texts(found, Measure.ON_SITE) == []


def test_more_visits_in_longer_periods_are_counted_over_their_quarters(
    small: Sessions, tmp_path: Path
) -> None:
    (tmp_path / "frequency.toml").write_text(
        'jurisdiction = "330302"\nsource = "测试"\nstatus = "正式"\n'
        '[[rules]]\nid = "F"\npriority = 1\nvalid_from = 2026-01-01\ntimes = 2\nperiod = "半年"\n'
        '[[rounds]]\nid = "R"\nname = "节前轮次"\nbegins = 2026-02-01\nby = 2026-02-10\n',
        encoding="utf-8",
    )
    book = rules.load(tmp_path)
    with small.begin() as session:
        visit(session, BIG, date(2026, 2, 2))
        visit(session, BIG, date(2026, 4, 2))
        visit(session, SMALL, date(2026, 4, 2))
    found = look(small, date(2026, 6, 1), book)
    assert texts(found, Measure.VISIT) == [f"{SMALL}2026年上半年应督导2次，已完成1次"]
    assert found.figure(Measure.ROUND) == Figure(1, 2)
    late = next(duty for duty in found.duties if duty.measure is Measure.ROUND)
    assert (late.text, late.due.day, late.state) == (
        f"{SMALL}节前轮次未完成",
        date(2026, 2, 10),
        State.OVERDUE,
    )


@pytest.mark.parametrize(
    ("period", "figures"),
    [
        ("季", ["1/2", "2/4", "3/6", "3/8"]),
        ("半年", ["1/2", "2/2", "3/4", "3/4"]),
        ("年", ["1/2", *["2/2"] * 3]),
    ],
)
def test_the_indices_of_a_year_count_each_period_once(
    small: Sessions, tmp_path: Path, period: str, figures: list[str]
) -> None:
    (tmp_path / "frequency.toml").write_text(
        'jurisdiction = "330302"\nsource = "测试"\nstatus = "正式"\n'
        f'[[rules]]\nid = "F"\npriority = 1\nvalid_from = 2026-01-01\ntimes = 1\nperiod = "{period}"\n',
        encoding="utf-8",
    )
    book = rules.load(tmp_path)
    with small.begin() as session:
        visit(session, BIG, date(2026, 2, 2))
        visit(session, SMALL, date(2026, 4, 2))
        visit(session, SMALL, date(2026, 7, 2))
        days = [date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30), date(2026, 12, 31)]
        found = [supervision.indices(session, DISTRICT, day, book)["督导完成率"] for day in days]
    assert [f"{one.done}/{one.total}" for one in found] == figures


def test_an_entity_closed_for_the_quarter_is_exempt_with_its_reason(small: Sessions) -> None:
    with small.begin() as session:
        session.add(
            EntityPause(
                entity=entity(session, SMALL).entity,
                kind="季节性",
                valid_from=date(2026, 3, 1),
                valid_to=date(2026, 7, 10),
                recorded_at=NOW,
                recorded_by="clerk",
                reason="夏季停业",
            )
        )
    before = look(small, date(2026, 3, 31))  # closed in its last month only: still due
    assert before.figure(Measure.VISIT) == Figure(0, 2)
    during = look(small, date(2026, 6, 30))
    assert during.figure(Measure.VISIT) == Figure(0, 1)
    assert [(one.name, one.reason) for one in during.exempt] == [(SMALL, "季节性，2026-03-01起")]
    after = look(small, date(2026, 7, 10))
    assert after.figure(Measure.VISIT) == Figure(0, 2)
    assert not after.exempt


def test_spans_that_meet_close_a_period_and_a_single_open_day_does_not() -> None:
    begins, ends = date(2026, 4, 1), date(2026, 6, 30)
    meeting = [Closure(date(2026, 5, 1), None, "停业"), Closure(date(2026, 3, 1), date(2026, 5, 1), "季节性")]
    assert entity_duties.closed_for(meeting, begins, ends) == meeting[1]
    gap = [Closure(date(2026, 5, 2), None, "停业"), meeting[1]]
    assert entity_duties.closed_for(gap, begins, ends) is None
    assert entity_duties.closed_for([Closure(date(2026, 1, 1), ends, "停业")], begins, ends) is None
    assert entity_duties.closed_for([], begins, ends) is None


def test_a_commitment_is_due_twenty_working_days_after_the_bond_and_done_when_both_signed(
    small: Sessions,
) -> None:
    found = look(small, date(2026, 1, 6))
    due = {duty.due.day for duty in found.duties if duty.measure is Measure.COMMITMENT}
    assert due == {date(2026, 2, 2)}
    assert found.figure(Measure.COMMITMENT) == Figure(0, 2)
    holder = next(duty.holder for duty in found.duties if duty.measure is Measure.COMMITMENT)
    for state, figure in (("signed", 0), ("countersigned", 1), ("completed", 1), ("void", 0)):
        with small.begin() as session:
            session.merge(_letter(holder.cadre or "", state))
        assert look(small, date(2026, 2, 3)).figure(Measure.COMMITMENT) == Figure(figure, 2)


def _letter(owner: str, state: str) -> Letter:
    return Letter(
        id="f" * 32,
        number="府诺〔2026〕1号",
        kind="commitment",
        unit=VILLAGE,
        cadre=owner,
        day=date(2026, 2, 3),
        content="{}",
        state=state,
        created_at=NOW,
        created_by="clerk",
    )


def test_a_report_goes_to_ones_own_level_and_then_upward(small: Sessions) -> None:
    found = look(small, date(2026, 12, 25))
    assert set(texts(found, Measure.REPORT)) == {
        "未向本级党委政府提交2026年履职报告",
        "未向村（居）党组织提交2026年履职报告",
    }
    report = next(duty for duty in found.duties if duty.measure is Measure.REPORT)
    assert (report.due.day, report.state) == (date(2026, 12, 31), State.SOON)
    with small.begin() as session:
        made = DutyReport(id=fresh(), cadre=report.holder.cadre, unit=report.holder.unit, year=2026)
        made.received_on, made.received_by = date(2026, 12, 26), "区委区政府"
        made.recorded_at, made.recorded_by = NOW, "clerk"
        session.add(made)
    found = look(small, date(2026, 12, 26))
    assert found.figure(Measure.REPORT) == Figure(1, 2)
    assert found.figure(Measure.FORWARD) == Figure(0, 1)
    with small.begin() as session:
        session.get_one(DutyReport, made.id).forwarded_on = date(2026, 12, 28)
    assert look(small, date(2026, 12, 28)).figure(Measure.FORWARD) == Figure(1, 1)
    assert look(small, date(2026, 12, 27)).figure(Measure.FORWARD) == Figure(0, 1)


def test_a_problem_stays_open_until_it_is_closed(small: Sessions) -> None:
    with small.begin() as session:
        made = visit(session, SMALL, date(2026, 2, 2))
        problem = Problem(
            id=fresh(),
            visit=made.id,
            entity=made.entity,
            unit=VILLAGE,
            text="健康证过期",
            severity="一般",
            found_on=made.on,
            due_on=date(2026, 2, 20),
            provisional=False,
        )
        session.add(problem)
    found = look(small, date(2026, 2, 21))
    late = next(duty for duty in found.duties if duty.measure is Measure.PROBLEM)
    assert (late.text, late.state, late.holder.level) == (
        f"{SMALL}的问题未闭环：健康证过期",
        State.OVERDUE,
        "village",
    )
    with small.begin() as session:
        session.get_one(Problem, problem.id).closed_on = date(2026, 2, 22)
    assert look(small, date(2026, 2, 22)).figure(Measure.PROBLEM) == Figure(1, 1)
    assert look(small, date(2027, 1, 4)).figure(Measure.PROBLEM) == Figure()


def test_a_provisional_day_of_a_problem_is_counted_anew(small: Sessions) -> None:
    with small.begin() as session:
        made = visit(session, SMALL, date(2026, 12, 20))
        session.add(
            Problem(
                id=fresh(),
                visit=made.id,
                entity=made.entity,
                unit=VILLAGE,
                text="台账不全",
                severity="一般",
                found_on=made.on,
                due_on=date(2000, 1, 1),
                provisional=True,
            )
        )
    found = look(small, date(2026, 12, 21))
    due = next(duty.due for duty in found.duties if duty.measure is Measure.PROBLEM)
    assert due == rules.shipped().calendar.after(date(2026, 12, 20), 15)
    assert due.provisional == (2027,)


def _change(session: Session, kind: str, subject: str, happened: date) -> Change:
    made = Change(
        id=fresh(),
        kind=kind,
        subject=subject,
        unit=VILLAGE,
        what="离任" if kind == "personnel" else "关闭",
        happened_on=happened,
        due_on=date(2000, 1, 1),
        provisional=True,
        recorded_at=NOW,
        recorded_by="clerk",
        reason="测试",
    )
    session.add(made)
    session.flush()
    return made


def test_the_clock_of_a_change_runs_twenty_or_thirty_working_days_and_counts_by_time(small: Sessions) -> None:
    with small.begin() as session:
        moved = _change(session, "personnel", cadre(session, "村样一").cadre, date(2026, 11, 10))
        _change(session, "entity", entity(session, BIG).entity, date(2026, 11, 10))
    found = look(small, date(2026, 11, 12))
    clocks = {duty.text: duty for duty in found.duties if duty.measure is Measure.CHANGE}
    assert {text: (duty.due.day, duty.holder.level) for text, duty in clocks.items()} == {
        "村样一2026-11-10离任，包保关系未调整": (date(2026, 12, 8), "village"),
        f"{BIG}2026-11-10关闭，包保关系未调整": (date(2026, 12, 22), "district"),
    }
    assert found.figure(Measure.CHANGE) == Figure()  # running clocks are no figure yet
    with small.begin() as session:
        session.get_one(Change, moved.id).done_on = date(2026, 12, 8)
    assert look(small, date(2026, 12, 23)).figure(Measure.CHANGE) == Figure(1, 2)


def test_a_due_day_in_a_year_without_a_notice_is_provisional_until_data_comes(
    small: Sessions, tmp_path: Path
) -> None:
    with small.begin() as session:
        _change(session, "entity", entity(session, BIG).entity, date(2026, 12, 10))
    found = look(small, date(2026, 12, 11))
    clock = next(duty for duty in found.duties if duty.measure is Measure.CHANGE)
    assert "暂定：2027年放假安排未公布" in str(clock)
    assert any("2027年放假安排未公布，涉及的时限为暂定" in note for note in found.notes)
    (tmp_path / "calendar.toml").write_text(
        '[[years]]\nyear = 2027\nsource = "通知"\nholidays = [2027-01-01, 2027-01-04]\n', encoding="utf-8"
    )
    found = look(small, date(2026, 12, 11), rules.load(tmp_path))
    clock = next(duty for duty in found.duties if duty.measure is Measure.CHANGE)
    assert (clock.due.day, clock.due.mark) == (date(2027, 1, 25), "")
    assert not any("暂定" in note for note in found.notes)


def test_each_unit_is_supervised_once_a_year_by_the_one_above(small: Sessions) -> None:
    found = look(small, date(2026, 5, 6))
    assert texts(found, Measure.SUPERVISION) == ["2026年未督查五马街道", "2026年未督查五马一社区"]
    with small.begin() as session:
        session.add(
            Supervision(
                id=fresh(),
                year=2026,
                inspecting=DISTRICT,
                inspected=STREET,
                on=date(2026, 5, 7),
                team="[]",
                items="[]",
                sample="[]",
                indices="{}",
                disposal="限期整改",
                rectify_due=date(2026, 5, 20),
                recorded_at=NOW,
                recorded_by="clerk",
            )
        )
    found = look(small, date(2026, 5, 21))
    assert found.figure(Measure.SUPERVISION) == Figure(1, 2)
    late = next(duty for duty in found.duties if duty.measure is Measure.RECTIFICATION)
    assert (late.holder.unit, late.state) == (STREET, State.OVERDUE)


NOON = datetime(2026, 11, 17, 4, 0, tzinfo=UTC)  # in China


def submission(subject: str, state: str = "未报", **facts: Any) -> Submission:
    row = {"unit": STREET, "to_unit": DISTRICT, "year": 2026, "due_at": NOON, "late": False}
    return Submission(**row | facts, subject=subject, state=state)


def test_a_list_that_was_not_handed_in_or_came_back_is_a_duty(small: Sessions) -> None:
    with small.begin() as session:
        session.add_all([submission("清单0"), submission("清单1", "退回", submitted_at=NOW)])
        session.add(submission("清单2", "已报", submitted_at=NOON - timedelta(days=1)))
    found = look(small, date(2026, 11, 17))
    assert texts(found, Measure.SUBMISSION) == ["清单0未报", "清单1退回"]
    assert found.figure(Measure.SUBMISSION) == Figure(1, 3)
    before = look(small, date(2026, 11, 15))
    assert texts(before, Measure.SUBMISSION) == ["清单0未报", "清单1退回", "清单2未报"]


def test_a_deadline_has_an_hour_and_is_overdue_from_then_on(small: Sessions) -> None:
    with small.begin() as session:
        session.add_all([submission("清单"), submission("全天", due_at=NOON + timedelta(hours=12))])
    for minutes, state in ((0, State.SOON), (1, State.OVERDUE)):
        found = look(small, NOON.date(), now=NOON + timedelta(minutes=minutes))
        timed, whole = (duty for duty in found.duties if duty.measure is Measure.SUBMISSION)
        assert (str(timed.due), timed.state) == ("2026-11-17 12:00", state)
        assert (str(whole.due), whole.state) == ("2026-11-17", State.SOON)
    asked_later = look(small, NOON.date(), now=NOON + timedelta(days=5))  # as of the day: by days
    assert {duty.state for duty in asked_later.duties if duty.measure is Measure.SUBMISSION} == {State.SOON}


def test_who_needs_a_director_and_has_none_is_a_duty_with_its_rule(small: Sessions) -> None:
    found = look(small, date(2026, 2, 1))
    assert texts(found, Measure.DIRECTOR) == [f"{BIG}应配未配（大中型食品生产经营企业，规则 Z25-大中型企业）"]
    with small.begin() as session:
        entity(session, BIG).director = "总监样一"
    assert look(small, date(2026, 2, 1)).figure(Measure.DIRECTOR) == Figure(1, 1)


def test_figures_are_the_same_added_up_by_level_unit_or_cadre(district: Sessions) -> None:
    found = look(district, ON)
    for measure in Measure:
        whole = found.figure(measure)
        for grouped in (found.by_level(), found.by_unit()):
            assert sum((figures.get(measure, Figure()) for figures in grouped.values()), Figure()) == whole
    some = next(duty.holder for duty in found.duties if duty.measure is Measure.VISIT and duty.holder.cadre)
    assert found.by_cadre()[some.cadre or ""][Measure.VISIT] == found.figure(Measure.VISIT, cadre=some.cadre)
    assert found.city_entities == 4
    assert "参考值" in found.notes[0]


def test_a_unit_sees_itself_and_what_lies_below(district: Sessions) -> None:
    whole, street = look(district, ON), look(district, ON, below="330302001")
    assert {duty.holder.unit[:9] for duty in street.duties} == {"330302001"}
    wanted = [duty for duty in whole.duties if duty.holder.unit.startswith("330302001")]
    assert list(street.duties) == wanted
    assert street.exempt == tuple(one for one in whole.exempt if one.holder.unit.startswith("330302001"))


@contextmanager
def counting(sessions: Sessions) -> Iterator[list[str]]:
    engine = sessions.kw["bind"]
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        if arguments[2].startswith("SELECT"):
            statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_counts_come_from_one_query_per_level_not_per_cadre(small: Sessions, district: Sessions) -> None:
    taken = []
    for sessions in (small, district):
        with counting(sessions) as statements:
            look(sessions, ON)
        taken.append(len(statements))
        assert sum("FROM entity JOIN" in text.replace("\n", "") for text in statements) == 4  # one a level
        assert sum("FROM cadre JOIN" in text.replace("\n", "") for text in statements) == 4
    assert taken[0] == taken[1]
    assert taken[1] <= 16


def test_the_calendar_of_the_shipped_rules_is_only_the_packaged_one() -> None:
    assert rules.shipped().calendar == calendar.Calendar()
