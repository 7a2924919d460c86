"""Cells are read tolerantly in form and strictly in meaning."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.registry import cells
from service.registry.cells import Parser

COUNT, AMOUNT = cells.number(whole=True), cells.number(whole=False)
SECTOR = cells.choice({"餐饮": "餐饮", "餐饮服务": "餐饮", "生产": "生产"}, "环节")
PARSERS: list[Parser] = [
    *(COUNT, AMOUNT, SECTOR, cells.text(20), cells.person, cells.day, cells.phone),
    *(cells.credit_code, cells.licence, cells.area_code),
]


@pytest.mark.parametrize(
    ("parser", "value", "expected"),
    [
        (COUNT, 12, 12),
        (COUNT, 12.0, 12),
        (COUNT, " １２ ", 12),
        (COUNT, "1,200人", 1200),
        (AMOUNT, 3000.75, 3000),
        (AMOUNT, "3000万元", 3000),
        (cells.day, datetime(2026, 11, 24), date(2026, 11, 24)),  # noqa: DTZ001 - what a date cell gives
        (cells.day, 46350, date(2026, 11, 24)),
        (cells.day, "2026年11月24日", date(2026, 11, 24)),
        (cells.day, "2026/11/24", date(2026, 11, 24)),
        (cells.day, "20261124", date(2026, 11, 24)),
        (cells.phone, 19900001234, "19900001234"),
        (cells.phone, "199 0000 1234", "19900001234"),
        (cells.phone, "+86-199-0000-1234", "19900001234"),
        (cells.phone, "0577-88881234", "0577-88881234"),
        (cells.person, " 张　三 ", "张三"),
        (cells.person, "Ann Example", "Ann Example"),
        (cells.credit_code, " 91350100m000100y43", "91350100M000100Y43"),
        (cells.licence, "ＪＹ２３３０３０２０００００１２", "JY23303020000012"),
        (cells.licence, "摊贩登330302000001", "摊贩登330302000001"),
        (cells.area_code, 330302001, "330302001"),
        (cells.text(20), "鹿城\n（样例）\u200b店 ", "鹿城 （样例）店"),
        (SECTOR, "餐饮 服务", "餐饮"),
    ],
)
def test_harmless_forms_are_read(parser: Parser, value: Any, expected: Any) -> None:
    found, finding = parser(value)
    assert found == expected
    assert finding is None or finding.hint


@pytest.mark.parametrize(
    ("parser", "value", "code"),
    [
        (COUNT, "约50", "E-REG-114"),
        (COUNT, True, "E-REG-114"),
        (COUNT, float("nan"), "E-REG-114"),
        (COUNT, "1.5", "E-REG-115"),
        (COUNT, "-3", "E-REG-115"),
        (COUNT, 10**12, "E-REG-115"),
        (COUNT, "#DIV/0!", "E-REG-112"),
        (cells.day, "2022年13月1日", "E-REG-116"),
        (cells.day, "2023-02-29", "E-REG-116"),
        (cells.day, 3, "E-REG-116"),
        (cells.phone, "12345", "E-REG-118"),
        (cells.phone, "1.99E+10", "E-REG-113"),
        (cells.licence, "1.33E+13", "E-REG-113"),
        (cells.licence, "JY123", "E-REG-120"),
        (cells.credit_code, "91350100M000100Y44", "E-REG-119"),
        (cells.area_code, "33030", "E-REG-121"),
        (cells.text(3), "四个字了", "E-REG-122"),
        (SECTOR, "饭馆", "E-REG-117"),
    ],
)
def test_wrong_meaning_is_refused_with_its_code(parser: Parser, value: Any, code: str) -> None:
    found, finding = parser(value)
    assert found is None
    assert finding is not None
    assert (finding.code, finding.hint) == (code, False)


def test_an_unknown_choice_is_told_the_choices_without_their_synonyms() -> None:
    _, finding = SECTOR("饭馆")
    assert finding is not None
    assert finding.remedy == "请从下列各项中选填：餐饮、生产"


@given(
    st.sampled_from(PARSERS),
    st.none()
    | st.text()
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas(),
)
def test_no_value_makes_a_parser_fail(parser: Parser, value: Any) -> None:
    found, finding = parser(value)
    assert finding is None or finding.hint or found is None
