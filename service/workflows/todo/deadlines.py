"""截止时间: the day and hour by which a year's letters are to be signed, and what is overdue (逾期).

A campaign's days hold for its units, to the hour that is set for it; a unit in no campaign has a deadline of its own,
or that of the nearest unit above. `overdue` and `overdue_letters` are what boards and reports ask.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.clock import CHINA, china_day
from service.db.flow import Deadline, Reminding, Task
from service.db.office import Campaign, CampaignUnit
from service.db.tables import Letter
from service.errors import ConflictError, InputError, NotFoundError
from service.workflows import campaigns, holds, letters
from service.workflows.access import grants, trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

DONE = (*letters.FINISHED, "paper", "disposed")
"""States of letters that nobody waits for any more."""
FARTHEST = 60
"""Days from the due day at which a rule may remind."""
LAST_HOUR, REMIND = "23:59", (-3, -1, 1)
"""What holds for a campaign of which nothing else is set: its days to their end, and these reminders."""
_MOST = 8  # reminders of one rule
_UNSIGNED = ("draft", "issued")


@dataclass(frozen=True, slots=True)
class Due:
    """By when a unit's letters are to be signed and countersigned, when people are reminded, and where that is set."""

    sign: datetime
    countersign: datetime
    remind: tuple[int, ...]
    unit: str
    campaign: str | None = None

    def of(self, what: str) -> datetime:
        """Return by when a task (sign, countersign) is due."""
        return self.sign if what == "sign" else self.countersign

    def is_day(self, what: str, day: date) -> bool:
        """Say whether on that day people are reminded of such a task."""
        return any(china_day(self.of(what)) + timedelta(days=one) == day for one in self.remind)


def put(
    parts: Parts, unit: str, due_at: datetime, remind: Sequence[int], *, by: Person, kind: str = letters.KIND
) -> None:
    """Set the deadline of a unit in no campaign, and on which days from it to remind (-3: three days before)."""
    now = parts.clock()
    if due_at <= now or due_at.astimezone(CHINA).year != china_day(now).year:
        raise InputError("E-SIG-240", "截止时间应在今年之内，并晚于现在。")
    days = _require_days(remind)
    with parts.sessions.begin() as session:
        if _campaign(session, unit, china_day(now).year, kind) is not None:
            raise ConflictError("E-SIG-242", "本单位已列入承诺签订，期限请在那里更改。")
        session.merge(
            Deadline(
                unit=unit,
                year=china_day(now).year,
                kind=kind,
                due_at=due_at,
                remind=days,
                set_at=now,
                set_by=by.who[:64],
            )
        )
        trail.note(session, now, "设定截止时间", by=by, unit=unit, due=due_at.astimezone(CHINA).isoformat())


def put_rule(parts: Parts, campaign: str, hour: time, remind: Sequence[int], *, by: Person) -> None:
    """Set the hour at which a campaign's days end, and on which days from them people are reminded."""
    now, days = parts.clock(), _require_days(remind)
    with parts.sessions.begin() as session:
        row = session.get(Campaign, campaign)
        if row is None:
            raise NotFoundError("E-SIG-243", "没有这次承诺签订。")
        session.merge(
            Reminding(campaign=campaign, hour=f"{hour:%H:%M}", remind=days, set_at=now, set_by=by.who[:64])
        )
        trail.note(
            session, now, "设定钟点和提醒", by=by, unit=row.unit, target=campaign, hour=f"{hour:%H:%M}"
        )


def of_campaign(session: Session, row: Campaign) -> Due:
    """Return by when the letters of a campaign are due."""
    rule = session.get(Reminding, row.id)
    hour = time.fromisoformat(rule.hour if rule else LAST_HOUR)
    return Due(
        datetime.combine(row.sign_by, hour, CHINA),
        datetime.combine(row.finish_by, hour, CHINA),
        _days(rule.remind) if rule else REMIND,
        row.unit,
        row.id,
    )


def of_unit(session: Session, unit: str, now: datetime, *, kind: str = letters.KIND) -> Due | None:
    """Return the deadline that holds for a unit: its campaign's, else its own or that of the nearest unit above."""
    year = china_day(now).year
    if (row := _campaign(session, unit, year, kind)) is not None:
        return of_campaign(session, row)
    for code in grants.lineage(session, unit):
        found = session.get(Deadline, (code, year, kind))
        if found is not None:
            return Due(found.due_at, found.due_at, _days(found.remind), found.unit)
    return None


def due_of(
    session: Session, unit: str, now: datetime, what: str = "sign", *, kind: str = letters.KIND
) -> datetime | None:
    """Return when the letters of a unit are due to be signed, or (`what`) countersigned."""
    found = of_unit(session, unit, now, kind=kind)
    return found.of(what) if found else None


def earliest(session: Session, person: str, now: datetime) -> datetime | None:
    """Return by when the first of a person's open tasks is due, if any is."""
    rows = select(Task.unit, Task.what).where(Task.person == person, Task.closed_at.is_(None)).distinct()
    found = [due_of(session, unit, now, what) for unit, what in session.execute(rows).all()]
    return min((one for one in found if one), default=None)


def overdue_letters(
    session: Session, codes: Collection[str], now: datetime, *, kind: str = letters.KIND
) -> list[Letter]:
    """Return this year's letters of these units that are neither finished nor over although their time is up.

    Those of cadres who have left are not among them; drafts that the office has not sealed are.
    """
    due = {code: found for code in codes if (found := of_unit(session, code, now, kind=kind))}
    rows = session.scalars(_unfinished(due, now, kind).order_by(Letter.unit, Letter.number))
    return [
        one for one in rows if due[one.unit].of("sign" if one.state in _UNSIGNED else "countersign") < now
    ]


def overdue(
    session: Session, codes: Collection[str], now: datetime, *, kind: str = letters.KIND
) -> dict[str, int]:
    """Return how many letters of each unit are overdue; units without any are left out."""
    counted: dict[str, int] = {}
    for letter in overdue_letters(session, codes, now, kind=kind):
        counted[letter.unit] = counted.get(letter.unit, 0) + 1
    return counted


def _campaign(session: Session, unit: str, year: int, kind: str) -> Campaign | None:
    rows = select(Campaign).join(CampaignUnit, CampaignUnit.campaign == Campaign.id)
    mine = rows.where(CampaignUnit.unit == unit, CampaignUnit.kind == kind, CampaignUnit.year == year)
    return session.scalars(mine).first()


def _require_days(remind: Sequence[int]) -> str:
    if len(remind) > _MOST or any(abs(one) > FARTHEST for one in remind):
        raise InputError("E-SIG-241", f"提醒日应为截止日前后 {FARTHEST} 天以内的天数，最多 {_MOST} 个。")
    return ",".join(str(one) for one in sorted(set(remind)))


def _days(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(",") if one)


def _unfinished(codes: Collection[str], now: datetime, kind: str) -> Select[Letter]:
    return select(Letter).where(
        Letter.unit.in_(codes),
        Letter.kind == kind,
        *campaigns.of_year(china_day(now)),
        Letter.state.not_in((*letters.OVER, *DONE)),
        holds.free("left"),
    )
