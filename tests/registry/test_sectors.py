"""分管领域词表: different words for one sector mean the same, and a wrong table is refused with its line."""

from pathlib import Path

import pytest

from service.errors import InputError, NotFoundError
from service.registry import rules
from tests.registry.conftest import ON

HEAD = 'jurisdiction = "330302"\nsource = "测试"\nstatus = "参考"\n'


def load(tmp_path: Path, text: str, name: str = "sectors") -> rules.RuleBook:
    (tmp_path / f"{name}.toml").write_text(HEAD + text, encoding="utf-8")
    return rules.load(tmp_path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("餐饮服务", {"餐饮", "小餐饮"}),
        ("餐饮业监管", {"餐饮", "小餐饮"}),
        ("食品生产、流通", {"生产", "销售"}),
        ("校园", {"校园食品安全", "学校食堂", "托幼机构食堂", "校外供餐", "校园超市"}),
        ("农产品质量安全，特殊食品", {"农产品", "农产品批发市场", "农贸市场"} | {
            "特殊食品", "婴幼儿配方食品", "保健食品", "特殊医学用途配方食品"}),
        ("三小", {"三小", "小作坊", "小餐饮", "摊贩"}),
        ("城市管理", {"城市管理"}),
        ("", set()),
    ],
)  # fmt: skip
def test_what_a_sector_duty_means(written: str, meant: set[str]) -> None:
    assert rules.shipped().sectors.duties(written) == meant


def test_words_that_the_table_lacks_are_told() -> None:
    assert rules.shipped().sectors.unknown("餐饮服务、渔政") == ["渔政"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[sectors]]\nname = "甲"\nalso = ["乙"]\n[[sectors]]\nname = "乙"\n', "第7行.*“乙”已指“甲”"),
        ('[[sectors]]\nname = "甲"\ncovers = ["丙"]\n', "第4行.*“丙”不是本表的 name"),
        ('[[sectors]]\nname = "甲"\nalias = ["丙"]\n', "第4行.*alias"),
    ],
)
def test_a_wrong_table_of_words_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, text)


def test_a_table_that_covers_itself_in_a_circle_ends(tmp_path: Path) -> None:
    circle = '[[sectors]]\nname = "甲"\ncovers = ["乙"]\n[[sectors]]\nname = "乙"\ncovers = ["甲"]\n'
    assert load(tmp_path, circle).sectors.duties("乙") == {"甲", "乙"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[loads]]\nvalid_from = 2020-01-01\nratio = 1\n", "第4行.*ratio.*应大于1"),
        ("[[loads]]\nvalid_from = 2020-01-01\nratio = true\n", "第4行.*应为数字"),
        (
            "[[loads]]\nvalid_from = 2020-01-01\nratio = 2\n[[loads]]\nvalid_from = 2021-01-01\nratio = 4\n",
            "第7行.*重叠",
        ),
    ],
)
def test_a_wrong_load_ratio_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, text, "loads")


def test_a_day_without_a_load_ratio_is_said(tmp_path: Path) -> None:
    book = load(tmp_path, "[[loads]]\nvalid_from = 2020-01-01\nvalid_to = 2021-01-01\nratio = 2.5\n", "loads")
    assert book.load_ratio(ON.replace(year=2020)) == 2.5
    with pytest.raises(NotFoundError, match=r"E-REG-706.*loads\.toml"):
        book.load_ratio(ON.replace(year=2021))


def test_a_rule_file_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    first = load(tmp_path, "[[loads]]\nvalid_from = 2020-01-01\nratio = 2.5\n", "loads")
    again = load(tmp_path, "[[loads]]\nvalid_from = 2020-01-01\nratio = 12.5\n", "loads")
    assert (first.load_ratio(ON), again.load_ratio(ON)) == (2.5, 12.5)
    assert rules.load(tmp_path) is again
