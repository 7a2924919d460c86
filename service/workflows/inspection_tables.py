"""A 四性检测 as a spreadsheet: for a receiver of a package, who has no deployment that prints the report."""

from collections.abc import Iterator

from service.archive.inspection import Inspected, Inspection
from service.clock import CHINA
from service.registry import styled
from service.registry.styled import Table


def workbook(found: Inspection) -> bytes:
    """Return an .xlsx of two sheets: how each object came out, and every item of the batch and of each object."""
    when = found.time.astimezone(CHINA)
    title = f"四性检测报告（{found.stage.value}）：{found.result.value}"
    note = f"检测时间 {when:%Y-%m-%d %H:%M}（北京时间），依据 DA/T 70—2018。“未检测”的项目不作通过论。"
    return styled.workbook(
        [
            Table(
                "各件结果",
                title,
                ["序号", "档号", "文件编号", "结果"],
                [8, 40, 34, 12],
                _objects(found),
                [note],
            ),
            Table(
                "逐项结果",
                title,
                ["档号", "文件编号", "条目", "性质", "检测项", "结果", "说明"],
                [40, 34, 8, 10, 44, 10, 60],
                _items(found),
                [note],
            ),
        ]
    )


def _objects(found: Inspection) -> Iterator[tuple[object, ...]]:
    yield "", found.batch.name, found.batch.title, found.batch.result.value
    for number, one in enumerate(found.objects, 1):
        yield number, one.name or "无档号", one.title, one.result.value


def _items(found: Inspection) -> Iterator[tuple[object, ...]]:
    every: tuple[Inspected, ...] = (found.batch, *found.objects)
    for one in every:
        for item in one.items:
            yield (
                one.name or "无档号",
                one.title,
                item.number,
                item.property,
                item.name,
                item.result.value,
                item.detail,
            )
