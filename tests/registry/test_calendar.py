"""Working days by the yearly notices; a year without one is provisional, and says so."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from service.registry import calendar, deadlines, rules
from service.registry.calendar import Calendar, Due

PLAN = date(2022, 11, 10)
NOTICE_2027 = """
[[years]]
year = 2027
source = "国务院办公厅关于2027年部分节假日安排的通知"
holidays = [2027-01-01, 2027-02-08, 2027-02-09]
workdays = [2027-01-02]
"""


def test_twenty_and_thirty_working_days_from_the_plan_are_the_known_days() -> None:
    assert Calendar().after(PLAN, 20) == Due(date(2022, 12, 8))
    assert Calendar().after(PLAN, 30) == Due(date(2022, 12, 22))


def test_the_shipped_deadlines_count_the_same_days() -> None:
    book = rules.shipped()
    assert deadlines.due("personnel", PLAN, book.deadlines, book.calendar).day == date(2022, 12, 8)
    assert deadlines.due("entity", PLAN, book.deadlines, book.calendar).day == date(2022, 12, 22)


@pytest.mark.parametrize(
    ("year", "workdays"), [(2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)]
)
def test_a_year_has_its_known_number_of_working_days(year: int, workdays: int) -> None:
    assert Calendar().between(date(year - 1, 12, 31), date(year, 12, 31)) == workdays


def test_weekend_days_that_are_worked_count_and_holidays_on_weekdays_do_not() -> None:
    assert Calendar().is_workday(date(2026, 10, 10))  # a Saturday
    assert not Calendar().is_workday(date(2026, 10, 7))  # a Wednesday


def test_a_year_without_a_notice_is_provisional_and_says_so() -> None:
    due = Calendar().after(date(2026, 12, 10), 30)
    assert due == Due(date(2027, 1, 21), (2027,))
    assert str(due) == "2027-01-21（暂定：2027年放假安排未公布，按周一至周五计）"
    assert str(Calendar().after(PLAN, 20)) == "2022-12-08"


def test_a_deadline_that_ends_before_the_unknown_year_is_final() -> None:
    assert not Calendar().after(date(2026, 12, 10), 5).provisional


def test_data_for_the_year_makes_the_day_final_and_moves_it() -> None:
    known = calendar.load(NOTICE_2027)
    assert known.knows(2027)
    assert not Calendar().knows(2027)
    # One holiday (1 January) and one worked Saturday (2 January) even out; a second holiday would move it.
    assert known.after(date(2026, 12, 10), 30) == Due(date(2027, 1, 21))
    assert known.after(date(2026, 12, 10), 44) == Due(date(2027, 2, 12))
    assert Calendar().after(date(2026, 12, 10), 44).day == date(2027, 2, 10)


def test_an_override_takes_the_place_of_a_packaged_year() -> None:
    text = NOTICE_2027.replace("2027", "2026").replace("workdays = [2026-01-02]", "workdays = [2026-01-03]")
    text = text.replace("2026-02-08, ", "")
    changed = calendar.load(text)
    assert changed.is_workday(date(2026, 10, 7))
    assert changed.is_workday(date(2026, 1, 3))


def test_a_last_day_that_is_no_working_day_moves_on() -> None:
    assert Calendar().moved(date(2026, 10, 1)) == Due(date(2026, 10, 8))
    assert Calendar().moved(date(2026, 11, 24)) == Due(date(2026, 11, 24))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NOTICE_2027 + NOTICE_2027, "第8行起的 .*重复"),
        (NOTICE_2027.replace("2027-02-09", "2028-02-09"), "第2行起的 .*holidays.*2027年"),
        (NOTICE_2027.replace("2027-01-02", "2027-01-04"), "workdays.*周六"),
        (NOTICE_2027.replace("2027-01-02", "2027-01-01"), "workdays"),
        (NOTICE_2027.replace("2027-02-08, ", "2027-01-01, "), "重复的日期"),
        (NOTICE_2027.replace("[2027-01-01, 2027-02-08, 2027-02-09]", "[]"), "holidays.*不能为空"),
        (NOTICE_2027.replace("source", "sauce"), "sauce.*不是已知的项"),
        ("anything = 1", "anything.*不是已知的项"),
    ],
)
def test_a_wrong_notice_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        calendar.load(text)


@pytest.mark.parametrize("days", [0, -1, 1001])
def test_an_impossible_number_of_working_days_is_refused(days: int) -> None:
    with pytest.raises(InputError, match="E-REG-702"):
        Calendar().after(PLAN, days)


@given(st.dates(date(2004, 1, 1), date(2040, 1, 1)), st.integers(1, 60))
def test_exactly_so_many_working_days_lie_after_the_start_and_the_last_is_one(start: date, days: int) -> None:
    due = Calendar().after(start, days)
    assert Calendar().is_workday(due.day)
    assert Calendar().between(start, due.day) == days
    assert bool(due.provisional) == any(
        not Calendar().knows((start + timedelta(count)).year) for count in range((due.day - start).days + 1)
    )
