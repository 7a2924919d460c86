"""企业主体责任: an enterprise's own papers, from its line of business, its staff and the text in force on the day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from service.core import Json
from service.db.tables import Entity
from service.registry import query, staffing
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing

DIRECTOR, OFFICER, HEAD = "食品安全总监", "食品安全员", "主要负责人"
OPEN = "在营"
_SECTORS = {"生产": "生产", "小作坊": "生产", "餐饮": "餐饮", "小餐饮": "餐饮", "摊贩": "餐饮"}
_SELLS = "销售"  # markets, platforms and warehouses too
_SCHOOL = "学校食堂"
_SCHOOLS = {_SCHOOL, "托幼机构食堂"}
_CANTEENS = _SCHOOLS | {"养老机构食堂", "单位食堂"}
_LAW, _OF_2022, _OF_FIRMS, _OF_CANTEENS = "L-食品安全法", "L-令60", "L-令60-2025", "L-集中用餐"


@dataclass(frozen=True, slots=True)
class Firm:
    """An enterprise on a day: its facts, which director and officer the rules ask for, and what its papers cite."""

    entity: Entity
    sector: str
    needs_director: bool
    needs_officer: bool
    edition: str
    basis: str

    @property
    def has_director(self) -> bool:
        """Whether a director answers for food safety there, by rule or by the firm's own choice."""
        return self.needs_director or bool(self.entity.director)

    @property
    def chief(self) -> str:
        """Who leads the daily work: the director, or the officer where there is none."""
        return DIRECTOR if self.has_director else OFFICER

    @property
    def reviewer(self) -> str:
        """To whom the officer answers."""
        return DIRECTOR if self.has_director else HEAD

    @property
    def regulated(self) -> bool:
        """Whether the papers concern it: small vendors without an officer write none."""
        return self.needs_officer or self.has_director or bool(self.entity.officer)


def firm(desk: Desk, entity: Entity) -> Firm:
    """Return the enterprise as the rules of the desk's day see it."""
    edition, basis = _basis(desk, canteen=entity.format in _CANTEENS)
    return Firm(
        entity,
        _SCHOOL if entity.format in _SCHOOLS else _SECTORS.get(entity.sector, _SELLS),
        _needs(desk, entity, staffing.DIRECTOR),
        _needs(desk, entity, staffing.OFFICER),
        edition,
        basis,
    )


def open_entities(desk: Desk, unit: str | None, tier: str | None) -> list[Entity]:
    """Return the entities in business of a scope."""
    found = query.entities(desk.session, desk.on, below=unit, tier=tier)
    return [entity for entity in found if entity.status == OPEN]


def target_of(entity: Entity, *more: str) -> Target:
    """Return the target of one entity's paper; `more` tells several papers of the same kind apart."""
    identity = "/".join((entity.entity, *more))
    return Target(identity, file_name(entity.unit, entity.name[:30], entity.entity[:6], *more), entity.unit)


def targets_of(kind: str) -> Callable[[Desk, str | None, str | None], Sequence[Target]]:
    """Return what finds the papers of `kind`: of firms that need them; appointments per person who is named."""

    def find(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
        firms = [firm(desk, entity) for entity in open_entities(desk, unit, tier)]
        if kind == "appointment":
            return [
                target_of(one.entity, role)
                for one in firms
                for role in (DIRECTOR, OFFICER)
                if _named(one, role)
            ]
        wanted = [one for one in firms if (one.has_director if kind == "director_duties" else one.regulated)]
        return [target_of(one.entity) for one in wanted]

    return find


def builder_of(kind: str) -> Callable[[Desk, str], Paper]:
    """Return what makes a paper of `kind` for an entity's id; appointments add the post: `id/食品安全员`."""

    def make(desk: Desk, target: str) -> Paper:
        identity, _, role = target.partition("/")
        entity = desk.entities([identity]).get(identity)
        if entity is None or entity.status != OPEN or bool(role) is not (kind == "appointment"):
            raise missing("在营的包保主体", target)
        one = firm(desk, entity)
        fields, number = _KINDS[kind](one, desk.on, role)
        shared = {"sector": one.sector, "entity": entity.name, "basis": one.basis}
        title = _TITLES[kind] if kind != "appointment" else f"{role}任命书"
        return Paper(shared | fields, f"{entity.name}{title}", number, entity.name)

    return make


def _basis(desk: Desk, *, canteen: bool) -> tuple[str, str]:
    """Return which text of the regulation holds on the day, and what to cite."""
    bases = {base.id: str(base) for base in desk.book.bases_on(desk.on)}
    wanted = (_OF_CANTEENS, _OF_FIRMS, _OF_2022) if canteen else (_OF_FIRMS, _OF_2022)
    regulation = next((name for name in wanted if name in bases), None)
    cited = [bases[name] for name in (_LAW, regulation) if name in bases]
    edition = "2022" if regulation == _OF_2022 else "2025"
    return edition, "和".join(cited) or "、".join(bases.values())


def _needs(desk: Desk, entity: Entity, role: str) -> bool:
    return staffing.needed(entity, role, desk.book.staffing, desk.book.grading, desk.on) is not None


def _named(one: Firm, role: str) -> str:
    return (one.entity.director if role == DIRECTOR else one.entity.officer) or ""


_Fields = tuple[dict[str, Json], str]  # a paper's own fields, and its number


def _director_duties(one: Firm, on: date, _: str) -> _Fields:
    return {"director": one.entity.director or "", "edition": one.edition}, f"食安〔{on.year}〕1号"


def _officer_rules(one: Firm, on: date, _: str) -> _Fields:
    fields = {"officer": one.entity.officer or "", "edition": one.edition, "has_director": one.has_director}
    return fields, f"食安〔{on.year}〕2号"


def _appointment(one: Firm, on: date, role: str) -> _Fields:
    if role not in (DIRECTOR, OFFICER) or not _named(one, role):
        raise missing(f"“{one.entity.name}”的{role or '任职人员'}", one.entity.entity)
    fields = {
        "role": role,
        "appointees": _named(one, role),
        "reports_to": HEAD if role == DIRECTOR else one.reviewer,
        "edition": one.edition,
    }
    return fields, f"食安〔{on.year}〕{3 if role == DIRECTOR else 4}号"


def _risk_list(one: Firm, on: date, _: str) -> _Fields:
    fields = {"address": one.entity.address, "version": 1, "compiler": one.chief}
    return fields, f"食安〔{on.year}〕5号"


def _daily_check(one: Firm, on: date, _: str) -> _Fields:
    return {
        "reviewer": one.reviewer
    }, f"食安日〔{on.year}〕空表"  # the day is written by hand: one print, many days


def _weekly_review(one: Firm, on: date, _: str) -> _Fields:
    monday = on - timedelta(days=on.weekday())
    fields = {
        "addressee": one.entity.person or "",
        "reporter_role": one.chief,
        "begins": monday.isoformat(),
        "ends": (monday + timedelta(days=6)).isoformat(),
    }
    year, week, _day = on.isocalendar()
    return fields | {"last_week": [], "problems": []}, f"食安周〔{year}〕{week}号"


def _monthly_meeting(one: Firm, on: date, _: str) -> _Fields:
    fields = {
        "month": f"{on.year}年{on.month}月",
        "host": one.entity.person or "",
        "reporter_role": one.chief,
    }
    return fields | {"problems": [], "plan": []}, f"食安月〔{on.year}〕{on.month}号"


def _veto_advice(one: Firm, on: date, _: str) -> _Fields:
    return {"addressee": one.entity.person or "", "adviser_role": one.chief}, f"食安停〔{on.year}〕　　号"


_KINDS: Mapping[str, Callable[[Firm, date, str], _Fields]] = {
    "director_duties": _director_duties,
    "officer_rules": _officer_rules,
    "appointment": _appointment,
    "risk_list": _risk_list,
    "daily_check": _daily_check,
    "weekly_review": _weekly_review,
    "monthly_meeting": _monthly_meeting,
    "veto_advice": _veto_advice,
}
_TITLES = {
    "director_duties": "食品安全总监职责",
    "officer_rules": "食品安全员守则",
    "risk_list": "食品安全风险管控清单",
    "daily_check": "每日食品安全检查记录",
    "weekly_review": "每周食品安全排查治理报告",
    "monthly_meeting": "每月食品安全调度会议纪要",
    "veto_advice": "停止经营建议书",
}
KINDS = tuple(_KINDS)
