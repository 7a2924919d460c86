"""Duties and checks of a day, by the rules of this deployment; reading only."""

from datetime import date

from service.clock import china_day
from service.registry import checks, duties, query
from service.registry.findings import Finding
from service.registry.standing import Standing
from service.workflows.parts import Parts


def standing(parts: Parts, *, unit: str | None = None, on: date | None = None) -> Standing:
    """Return the open duties and figures of a day (today), of a unit and those below where it is given."""
    now = parts.clock()
    day = on or china_day(now)
    with parts.sessions.begin() as session:
        code = query.find_unit(session, unit, day).code if unit else None
        return duties.standing(session, parts.rules, day, below=code, now=now)


def check(parts: Parts, *, on: date | None = None) -> list[Finding]:
    """Return what is wrong or missing in the registry on a day (today)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        return checks.check(session, parts.rules, on or china_day(now), now)
