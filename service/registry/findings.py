"""核查 as values: one thing wrong or to be seen to, and the day that is looked at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from service.db.tables import Unit
from service.registry.rules import RuleBook

WRONG, REMINDER = "错误", "提醒"
IN_BUSINESS = ("在营", "季节性停业")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong (错误) or to be seen to (提醒)."""

    code: str
    what: str
    whom: str
    remedy: str
    severity: str = "错误"

    def __str__(self) -> str:
        return f"{self.code} {self.severity} {self.whom}：{self.what}；{self.remedy}。"


@dataclass(frozen=True, slots=True)
class Day:
    """What every check starts from."""

    session: Session
    book: RuleBook
    on: date
    units: dict[str, Unit]
    now: datetime | None = None
    """The instant of the question, for deadlines with an hour."""

    def name(self, code: str | None) -> str:
        """Return the name of a unit, or its code where it is not known."""
        return self.units[code].name if code in self.units else f"代码{code}"


Check = Callable[[Day], Iterator[Finding]]
