"""The desk at which papers of one day are written: names, rules and figures that many of them share."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Envelope, Json, LetterId, Party, Sha256Hex
from service.db.changes import Raise
from service.db.tables import Cadre, Entity, Unit
from service.errors import NotFoundError
from service.registry import deadlines, duties, query, visiting
from service.registry.figures import Figure
from service.registry.rules import RuleBook
from service.registry.standing import PERIODIC, Measure, Standing
from service.workflows import naming
from service.workflows.naming import Body

_CITED = ("L-食品安全法", "L-属地意见")  # what papers of the district cite, where the rule set has it
_UNSAFE = re.compile(r"[^\w（）〔〕-]+")
_NAME_LIMIT = 60  # characters of a file's name
ERASED = "（已删除个人信息）"

Figures = Mapping[str, Mapping[Measure, Figure]]


@dataclass(frozen=True, slots=True)
class Target:
    """One paper that can be made: the id to build it by, and a file name that sorts and is safe in every folder."""

    id: str
    file_name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Paper:
    """What a builder writes: the fields, and what the envelope says besides."""

    fields: Mapping[str, Json]
    title: str
    number: str
    unit: str
    parties: tuple[Party, ...] = ()
    list_version: int | None = None
    list_sha256: Sha256Hex | None = None


class Desk:
    """A session, a day and the rules in force; remembers what the papers of that day ask for again and again."""

    def __init__(self, session: Session, on: date, book: RuleBook) -> None:
        self.session, self.on = session, on
        self.book, self.lists = book, book.task_lists
        self._names: dict[str, str] = {}

    @cached_property
    def units(self) -> dict[str, Unit]:
        """The units of the day, by code."""
        return {unit.code: unit for unit in query.units(self.session, self.on)}

    def unit(self, code: str) -> Unit:
        """Return a unit; raise NotFoundError when there is none on the day."""
        return self.units.get(code) or query.unit(self.session, code, self.on)

    def full_name(self, code: str) -> str:
        """Return a unit's name from the district down."""
        if code not in self._names:
            self._names[code] = naming.full_name(self.session, code, self.on)
        return self._names[code]

    def body(self, code: str) -> Body:
        """Return the committee and office that act for a unit."""
        return naming.body(self.session, code, self.on)

    def above(self, code: str) -> str:
        """Return the committee above a unit's; a city that keeps no registry here is called by its level."""
        parent = self.unit(code).parent
        if parent is None or parent not in self.units or not self.units[parent].committee:
            return "上级食品药品安全委员会"
        return self.body(parent).committee

    def ancestor(self, code: str, level: str) -> str | None:
        """Return the unit itself or the one above it that is of `level`."""
        place: Unit | None = self.unit(code)
        while place is not None and place.level != level:
            place = self.units.get(place.parent or "")
        return place.code if place else None

    def codes(self, unit: str | None) -> set[str]:
        """Return the codes of a unit and all below it; of all units where none is given."""
        return query.codes_below(self.session, unit, self.on) if unit else set(self.units)

    @cached_property
    def cadres(self) -> list[Cadre]:
        """The cadres in office, by unit in the order in which they were listed."""
        return query.all_cadres(self.session, self.on)

    @cached_property
    def _places(self) -> dict[str, int]:
        counted, places = Counter[str](), {}
        for cadre in self.cadres:
            counted[cadre.unit] += 1
            places[cadre.cadre] = counted[cadre.unit]
        return places

    def place_of(self, cadre: Cadre) -> int:
        """Return the cadre's place in the unit's list, from 1; 0 for one who has left."""
        return self._places.get(cadre.cadre, 0)

    @cached_property
    def raises(self) -> dict[str, list[Raise]]:
        """All applications for a raise and what became of them: id → its rows, oldest first."""
        found: dict[str, list[Raise]] = {}
        for row in self.session.scalars(select(Raise).order_by(Raise.row)):
            found.setdefault(row.id, []).append(row)
        return found

    def cadre_names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the latest known names of cadres, in office or not; an erased person is said to be so."""
        wanted = set(ids)
        rows = self.session.scalars(select(Cadre).where(Cadre.cadre.in_(wanted)).order_by(Cadre.row))
        return dict.fromkeys(wanted, ERASED) | {row.cadre: row.name for row in rows}

    def entities(self, ids: Iterable[str]) -> dict[str, Entity]:
        """Return entities as they were last heard of by the day, open or closed."""
        rows = self.session.scalars(
            select(Entity)
            .where(Entity.entity.in_(set(ids)), Entity.valid_from <= self.on)
            .order_by(Entity.row)
        )
        return {row.entity: row for row in rows}

    @property
    def basis(self) -> str:
        """The legal bases that the district's papers of the day cite."""
        bases = self.book.bases_on(self.on)
        cited = [base for base in bases if base.id in _CITED] or bases
        return "、".join(str(base) for base in cited)

    def workdays(self, what: str) -> int:
        """Return the working days that the deadline `what` of the day gives."""
        return deadlines.rule_of(what, self.book.deadlines, self.on).workdays

    @cached_property
    def standing(self) -> Standing:
        """How things stand on the day, in all units."""
        return duties.standing(self.session, self.book, self.on)

    @cached_property
    def last_quarter(self) -> Standing:
        """How the quarter before the day's had ended, as far as is known on the day; visits due later are not in it."""
        end = visiting.period_of(self.on).begins - timedelta(days=1)
        return duties.standing(self.session, self.book, end, known=self.on).whole_periods()

    @cached_property
    def _standings(self) -> list[Standing]:
        """The year's quarters that are over, as they ended, and the day."""
        return [*duties.ended_quarters(self.session, self.book, self.on), self.standing]

    @cached_property
    def year_by_cadre(self) -> Figures:
        """The year's figures of every cadre: visits of all periods, everything else as it stands."""
        return _sum([one.by_cadre() for one in self._standings])

    @cached_property
    def year_by_unit(self) -> Figures:
        """The same of every unit."""
        return _sum([one.by_unit() for one in self._standings])

    def envelope(self, kind: str, target: str, paper: Paper) -> Envelope:
        """Return the envelope of a paper; its letter id is the digest of what it is about, so it never changes."""
        about = f"{kind}/{target}/{self.on.isoformat()}"
        return Envelope(
            letter=LetterId(hashlib.sha256(about.encode()).hexdigest()[:32]),
            number=paper.number,
            kind=kind,
            title=paper.title,
            unit=paper.unit,
            date=self.on.isoformat(),
            parties=paper.parties,
            list_version=paper.list_version,
            list_sha256=paper.list_sha256,
        )


def file_name(*parts: object) -> str:
    """Return a file name without extension that sorts by its parts and holds nothing a folder minds."""
    return "-".join(_UNSAFE.sub("", str(part)) for part in parts)[:_NAME_LIMIT]


def missing(what: str, target: str) -> NotFoundError:
    """Return the error for a target that is not there."""
    return NotFoundError("E-REG-891", f"没有编号为“{target}”的{what}，不能生成文书；请核对编号和日期。")


def day(value: date | None) -> str:
    """Return a day as a field holds it; nothing for none."""
    return value.isoformat() if value else ""


def _sum(standings: Sequence[Figures]) -> Figures:
    """Add up visits over the periods; of everything else only the last standing counts, which is the day's."""
    total: dict[str, dict[Measure, Figure]] = {}
    for one in standings:
        for key, figures in one.items():
            own = total.setdefault(key, {})
            for measure, figure in figures.items():
                if measure in PERIODIC:
                    own[measure] = own.get(measure, Figure()) + figure
                elif one is standings[-1]:
                    own[measure] = figure
    return total
