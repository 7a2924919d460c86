"""Grading by the shipped reference table, with the rule that decided and its words."""

from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from service.registry import grading

ON = date(2026, 11, 24)
HEAD = 'jurisdiction = "330302"\nvalid_from = 2022-11-10\nvalid_to = 2025-01-01\nsource = "测试"\nstatus = "参考"\n'
RULE = '[[rules]]\nid = "G-1"\npriority = 1\ntier = "D"\n'


@dataclass
class Shop:
    sector: str
    format: str | None = None
    employees: int | None = None
    revenue: int | None = None
    diners: int | None = None


@pytest.mark.parametrize(
    ("shop", "tier", "rule"),
    [
        (Shop("生产", None, 1000, 40000), "A", "G-大型"),
        (Shop("生产", None, 1000, 39999), "B", "G-生产-中型"),
        (Shop("生产", None, 300, 2000), "B", "G-生产-中型"),
        (Shop("生产", None, 299, 2000), "C", "G-小型"),
        (Shop("生产", None, 20, 299), "D", "G-微型"),
        (Shop("生产", "特殊食品", 20, 300), "B", "G-特殊食品生产"),
        (Shop("销售", "批发", 20, 5000), "B", "G-销售-中型"),
        (Shop("销售", "批发", 200, 4999), "C", "G-小型"),
        (Shop("销售", "商超", 50, 500), "B", "G-销售-中型"),
        (Shop("销售", "商超", 9, 100), "D", "G-微型"),
        (Shop("餐饮", "中型餐馆", 120, 3000), "B", "G-餐饮-中型"),
        (Shop("餐饮", "学校食堂", 20, 200, 500), "B", "G-学校食堂-五百"),
        (Shop("餐饮", "学校食堂", 20, 200, 499), "C", "G-学校食堂"),
        (Shop("餐饮", "托幼机构食堂", 5, 50, 300), "B", "G-托幼-三百"),
        (Shop("餐饮", "养老机构食堂", 5, 50, 80), "C", "G-养老"),
        (Shop("餐饮", "集体用餐配送", 50, 900, 1000), "B", "G-集配-千人"),
        (Shop("小餐饮", None, 500, 50000), "D", "G-三小"),
        (Shop("市场", "农产品批发市场"), "B", "G-农批市场"),
        (Shop("市场", "农贸市场"), "C", "G-集中交易市场"),
        (Shop("仓储", None, 20, 100), "C", "G-小型"),
        (Shop("网络平台", None, 100, 1000), "B", "G-仓储平台-中型"),
        (Shop("餐饮", None, None, 3000), "D", "G-缺数据"),
    ],
)
def test_the_shipped_table_decides(shop: Shop, tier: str, rule: str) -> None:
    decided = grading.grade(shop, grading.shipped_rules(), ON)
    assert (decided.tier, decided.rule) == (tier, rule)


def test_the_reason_is_said_in_words() -> None:
    decided = grading.grade(Shop("餐饮", None, 120, 3000), grading.shipped_rules(), ON)
    assert decided.reason == "包保B级：餐饮，从业120人，营收3000万元，中型，规则 G-餐饮-中型"


def test_the_shipped_rules_say_where_they_come_from_and_that_they_are_a_reference() -> None:
    rules = grading.shipped_rules()
    assert (rules.jurisdiction, rules.status) == ("330302", "参考")
    assert "国统字〔2017〕213号" in rules.source


@given(
    st.sampled_from(["生产", "销售", "餐饮", "小作坊", "小餐饮", "摊贩", "市场", "网络平台", "仓储"]),
    st.none() | st.sampled_from(["批发", "学校食堂", "连锁总部", "其他"]),
    *[st.none() | st.integers(0, 10**6)] * 3,
)
def test_every_entity_has_a_tier_and_a_reason_that_fits_its_column(
    sector: str, form: str | None, employees: int | None, revenue: int | None, diners: int | None
) -> None:
    decided = grading.grade(Shop(sector, form, employees, revenue, diners), grading.shipped_rules(), ON)
    assert decided.tier in "ABCD"
    assert len(decided.reason) <= 200


def test_rules_outside_their_days_and_gaps_in_the_table_are_refused() -> None:
    rules = grading.load_rules(HEAD + RULE + 'sectors = ["餐饮"]\n')
    assert grading.grade(Shop("餐饮"), rules, date(2022, 11, 10)).tier == "D"
    for day in (date(2022, 11, 9), date(2025, 1, 1)):
        with pytest.raises(InputError, match="E-REG-201"):
            grading.grade(Shop("餐饮"), rules, day)
    with pytest.raises(InputError, match="兜底规则"):
        grading.grade(Shop("生产"), rules, date(2023, 1, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules = ", "TOML"),
        (HEAD, "没有规则"),
        (RULE, "jurisdiction"),
        (HEAD + RULE.replace('"D"', '"E"'), "第6行起的 .*tier.*只能取"),
        (HEAD + RULE + "[[rules]]\n" + RULE[10:], "重复的规则编号"),
        (HEAD + RULE + "[[rules]]\npriority = 1\n", "第10行起的 .*id"),
        (HEAD + RULE + 'sizes = ["超大型"]\n', "sizes"),
        (HEAD + RULE + "min_diners = -1\n", "min_diners"),
        (HEAD + RULE + 'sektors = ["餐饮"]\n', "sektors.*不是已知的项"),
        (HEAD + RULE + 'sectors = "餐饮"\n', "sectors.*列表"),
        (HEAD + 'rules = [{id = "x"}]\n', "逐条写作"),
        (HEAD.replace("2022-11-10", '"2022-11-10"') + RULE, "valid_from"),
        (
            HEAD + RULE + '[[sizes]]\nsector = "餐饮"\nlarge = [1, 1]\nmedium = [2, 2]\nsmall = [0, 0]\n',
            "逐级减小",
        ),
        (HEAD + RULE + '[[sizes]]\nsector = "餐饮"\nlarge = [1]\nmedium = [2, 2]\nsmall = [0, 0]\n', "large"),
    ],
)
def test_a_wrong_rule_file_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        grading.load_rules(text)
    assert caught.value.code == "E-REG-203"
