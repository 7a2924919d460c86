"""履职待办: judges the records of a day by rules and calendar; what is open, whose it is, until when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.tables import Unit
from service.registry import deadlines, duty_rows, query, staffing, visiting
from service.registry.calendar import Due
from service.registry.duty_rows import Closure
from service.registry.records import TIER_LEVEL
from service.registry.rules import RuleBook
from service.registry.standing import Duty, Exempt, Holder, Mark, Measure, Standing, state_of
from service.registry.visiting import Round


def standing(
    session: Session, book: RuleBook, on: date, *, below: str | None = None, known: date | None = None
) -> Standing:
    """Return the duties, figures and exempt entities of the day; only of a unit and those below where given.

    What was reported, closed or followed by the day `known` (by default `on`) counts as done. The number of
    statements is the same for any number of cadres and entities.
    """
    units = {unit.code: unit for unit in query.units(session, on)}
    scope = query.codes_below(session, below, on) if below else None
    found = _Found(book, on, known or on, units, scope)
    rounds = visiting.rounds_on(book.rounds, on)
    closed = duty_rows.closures(session, visiting.period_of(on, "年").begins, on)
    for tier, level in TIER_LEVEL.items():
        for row in duty_rows.entities(session, tier, on, rounds):
            _entity(found, row, rounds, closed.get(row.entity, ()))
        for row in duty_rows.cadres(session, level, on):
            _cadre(found, row)
    for judge, rows in (
        (_problem, duty_rows.problems(session, on)),
        (_change, duty_rows.changes(session, on)),
        (_submission, duty_rows.submissions(session, on)),
    ):
        for row in rows:
            judge(found, row)
    _supervision(found, duty_rows.supervisions(session, on))
    return found.standing()


@dataclass(slots=True)
class _Found:
    """What is collected while the rows are judged."""

    book: RuleBook
    on: date
    known: date
    units: dict[str, Unit]
    scope: set[str] | None
    duties: list[Duty] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    exempt: list[Exempt] = field(default_factory=list)
    city: int = 0
    _due: dict[tuple[str, date], Due] = field(default_factory=dict)

    def standing(self) -> Standing:
        duties = sorted(self.duties, key=lambda duty: (duty.due.day, duty.measure, duty.holder.unit))
        return Standing(
            self.on, tuple(duties), tuple(self.marks), tuple(self.exempt), self.city, self.book.note
        )

    def count(
        self,
        measure: Measure,
        holder: Holder,
        done: bool,
        *,
        due: Due,
        text: str | Callable[[], str],
        subject: str | None = None,
    ) -> None:
        """Count one thing, and where it isn't done note the duty; nothing outside the scope."""
        if not self.sees(holder.unit):
            return
        self.marks.append(Mark(measure, holder, done))
        if not done:
            self.note(measure, holder, due, text if isinstance(text, str) else text(), subject)

    def note(self, measure: Measure, holder: Holder, due: Due, text: str, subject: str | None) -> None:
        """Note an open duty."""
        self.duties.append(Duty(measure, holder, text, due, state_of(due.day, self.known), subject))

    def sees(self, unit: str) -> bool:
        return self.scope is None or unit in self.scope

    def due(self, what: str, start: date) -> Due:
        """Return the due day by rule and calendar; the same question is answered once."""
        if (what, start) not in self._due:
            self._due[what, start] = deadlines.due(what, start, self.book.deadlines, self.book.calendar)
        return self._due[what, start]

    def unit_holder(self, code: str) -> Holder:
        unit = self.units.get(code)
        return Holder(unit.level, code, unit.name) if unit else Holder("village", code, code)

    def entity_holder(
        self, tier: str, unit: str, cadre: str | None, name: str | None, at: str | None
    ) -> Holder:
        """Return whose an entity is: its cadre, or where it has none the unit of the tier's level above it."""
        level = TIER_LEVEL[tier]
        if cadre and at:
            place = self.units.get(at)
            return Holder(level, at, place.name if place else at, cadre, name)
        place = self.units.get(unit)
        while place is not None and place.level != level:
            place = self.units.get(place.parent or "")
        return Holder(level, place.code, place.name) if place else Holder(level, unit, unit)


def _entity(found: _Found, row: Any, rounds: Sequence[Round], closed: Sequence[Closure]) -> None:
    holder = found.entity_holder(row.tier, row.unit, row.cadre, row.cadre_name, row.cadre_unit)
    if not found.sees(holder.unit) and not found.sees(row.unit):
        return
    if row.tier == "A" and row.cadre is None:
        found.city += 1
    else:
        _visits(found, row, holder, rounds, closed)
    if row.status not in duty_rows.CLOSED:
        _staff(found, row, holder)


def _visits(
    found: _Found, row: Any, holder: Holder, rounds: Sequence[Round], closed: Sequence[Closure]
) -> None:
    rule = visiting.frequency_of(row, found.book.frequencies, found.on)
    if rule is None:
        return
    period = visiting.period_of(found.on, rule.period)
    pause = closed_for(closed, max(period.begins, row.first), found.on)
    if pause is not None:
        if found.sees(holder.unit):
            found.exempt.append(Exempt(row.entity, row.name, holder, f"{pause.kind}，{pause.begins}起"))
        return
    values = row._mapping
    counted = sum(values[f"counted_{quarter}"] for quarter in period.quarters)
    made = sum(values[f"made_{quarter}"] for quarter in period.quarters)
    due = Due(period.ends)
    found.count(
        Measure.VISIT,
        holder,
        counted >= rule.times,
        due=due,
        text=lambda: f"{row.name}{period.name}应督导{rule.times}次，已完成{counted}次",
        subject=row.entity,
    )
    on_site = visiting.on_site_reason(row, found.book.on_site, found.on)
    if on_site is not None:
        online = f"，已有{made - counted}次线上督导不计" if made > counted else ""
        found.count(
            Measure.ON_SITE,
            holder,
            counted > 0,
            due=due,
            text=lambda: f"{row.name}须现场督导（{on_site}）{online}",
            subject=row.entity,
        )
    for number, one in enumerate(rounds):
        if row.first <= one.by:
            found.count(
                Measure.ROUND,
                holder,
                values[f"round_{number}"] > 0,
                due=Due(one.by),
                text=f"{row.name}{one.name}未完成",
                subject=row.entity,
            )


def closed_for(closures: Sequence[Closure], begins: date, ends: date) -> Closure | None:
    """Return the closure that `begins` falls in where closures cover every day up to and with `ends`."""
    first: Closure | None = None
    reached = begins
    for one in sorted(closures, key=lambda one: one.begins):
        if one.begins > reached:
            break
        if one.ends is None or one.ends > reached:
            first = first or one
            reached = one.ends or date.max
    return first if reached > ends else None


def _staff(found: _Found, row: Any, holder: Holder) -> None:
    for role, measure, named in (
        (staffing.DIRECTOR, Measure.DIRECTOR, row.director),
        (staffing.OFFICER, Measure.OFFICER, row.officer),
    ):
        rule = staffing.needed(row, role, found.book.staffing, found.book.grading, found.on)
        if rule is not None:
            start = max(row.first, rule.span.begins)
            found.count(
                measure,
                holder,
                bool(named),
                due=found.due("staff", start) if not named else Due(start),
                text=f"{row.name}应配未配（{rule}）",
                subject=row.entity,
            )


def _cadre(found: _Found, row: Any) -> None:
    unit = found.unit_holder(row.unit)
    holder = Holder(row.level, row.unit, unit.unit_name, row.cadre, row.name)
    year = found.on.year
    started = max(row.since, date(year, 1, 1))
    found.count(
        Measure.COMMITMENT,
        holder,
        bool(row.signed),
        due=found.due("commitment", started),
        text=f"{year}年承诺书未签完",
        subject=row.cadre,
    )
    received = row.received_on is not None and row.received_on <= found.known
    found.count(
        Measure.REPORT,
        holder,
        received,
        due=found.due("duty_report", found.on),
        text=f"未向{report_to(row.level)}提交{year}年履职报告",
        subject=row.cadre,
    )
    if received:
        found.count(
            Measure.FORWARD,
            holder,
            row.forwarded_on is not None and row.forwarded_on <= found.known,
            due=found.due("forward", found.on),
            text=f"{year}年履职报告已收，未抄报上级食（药）安委",
            subject=row.cadre,
        )


def report_to(level: str) -> str:
    """Return to whom a cadre of `level` reports at the end of the year."""
    return "村（居）党组织" if level == "village" else "本级党委政府"


def _problem(found: _Found, row: Any) -> None:
    if row.tier:
        holder = found.entity_holder(row.tier, row.entity_unit, row.cadre, row.cadre_name, row.cadre_unit)
    else:
        holder = found.unit_holder(row.unit)
    found.count(
        Measure.PROBLEM,
        holder,
        row.closed_on is not None and row.closed_on <= found.known,
        due=found.due("problem", row.found_on) if row.provisional else Due(row.due_on),
        text=f"{row.entity_name or holder.unit_name}的问题未闭环：{row.text[:40]}",
        subject=row.id,
    )


def _change(found: _Found, row: Any) -> None:
    due = found.due(row.kind, row.happened_on)
    entity = row.kind == "entity" and row.tier
    holder = (
        found.entity_holder(row.tier, row.unit, None, None, None) if entity else found.unit_holder(row.unit)
    )
    if not found.sees(holder.unit):
        return
    done = row.done_on if row.done_on and row.done_on <= found.known else None
    who = row.entity_name or row.cadre_name or "（已删除个人信息）"
    if done is None:
        text = f"{who}{row.happened_on}{row.what}，包保关系未调整"
        found.note(Measure.CHANGE, holder, due, text, row.id)
    if done is not None or due.day < found.on:
        # Timeliness: of the clocks that have stopped or run out, those that stopped in time.
        found.marks.append(Mark(Measure.CHANGE, holder, done is not None and done <= due.day))


def _submission(found: _Found, row: Any) -> None:
    due = Due(china_day(row.due_at))
    found.count(
        Measure.SUBMISSION,
        found.unit_holder(row.unit),
        row.state == "已报",
        due=due,
        text=f"{row.subject}{row.state}",
        subject=row.unit,
    )


def _supervision(found: _Found, rows: Sequence[Any]) -> None:
    year = found.on.year
    made = {(row.inspecting, row.inspected) for row in rows if row.year == year}
    for unit in found.units.values():
        upper = found.units.get(unit.parent or "")
        # A city that keeps no leader here has its own registry: its supervision isn't ours to remind of.
        if upper is not None and (upper.level != "city" or upper.leader is not None):
            found.count(
                Measure.SUPERVISION,
                found.unit_holder(upper.code),
                (upper.code, unit.code) in made,
                due=found.due("supervision", found.on),
                text=f"{year}年未督查{unit.name}",
                subject=unit.code,
            )
    for row in rows:
        if row.rectify_due is not None:
            found.count(
                Measure.RECTIFICATION,
                found.unit_holder(row.inspected),
                row.rectified_on is not None and row.rectified_on <= found.known,
                due=Due(row.rectify_due),
                text=f"{row.on}督查的整改未完成",
                subject=row.id,
            )
