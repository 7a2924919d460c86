"""任务清单: what a cadre looks at on a visit, per level, as dated data; the results of one visit are held to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from service.errors import InputError, NotFoundError
from service.registry import rule_file
from service.registry.records import LEVELS
from service.registry.rule_file import Table

SHIPPED = Path(__file__).parent / "rules" / "task_lists.toml"
GOOD, BAD, OUT = "符合", "不符合", "不适用"
RESULTS = (GOOD, BAD, OUT)
_TITLE = "任务清单文件"
_MEANING = "类别, 内容, 判定标准"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a 任务清单."""

    no: int
    category: str
    content: str
    criterion: str


@dataclass(frozen=True, slots=True)
class TaskList:
    """The items of one level, between two days."""

    id: str
    level: str
    valid_from: date
    valid_to: date | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class TaskLists:
    """A validated file: 参考 or 正式, where it comes from, its lists."""

    status: str
    source: str
    lists: tuple[TaskList, ...]

    def of(self, level: str, on: date) -> TaskList:
        """Return the list of a level on a day; raise NotFoundError when there is none."""
        for one in self.lists:
            if one.level == level and one.valid_from <= on and (one.valid_to is None or on < one.valid_to):
                return one
        raise NotFoundError("E-REG-760", f"{on}没有适用于这一层级的任务清单；请在任务清单文件中补充。")


def load(toml: str) -> TaskLists:
    """Return the lists in `toml`; raise InputError naming the line that is wrong."""
    head, tables = rule_file.read(toml, _TITLE, ("lists",))
    head.only({"jurisdiction", "source", "status", "lists"})
    lists = tuple(_list(table) for table in tables["lists"])
    if not lists or len({one.id for one in lists}) != len(lists):
        raise InputError(rule_file.CODE, f"{_TITLE}没有清单，或有重复的清单编号（id）；请改正后再试。")
    return TaskLists(
        status=head.one_of("status", ("参考", "正式")),
        source=head.text("source"),
        lists=lists,
    )


@cache
def shipped() -> TaskLists:
    """Return the reference lists that come with the program."""
    return load(SHIPPED.read_text(encoding="utf-8"))


def fill(task_list: TaskList, noted: Mapping[int, tuple[str, str]]) -> list[dict[str, Any]]:
    """Return a result for every item: what was noted by number, 符合 for the rest.

    Raise InputError for a number the list lacks, an unknown result, or 不符合 without words.
    """
    known = {item.no for item in task_list.items}
    for no, (result, note) in noted.items():
        if no not in known:
            raise InputError("E-REG-761", f"任务清单“{task_list.id}”没有第 {no} 项（共 {len(known)} 项）。")
        if result not in RESULTS:
            raise InputError("E-REG-761", f"第 {no} 项的结果只能取{'、'.join(RESULTS)}。")
        if result == BAD and not note.strip():
            raise InputError("E-REG-761", f"第 {no} 项不符合，请写明问题。")
    lines = ((item.no, noted.get(item.no, (GOOD, ""))) for item in task_list.items)
    return [{"no": no, "result": result, "note": note.strip()} for no, (result, note) in lines]


def _list(table: Table) -> TaskList:
    table.only({"id", "level", "valid_from", "valid_to", "items"})
    return TaskList(
        id=table.text("id"),
        level=table.one_of("level", LEVELS),
        valid_from=table.day("valid_from"),
        valid_to=table.day("valid_to") if "valid_to" in table else None,
        items=tuple(Item(no, *row) for no, row in enumerate(table.rows("items", 3, _MEANING), start=1)),
    )
