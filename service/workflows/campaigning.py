"""A campaign over many units: opened with its days, looked through unit by unit, its letters asked for, followed.

What takes time is a job a unit: looking who would get a letter, and drawing the letters up. Both may come twice.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import canonical_json, new_id
from service.db.flow import Deadline
from service.db.office import Campaign, CampaignUnit
from service.db.tables import Assignment, Cadre, Job, Letter, Step, Unit
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import query
from service.registry.dated import as_of
from service.workflows import campaigns, jobs, letters
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts
from service.workflows.todo import deadlines

KINDS = (letters.KIND,)
"""Kinds of which letters are drawn up from the registry, one for each cadre."""
_LOOK, _DRAW = "foresee", "plan_unit"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign is to be."""

    kind: str
    year: int
    units: tuple[str, ...]
    heads: tuple[str, ...]
    """Units that were chosen, alone or with all below: whose deadline is set."""
    due_at: datetime
    remind: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit whose cadres answer for entities, and how many they are."""

    unit: Unit
    cadres: int


@dataclass(frozen=True, slots=True)
class Going:
    """How far the background work of a campaign is: each a (done, total)."""

    looked: tuple[int, int]
    drawn: tuple[int, int]
    rendered: tuple[int, int]
    sealed: tuple[int, int]
    busy: bool
    faults: tuple[str, ...]

    @property
    def steps(self) -> list[tuple[str, str, int, int]]:
        """Return (key, words, done, total) for what has begun."""
        told = (
            ("looked", "核对名单（单位）", self.looked),
            ("drawn", "起草（单位）", self.drawn),
            ("rendered", "排版（份）", self.rendered),
            ("sealed", "用印制发（份）", self.sealed),
        )
        return [(key, words, done, total) for key, words, (done, total) in told if total]


def candidates(session: Session, codes: Collection[str], on: date) -> list[Candidate]:
    """Return the units in which somebody in office answers for entities, by code."""
    rows = (
        select(Cadre.unit, func.count(Cadre.cadre.distinct()))
        .join(Assignment, Assignment.cadre == Cadre.cadre)
        .where(as_of(Cadre, on), as_of(Assignment, on), Cadre.status == "在任", Cadre.unit.in_(codes))
        .group_by(Cadre.unit)
    )
    counts = dict(session.execute(rows).all())
    places = [one for one in query.units(session, on) if one.code in counts]
    return [Candidate(one, counts[one.code]) for one in sorted(places, key=lambda one: one.code)]


def open_(parts: Parts, unit: str, terms: Terms, *, by: Person) -> str:
    """Open a campaign run by the office of `unit` and have its units looked through; return its id."""
    now = parts.clock()
    _require_sound(terms, china_day(now))
    with parts.sessions.begin() as session:
        _require_free(session, terms)
        row = Campaign(
            id=new_id(parts.entropy),
            unit=unit,
            kind=terms.kind,
            year=terms.year,
            heads=canonical_json(sorted(terms.heads)).decode(),
            created_at=now,
            created_by=by.who[:64],
        )
        session.add(row)
        session.flush()
        for code in terms.units:
            facts = {"campaign": row.id, "unit": code, "kind": terms.kind, "year": terms.year}
            session.add(CampaignUnit(**facts, due=0, without="{}"))
        session.flush()
        for code in terms.heads:
            deadlines.write(session, code, terms.due_at, terms.remind, now, by=by, kind=terms.kind)
        _enqueue(session, _LOOK, units_of(session, row.id), parts)
        trail.note(session, now, "开展承诺签订", by=by, unit=unit, target=row.id, units=len(terms.units))
        return row.id


def set_due(parts: Parts, campaign: str, due_at: datetime, remind: Sequence[int], *, by: Person) -> None:
    """Let another deadline hold for the units as they were chosen; what is overdue is counted by it at once."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = get(session, campaign)
        _require_going(row, now)
        for code in json.loads(row.heads):
            deadlines.write(session, code, due_at, remind, now, by=by, kind=row.kind)


def deadline_of(session: Session, row: Campaign, now: datetime) -> Deadline | None:
    """Return the deadline of a campaign, of the first of its units as they were chosen."""
    heads = json.loads(row.heads)
    return deadlines.of_unit(session, heads[0], now, kind=row.kind, year=row.year) if heads else None


def look_again(parts: Parts, campaign: str) -> None:
    """Have every unit of a campaign looked through anew: lists and people may have changed."""
    with parts.sessions.begin() as session:
        _require_going(get(session, campaign), parts.clock())
        rows = units_of(session, campaign)
        for one in rows:
            one.looked_at = None
        _enqueue(session, _LOOK, rows, parts)


def ask(parts: Parts, campaign: str, *, by: Person) -> int:
    """Have the letters of all units drawn up; return how many units are asked now. A repetition asks for nothing."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = get(session, campaign)
        _require_going(row, now)
        due = [one for one in units_of(session, campaign) if one.due]
        ids = [str(one.id) for one in due]
        going = select(Job.target).where(Job.task == _DRAW, Job.target.in_(ids), Job.state == "pending")
        if due and set(session.scalars(going)) == set(ids):
            return 0
        if not due:
            raise ConflictError("E-SYS-361", "现在没有人应收到新的承诺书；名单有变动的，请先重新核对。")
        for one in due:
            one.asked_by, one.asked_at = by.who[:64], now
        _enqueue(session, _DRAW, due, parts)
        trail.note(session, now, "制发准备", by=by, unit=row.unit, target=campaign, units=len(due))
        return len(due)


def foresee(parts: Parts, target: str) -> None:
    """Look who of a unit would get a letter and who not, and why, and write it down (a job)."""
    with parts.sessions.begin() as session:
        row = session.get_one(CampaignUnit, int(target))
    if row.year != china_day(parts.clock()).year:  # what would be found is another year's
        return
    seen = campaigns.foresee(parts, parts.sessions, row.unit)
    why: dict[str, list[str]] = {}
    for one in seen.without:
        why.setdefault(one.why, []).append(one.cadre)
    with parts.sessions.begin() as session:
        row = session.get_one(CampaignUnit, int(target))
        row.due, row.without = len(seen.due), canonical_json(why).decode()
        row.hurdle, row.looked_at = "；".join(seen.hurdles) or None, parts.clock()


def draw_up(parts: Parts, target: str) -> None:
    """Draw up the letters of a unit that was asked for, and look again who is left (a job)."""
    with parts.sessions.begin() as session:
        row = session.get_one(CampaignUnit, int(target))
    if row.year != china_day(parts.clock()).year:  # asked for before midnight of the last day
        return
    letters.plan_letters(parts, row.unit, who=row.asked_by or "")
    foresee(parts, target)


def get(session: Session, campaign: str) -> Campaign:
    """Return a campaign; raise NotFoundError where there is none."""
    row = session.get(Campaign, campaign)
    if row is None:
        raise NotFoundError("E-SYS-362", "没有这次承诺签订，或链接已经失效。")
    return row


def units_of(session: Session, campaign: str) -> Sequence[CampaignUnit]:
    """Return the units of a campaign, by code."""
    found = select(CampaignUnit).where(CampaignUnit.campaign == campaign)
    return session.scalars(found.order_by(CampaignUnit.unit)).all()


def of_units(session: Session, codes: Collection[str]) -> list[Campaign]:
    """Return the campaigns that these units run, newest first."""
    found = select(Campaign).where(Campaign.unit.in_(codes))
    return list(session.scalars(found.order_by(Campaign.year.desc(), Campaign.created_at.desc())))


def reasons(rows: Collection[CampaignUnit]) -> dict[str, list[tuple[str, str]]]:
    """Return why cadres get no letter: reason → (unit, cadre's id)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        for why, cadres in json.loads(row.without).items():
            found.setdefault(why, []).extend((row.unit, one) for one in cadres)
    return found


def names_of(session: Session, cadres: Collection[str], on: date) -> dict[str, str]:
    """Return the names of cadres, by id."""
    found = select(Cadre.cadre, Cadre.name).where(as_of(Cadre, on), Cadre.cadre.in_(cadres))
    return dict(session.execute(found).all())


def going(session: Session, campaign: str) -> Going:
    """Return how far the background work is."""
    row, rows = get(session, campaign), units_of(session, campaign)
    ids = [str(one.id) for one in rows]
    jobs_ = session.execute(
        select(Job.task, Job.state, Job.fault).where(Job.task.in_((_LOOK, _DRAW)), Job.target.in_(ids))
    ).all()
    mine = (Letter.unit.in_([one.unit for one in rows]), *_of(row))
    drafts = session.execute(
        select(func.count(), func.count(Letter.draft), func.count(case((Letter.state != "draft", 1))))
        .select_from(Letter)
        .where(*mine, Letter.state.not_in(letters.OVER))
    ).one()
    on_its_way = select(func.count()).select_from(Step).join(Letter, Letter.id == Step.letter)
    steps = session.scalar(on_its_way.where(*mine, Step.state.in_(("approved", "stamped")))) or 0
    rendering = select(Job.fault).join(Letter, Letter.id == Job.target).where(Job.task == "render", *mine)
    pending = session.scalar(
        select(func.count()).select_from(rendering.where(Job.state == "pending").subquery())
    )
    failed = session.scalars(rendering.where(Job.state == "failed")).all()
    total, rendered, issued = drafts
    drawn = [one.state == "done" for one in jobs_ if one.task == _DRAW]
    return Going(
        looked=(sum(one.looked_at is not None for one in rows), len(rows)),
        drawn=(sum(drawn), len(drawn)),
        rendered=(rendered, total),
        sealed=(issued, total),
        busy=any(one.state == "pending" for one in jobs_) or bool(pending) or bool(steps),
        faults=tuple(
            dict.fromkeys(
                one for one in (*(job.fault for job in jobs_ if job.state == "failed"), *failed) if one
            )
        ),
    )


def _of(row: Campaign) -> tuple[ColumnElement[bool], ...]:
    return (Letter.kind == row.kind, *campaigns.of_year(date(row.year, 1, 1)))


def _enqueue(session: Session, task: str, rows: Collection[CampaignUnit], parts: Parts) -> None:
    for one in rows:
        jobs.add(session, task, str(one.id), parts.clock(), again=True)


def _require_going(row: Campaign, now: datetime) -> None:
    """Raise ConflictError for a campaign of a past year, which is there to be looked at."""
    if row.year != china_day(now).year:
        raise ConflictError("E-SYS-360", f"{row.year}年的承诺签订已经结束，只供查看。")


def _require_sound(terms: Terms, today: date) -> None:
    if terms.kind not in KINDS:
        raise InputError("E-SYS-363", "这种文书不能逐人制发，请另选。")
    if terms.year != today.year:
        raise InputError("E-SYS-363", f"承诺书按签发当年计；现在只能开展 {today.year} 年的签订。")
    if not terms.units:
        raise InputError("E-SYS-363", "请至少选择一个单位。")


def _require_free(session: Session, terms: Terms) -> None:
    taken = session.scalars(
        select(CampaignUnit.unit).where(
            CampaignUnit.unit.in_(terms.units),
            CampaignUnit.kind == terms.kind,
            CampaignUnit.year == terms.year,
        )
    ).all()
    if taken:
        raise ConflictError(
            "E-SYS-364", f"{terms.year}年已有承诺签订包含这些单位：{'、'.join(taken[:10])}；请去掉后再试。"
        )


def grouped(
    session: Session, found: Sequence[Candidate], codes: Collection[str], on: date
) -> list[tuple[Unit, list[Candidate]]]:
    """Return candidates under the unit in whose name they are chosen together: a village's street, else themselves."""
    places = {one.code: one for one in query.units(session, on)}
    groups: dict[str, list[Candidate]] = {}
    for one in found:
        above = one.unit.parent if one.unit.level == "village" else None
        head = above if above is not None and above in codes and above in places else one.unit.code
        groups.setdefault(head, []).append(one)
    return [(places[code], members) for code, members in sorted(groups.items())]
