"""规则集: the dated rules of a deployment; shipped as reference, each file replaceable by one of its name.

Every rule has an id, a source and the days on which it holds; a document is judged by the rules of its day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from service.errors import InputError, NotFoundError, SetupError
from service.registry import (
    calendar,
    deadlines,
    grading,
    loads,
    rule_file,
    sectors,
    staffing,
    task_lists,
    visiting,
)
from service.registry.calendar import Calendar, Due
from service.registry.dating import Head, Span, holding, read_head, read_id, read_span
from service.registry.deadlines import Deadline
from service.registry.grading import Rules
from service.registry.loads import LoadRule
from service.registry.records import LEVELS
from service.registry.rule_file import Table
from service.registry.sectors import Words
from service.registry.staffing import Requirement
from service.registry.task_lists import TaskLists
from service.registry.visiting import Frequency, OnSiteClass, Round

SHIPPED = Path(__file__).parent / "rules"
MAX_FILE = 1 << 20  # bytes of one rule file


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """法规依据: what a document of its day may cite."""

    id: str
    span: Span
    title: str
    number: str
    kinds: frozenset[str]
    """The kinds of documents that cite it."""
    note: str

    def __str__(self) -> str:
        return f"{self.title}（{self.number}）" if self.number else self.title


@dataclass(frozen=True, slots=True)
class CounterpartRule:
    """监督方: whose head countersigns the commitments of one level."""

    span: Span
    level: str
    title: str


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of a deployment, validated."""

    calendar: Calendar
    grading: Rules
    frequencies: tuple[Frequency, ...]
    rounds: tuple[Round, ...]
    on_site: tuple[OnSiteClass, ...]
    deadlines: tuple[Deadline, ...]
    staffing: tuple[Requirement, ...]
    bases: tuple[LegalBasis, ...]
    counterparts: tuple[CounterpartRule, ...]
    task_lists: TaskLists
    sectors: Words
    loads: tuple[LoadRule, ...]
    heads: tuple[Head, ...]

    @property
    def note(self) -> str:
        """What to print wherever numbers of these rules show; empty where all are official (正式)."""
        names = "、".join(head.title for head in self.heads if head.status == "参考")
        return f"所用规则为参考值，非官方数字：{names}。" if names else ""

    def bases_on(self, on: date) -> list[LegalBasis]:
        """Return the legal bases in force on the day `on`."""
        return holding(self.bases, on)

    def cited(self, kind: str, on: date) -> str:
        """Return what a document of `kind` cites on the day `on`; raise NotFoundError where nothing is in force."""
        found = [str(one) for one in self.bases_on(on) if kind in one.kinds]
        if not found:
            raise NotFoundError(
                "E-REG-709", f"{on}没有可供“{kind}”引用的法规依据；请在 legal_basis.toml 补一条。"
            )
        return "、".join(found)

    def load_ratio(self, on: date) -> float:
        """Return how many times the median of its level a load may be (畸轻畸重) on the day `on`."""
        return loads.ratio_on(self.loads, on)

    def due(self, what: str, start: date) -> Due:
        """Return the due day of `what` (a key of deadlines.SUBJECTS) counted from `start`."""
        return deadlines.due(what, start, self.deadlines, self.calendar)

    def counterpart_title(self, level: str, on: date) -> str:
        """Return whose head countersigns at `level`; raise NotFoundError where no rule says."""
        for rule in holding(self.counterparts, on):
            if rule.level == level:
                return rule.title
        raise NotFoundError("E-REG-703", f"{on}没有“{level}”级的监督方规则；请在 counterpart.toml 补一条。")


def load(folder: Path | None = None) -> RuleBook:
    """Return the rules: a file in `folder` takes the place of the shipped one of its name.

    Raise SetupError where the folder is none or holds a file that no rule set has, InputError naming the
    line of a file that is wrong. A file that has changed since is read anew.
    """
    if folder is None:
        return shipped()
    if not folder.is_dir():
        raise SetupError("E-REG-704", f"规则文件夹“{folder}”不存在；请核对设置。")
    known = {path.name for path in SHIPPED.glob("*.toml")}
    strange = sorted(path.name for path in folder.glob("*.toml") if path.name not in known)
    if strange:
        raise SetupError(
            "E-REG-704",
            f"规则文件夹里的“{'、'.join(strange)}”不是规则文件；可用的文件名：{'、'.join(sorted(known))}。",
        )
    return _build(folder, _state(folder))


def shipped() -> RuleBook:
    """Return the reference rules that come with the program."""
    return _build(SHIPPED, ())


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells one state of the folder's files from another."""
    stats = ((path.name, path.stat()) for path in sorted(folder.glob("*.toml")))
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


@lru_cache(maxsize=8)
def _build(folder: Path, _state: tuple[tuple[str, int, int], ...]) -> RuleBook:
    heads: list[Head] = []

    def tables(name: str, title: str, *arrays: str) -> dict[str, list[Table]]:
        head, found = rule_file.read(_text(folder, name), title, arrays)
        heads.append(read_head(head, title, arrays))
        return found

    graded = grading.load_rules(_text(folder, "grading"))
    visits = tables("frequency", "督导频次规则文件", "rules", "rounds")
    classes = tables("onsite", "现场督导规则文件", "classes")["classes"]
    limits = tables("deadlines", "时限规则文件", "deadlines")["deadlines"]
    staff = tables("director", "两员规则文件", "requirements")["requirements"]
    bases = tables("legal_basis", "法规依据文件", "bases")["bases"]
    counterparts = tables("counterpart", "监督方规则文件", "rules")["rules"]
    words = tables("sectors", "分管领域词表", "sectors")["sectors"]
    ratios = tables("loads", "包保数量比例文件", "loads")["loads"]
    tasks = task_lists.load(_text(folder, "task_lists"))
    return RuleBook(
        calendar=calendar.load(_text(folder, "calendar")),
        grading=graded,
        frequencies=visiting.read_frequencies(visits["rules"]),
        rounds=visiting.read_rounds(visits["rounds"]),
        on_site=visiting.read_classes(classes),
        deadlines=deadlines.read(limits),
        staffing=staffing.read(staff),
        bases=_bases(bases),
        counterparts=tuple(_counterpart(table) for table in counterparts),
        task_lists=tasks,
        sectors=sectors.read(words),
        loads=loads.read(ratios),
        heads=(Head("分级规则文件", graded.jurisdiction, graded.source, graded.status), *heads),
    )


def _text(folder: Path, name: str) -> str:
    path = folder / f"{name}.toml"
    if not path.exists():
        path = SHIPPED / f"{name}.toml"
    try:
        if path.stat().st_size > MAX_FILE:
            raise InputError("E-REG-705", f"规则文件“{path.name}”过大；请核对是否放错了文件。")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(
            "E-REG-705", f"规则文件“{path.name}”读不了；请核对权限，并存为 UTF-8 文本。"
        ) from exc


def _bases(tables: Iterable[Table]) -> tuple[LegalBasis, ...]:
    seen: set[str] = set()
    return tuple(_basis(table, seen) for table in tables)


def _basis(table: Table, seen: set[str]) -> LegalBasis:
    table.only({"id", "valid_from", "valid_to", "title", "number", "kinds", "note"})
    return LegalBasis(
        read_id(table, seen),
        read_span(table),
        table.text("title"),
        table.text("number", ""),
        table.names("kinds"),
        table.text("note", ""),
    )


def _counterpart(table: Table) -> CounterpartRule:
    table.only({"level", "valid_from", "valid_to", "title"})
    return CounterpartRule(read_span(table), table.one_of("level", LEVELS), table.text("title"))
