"""任务清单 are dated data: a file that is wrong is refused with its line, a visit answers every item."""

from datetime import date

import pytest

from service.errors import InputError, NotFoundError
from service.registry import task_lists
from service.registry.task_lists import BAD, GOOD, OUT

HEAD = 'jurisdiction = "330302"\nsource = "s"\nstatus = "参考"\n'
ONE = '[[lists]]\nid = "{id}"\nlevel = "village"\nvalid_from = {begins}\n{ends}items = [["类", "看什么", "怎样算好"]]\n'
OLD = ONE.format(id="旧", begins="2022-11-10", ends="valid_to = 2026-01-01\n")
NEW = ONE.format(id="新", begins="2026-01-01", ends="")


def test_the_list_of_the_day_is_used() -> None:
    lists = task_lists.load(HEAD + OLD + NEW)
    assert lists.of("village", date(2025, 12, 31)).id == "旧"
    assert lists.of("village", date(2026, 1, 1)).id == "新"
    with pytest.raises(NotFoundError, match="E-REG-760"):
        lists.of("village", date(2022, 11, 9))
    with pytest.raises(NotFoundError, match="E-REG-760"):
        lists.of("city", date(2026, 1, 1))


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        (HEAD, "没有清单"),
        (HEAD + OLD + OLD, "重复"),
        (HEAD + OLD.replace('["类", "看什么", "怎样算好"]', '["类", "看什么"]'), "第4行.*items"),
        (HEAD + OLD + NEW.replace('"village"', '"镇"'), "第10行.*level"),
        (HEAD + OLD.replace("items", "itmes"), "itmes"),
        (HEAD.replace("参考", "草稿") + OLD, "status"),
        ("[[[", "TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(toml: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        task_lists.load(toml)


def test_every_item_gets_a_result_and_what_is_not_noted_is_good() -> None:
    items = task_lists.fill(
        task_lists.shipped().of("village", date(2026, 1, 1)), {2: (BAD, " 未公示 "), 3: (OUT, "")}
    )
    assert [item["result"] for item in items[:4]] == [GOOD, BAD, OUT, GOOD]
    assert items[1]["note"] == "未公示" and len(items) == 16
