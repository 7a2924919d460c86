"""核查: what is wrong or missing in the registry on a day; each finding with code, what, whom and remedy."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from service.db.changes import Delegation, Raise
from service.db.records import ListReview, Supervision
from service.db.tables import Assignment, Cadre, Entity, Letter, ListVersion, Unit
from service.registry import business_records, duties, duty_rows, frozen, query, visiting
from service.registry.dated import as_of
from service.registry.list_review import IN_FORCE
from service.registry.records import LEVEL_NAMES, TIER_LEVEL
from service.registry.rules import RuleBook
from service.registry.standing import Measure, State

_IN_BUSINESS = ("在营", "季节性停业")
_WRONG_YEAR = re.compile(r"[\[(（【［]\s*\d{4}\s*[\])）】］]")
_NUMBER = re.compile(r"(?P<issuer>.+?)〔(?P<year>\d{4})〕(?P<number>.+)号")


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
class _Day:
    session: Session
    book: RuleBook
    on: date
    units: dict[str, Unit]

    def name(self, code: str | None) -> str:
        return self.units[code].name if code in self.units else f"代码{code}"


_Check = Callable[[_Day], Iterator[Finding]]


def check(session: Session, book: RuleBook, on: date) -> list[Finding]:
    """Return all findings of the day, by code; one statement per question."""
    day = _Day(session, book, on, {unit.code: unit for unit in query.units(session, on)})
    found = [finding for one in _CHECKS for finding in one(day)]
    return sorted(found, key=lambda finding: finding.code)


def _main_bond(day: _Day) -> Iterator[Finding]:
    """Every entity in business has one 主包 of the matching level; A entities are the city's."""
    holder = aliased(Cadre)
    bonds: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for entity, at, office in day.session.execute(
        select(Assignment.entity, Assignment.level, holder.status)
        .outerjoin(holder, and_(holder.cadre == Assignment.cadre, as_of(holder, day.on)))
        .where(as_of(Assignment, day.on), Assignment.duty == duty_rows.MAIN)
    ):
        bonds[entity].append((at, office))
    for entity, name, tier, unit in day.session.execute(
        select(Entity.entity, Entity.name, Entity.tier, Entity.unit)
        .where(as_of(Entity, day.on), Entity.status.in_(_IN_BUSINESS))
        .order_by(Entity.unit, Entity.address, Entity.entity)
    ):
        held, whom = bonds.get(entity, []), f"{day.name(unit)} {name}"
        if not held and tier != "A":
            yield Finding(
                "CHK-101", f"包保{tier}级主体没有主包干部", whom, "请运行 liangze assign 或指定干部"
            )
        if len(held) > 1:
            yield Finding("CHK-102", f"有{len(held)}名主包干部", whom, "请只留一名主包，其余改为协同或组团")
        for level, status in held:
            if level != TIER_LEVEL[tier]:
                expected, present = LEVEL_NAMES[TIER_LEVEL[tier]], LEVEL_NAMES.get(level, level)
                what = f"包保{tier}级应由{expected}级干部包保，现为{present}级"
                yield Finding("CHK-103", what, whom, "请重新分配，或补录提级、委托授权的批准")
            if status != duty_rows.IN_OFFICE:
                yield Finding("CHK-104", "主包干部已不在任", whom, "请办理交接，由继任干部包保")


def _licences(day: _Day) -> Iterator[Finding]:
    """No entity in business works on a licence that has run out."""
    for name, unit, until in day.session.execute(
        select(Entity.name, Entity.unit, Entity.licence_until)
        .where(as_of(Entity, day.on), Entity.status.in_(_IN_BUSINESS), Entity.licence_until < day.on)
        .order_by(Entity.unit, Entity.address, Entity.entity)
    ):
        what = f"许可证已于{until}到期"
        yield Finding("CHK-105", what, f"{day.name(unit)} {name}", "请核实是否续期或停业，并更新登记", "提醒")


def _load(day: _Day) -> Iterator[Finding]:
    """Nobody carries more than the ratio of the rules times the median of the unit's cadres."""
    loads: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for unit, cadre, name in day.session.execute(
        select(Cadre.unit, Cadre.cadre, Cadre.name)
        .join(Assignment, and_(Assignment.cadre == Cadre.cadre, as_of(Assignment, day.on)))
        .where(as_of(Cadre, day.on), Assignment.duty == duty_rows.MAIN)
        .order_by(Cadre.unit, Cadre.row)
    ):
        loads[unit][cadre, name] += 1
    ratio = day.book.load_ratio(day.on)
    for unit, counted in loads.items():
        middle = median(counted.values())
        for (_, name), load in counted.items():
            if load > ratio * middle:
                what = f"包保{load}户，超过本单位中位数{middle:g}户的{ratio:g}倍"
                yield Finding("CHK-201", what, f"{day.name(unit)} {name}", "请重新均衡分配", "提醒")


def _overdue(day: _Day) -> Iterator[Finding]:
    """Duties whose due day has passed: of today, of the last whole quarter, and of the last year."""
    quarter = visiting.period_of(day.on).begins - timedelta(days=1)
    year = date(day.on.year - 1, 12, 31)
    for at, measures in ((day.on, None), (quarter, _VISITS), (year, _YEARLY)):
        for duty in duties.standing(day.session, day.book, at, known=day.on).duties:
            if duty.state is not State.OVERDUE:
                continue
            # A finished period's duty is shown by no later day; it was due on the period's last day.
            if measures is None or (duty.measure in measures and duty.due.day == at):
                code, remedy = _OVERDUE[duty.measure]
                what = f"{duty.measure}已逾期：{duty.text}，限{duty.due}"
                yield Finding(code, what, str(duty.holder), remedy)


def _letters(day: _Day) -> Iterator[Finding]:
    """Nobody countersigns their own letter; a letter names the unit its cadre is in."""
    for number, cadre, leader, unit, name, now in day.session.execute(
        select(Letter.number, Letter.cadre, Letter.leader, Letter.unit, Cadre.name, Cadre.unit)
        .join(Cadre, and_(Cadre.cadre == Letter.cadre, as_of(Cadre, day.on)))
        .where(
            Letter.kind == duty_rows.COMMITMENT,
            Letter.day >= date(day.on.year, 1, 1),
            Letter.day <= day.on,
            Letter.state.not_in(duty_rows.OVER),
        )
        .order_by(Letter.number)
    ):
        whom = f"{day.name(now)} {name}"
        if leader == cadre:
            yield Finding(
                "CHK-301", f"承诺书{number}由本人会签", whom, "请作废重发，由“负责人承诺书监督方”会签"
            )
        if unit != now:
            what = f"承诺书{number}按原单位{day.name(unit)}签订"
            yield Finding("CHK-302", what, whom, "岗位已变，请重新签订承诺书")


def _bound_rows(day: _Day) -> Iterator[Finding]:
    """A commitment binds the rows of an approved list: its digest is that of the cadre's rows in the version named."""
    versions = {
        (row.unit, row.tier, row.version): row
        for row in day.session.scalars(select(ListVersion).order_by(ListVersion.version))
    }
    newest = {(unit, tier): row for (unit, tier, _), row in versions.items() if row.state == IN_FORCE}
    for letter, name in day.session.execute(
        select(Letter, Cadre.name)
        .join(Cadre, and_(Cadre.cadre == Letter.cadre, as_of(Cadre, day.on)))
        .where(
            Letter.kind == duty_rows.COMMITMENT,
            Letter.day >= date(day.on.year, 1, 1),
            Letter.day <= day.on,
            Letter.state.not_in(duty_rows.OVER),
        )
        .order_by(Letter.number)
    ):
        envelope = json.loads(letter.content).get("envelope")
        if envelope is None:
            continue  # taken in from paper: nothing of it can be compared
        listed = envelope.get("list")
        unit = day.units.get(letter.unit)
        tier = next((tier for tier, level in TIER_LEVEL.items() if unit and level == unit.level), "")
        version = versions.get((letter.unit, tier, listed["version"])) if listed else None
        whom = f"{day.name(letter.unit)} {name}"
        if not listed or version is None:
            yield Finding("CHK-303", f"承诺书{letter.number}没有对应的责任清单", whom, "请作废，按清单重发")
            continue
        if version.approved_on is None:
            what = f"承诺书{letter.number}所依据的清单第{version.version}版未经审定"
            yield Finding("CHK-304", what, whom, "请先审定清单")
        rows = json.loads(version.rows)
        if frozen.own_digest(rows, letter.cadre) != listed["sha256"]:
            what = f"承诺书{letter.number}的清单摘要与第{version.version}版中本人的行不符"
            yield Finding("CHK-305", what, whom, "请核实清单，必要时作废重发")
        now = newest.get((letter.unit, tier))
        if now is not None and frozen.own_digest(json.loads(now.rows), letter.cadre) != listed["sha256"]:
            what = f"签订后执行的清单第{now.version}版中本人的主体有增减"
            yield Finding("CHK-306", what, whom, "以清单调整单为准，不必重签，请知会本人", "提醒")


def _papers(day: _Day) -> Iterator[Finding]:
    """Enterprises make a record each open day, each week and month; those without any are counted."""
    never: Counter[str] = Counter()
    for gap in business_records.gaps(day.session, day.book, day.on):
        if gap.none:
            place = day.units.get(gap.unit)
            never[(place.parent if place else None) or gap.unit] += 1
            continue
        what = f"缺记录：{'、'.join(gap.missing)}"
        yield Finding("CHK-631", what, f"{day.name(gap.unit)} {gap.name}", "请督促补记并说明原因")
    for unit, count in sorted(never.items()):
        what = f"{count}户企业从未登记日管控、周排查、月调度记录"
        yield Finding("CHK-630", what, day.name(unit), "请督促企业建立记录，用 liangze record 登记", "提醒")


def _supervision(day: _Day) -> Iterator[Finding]:
    """下督一级: the supervised unit lies directly below the supervising one."""
    for inspecting, inspected, on in day.session.execute(
        select(Supervision.inspecting, Supervision.inspected, Supervision.on)
        .where(Supervision.year == day.on.year, Supervision.on <= day.on)
        .order_by(Supervision.on, Supervision.id)
    ):
        unit = day.units.get(inspected)
        if unit is not None and unit.parent != inspecting:
            what = f"{on}督查{unit.name}，不是下一级机构"
            yield Finding("CHK-601", what, day.name(inspecting), "督查应下督一级，请核对督查对象")


def _documents(day: _Day) -> Iterator[Finding]:
    """文号: year in 〔〕, plain number, a committee's own 代字, no law cited before its day."""
    for name, issuer, document, when in day.session.execute(
        select(Delegation.body, Delegation.granted_by, Delegation.document, Delegation.valid_from).where(
            as_of(Delegation, day.on)
        )
    ):
        if problem := document_problem(document, issuer, when):
            yield Finding("CHK-701", f"委托授权文号“{document}”{problem}", name, "请核对批准文件后更正")
    for entity, paper, approved in day.session.execute(
        select(Raise.entity, Raise.document, Raise.approved_on).where(
            as_of(Raise, day.on), Raise.document.is_not(None)
        )
    ):
        if problem := document_problem(paper or "", None, approved):
            yield Finding(
                "CHK-701", f"提级批准文号“{paper}”{problem}", entity or "行业提级", "请核对批准文件后更正"
            )


def document_problem(document: str, issuer: str | None, on: date | None) -> str | None:
    """Return what is wrong with a 文号 (GB/T 9704), or None; other titles of documents are let be."""
    if _WRONG_YEAR.search(document):
        return "的年份应写在六角括号〔〕里"
    match = _NUMBER.fullmatch(document.strip())
    if match is None:
        return None
    if not re.fullmatch(r"[1-9]\d*", match["number"]):
        return "的序号应为不带“第”和前导零的数字"
    if issuer and ("委" in match["issuer"]) != issuer.endswith(("委员会", "食安委", "食药安委")):
        return f"的代字与发文机关“{issuer}”不符"
    if on and int(match["year"]) > on.year:
        return f"的年份晚于批准日期{on}"
    return None


def _lists(day: _Day) -> Iterator[Finding]:
    """审定: by the same level's committee, a village's by its street's; never by who drafted it."""
    for unit, tier, version, drafted, approving, approved in day.session.execute(
        select(
            *(ListVersion.unit, ListVersion.tier, ListVersion.version, ListVersion.created_by),
            *(ListReview.approving_unit, ListReview.approved_by),
        )
        .join(ListReview, ListReview.version == ListVersion.id)
        .where(ListReview.approved_at.is_not(None))
        .order_by(ListVersion.unit, ListVersion.tier, ListVersion.version)
    ):
        place = day.units.get(unit)
        whom = f"{day.name(unit)}包保{tier}级责任清单第{version}版"
        right = place.parent if place is not None and place.level == "village" else unit
        if place is not None and approving != right:
            what = f"由{day.name(approving)}审定，应由{day.name(right)}审定"
            yield Finding("CHK-801", what, whom, "请退回后由应审定的食（药）安委审定")
        if approved == drafted:
            yield Finding("CHK-802", "编制人与审定登记人是同一人", whom, "请由另一人登记审定")


def _units(day: _Day) -> Iterator[Finding]:
    """Every unit has a leader, and one who stands in for the leader's own letter."""
    for unit in day.units.values():
        if unit.level == "city":
            continue
        if unit.leader is None:
            yield Finding("CHK-901", "没有登记主要负责人", unit.name, "请在机构表补填后重新导入")
        elif unit.stand_in in (None, unit.leader):
            yield Finding("CHK-902", "没有登记负责人承诺书的监督方", unit.name, "请在机构表补填后重新导入")
        if unit.parent is not None and unit.parent not in day.units:
            yield Finding("CHK-903", f"上级代码{unit.parent}不存在", unit.name, "请核对上级代码")


def _calendar(day: _Day) -> Iterator[Finding]:
    """The calendar covers the longest clock that could start today."""
    reach = max((rule.workdays for rule in day.book.deadlines), default=0) or 1
    due = day.book.calendar.after(day.on, reach)
    for year in due.provisional:
        what = f"没有{year}年放假安排，跨入该年的时限为暂定"
        yield Finding("CHK-951", what, "工作日历", "请按国务院办公厅通知在 calendar.toml 补一条", "提醒")


_VISITS = frozenset({Measure.VISIT, Measure.ON_SITE})
_YEARLY = frozenset({Measure.REPORT, Measure.FORWARD, Measure.SUPERVISION})
_OVERDUE = {
    Measure.COMMITMENT: ("CHK-310", "请督促双方签署"),
    Measure.VISIT: ("CHK-401", "请补督导并说明原因"),
    Measure.ON_SITE: ("CHK-402", "请现场补督导"),
    Measure.ROUND: ("CHK-403", "请补督导并说明原因"),
    Measure.PROBLEM: ("CHK-404", "请督促整改并核实销号"),
    Measure.CHANGE: ("CHK-501", "请编制清单调整单并送审"),
    Measure.SUPERVISION: ("CHK-602", "请安排督查"),
    Measure.RECTIFICATION: ("CHK-603", "请督促被督查单位报送整改情况"),
    Measure.REPORT: ("CHK-610", "请催交履职报告"),
    Measure.FORWARD: ("CHK-611", "请抄报上级食（药）安委"),
    Measure.DIRECTOR: ("CHK-620", "请督促主体任命并登记"),
    Measure.OFFICER: ("CHK-621", "请督促主体任命并登记"),
    Measure.SUBMISSION: ("CHK-803", "请催报"),
}
_CHECKS: tuple[_Check, ...] = (
    _main_bond,
    _licences,
    _load,
    _letters,
    _bound_rows,
    _papers,
    _overdue,
    _supervision,
    _documents,
    _lists,
    _units,
    _calendar,
)
