"""Figures are N/M with the percentage cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.registry import figures
from service.registry.figures import Figure


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (0, 0, "—"),
        (0, 7, "0/7（0.0%）"),
        (2, 3, "2/3（66.6%）"),
        (9999, 10000, "9999/10000（99.9%）"),
        (99_999_999, 100_000_000, "99999999/100000000（99.9%）"),
        (5, 5, "5/5（100%）"),
    ],
)
def test_a_figure_is_shown_with_its_percentage_cut(done: int, total: int, text: str) -> None:
    assert str(Figure(done, total)) == text


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_only_all_of_them_are_a_hundred_percent(done: int, more: int) -> None:
    figure = Figure(done, done + more)
    assert (figure.percent == "100%") == (more == 0 and done > 0)
    if figure.total:
        assert float(figure.percent.rstrip("%")) <= 100 * done / figure.total + 1e-9


def test_figures_add_up_and_go_into_records_as_pairs() -> None:
    total = sum([Figure(1, 2), Figure(3, 3), Figure()], Figure())
    assert (total, total.open, total.to_json()) == (Figure(4, 5), 1, [4, 5])
    assert figures.count([True, False, True]) == Figure(2, 3)


@pytest.mark.parametrize("pair", [(3, 2), (-1, 2)])
def test_more_done_than_there_are_is_no_figure(pair: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="of"):
        Figure(*pair)
