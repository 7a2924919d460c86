"""GB 32100 check characters; the valid codes are public ones (the standard's example, two well-known firms)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.registry import uscc


@pytest.mark.parametrize("code", ["91350100M000100Y43", "914403001922038216", "91110000600037341L"])
def test_public_codes_are_valid(code: str) -> None:
    assert uscc.problem_of(code) is None


@given(st.text(uscc.ALPHABET, min_size=9, max_size=9), st.integers(0, 16), st.sampled_from(uscc.ALPHABET))
def test_one_changed_character_never_goes_unnoticed(body: str, place: int, other: str) -> None:
    code = f"91330302{body}"
    code += uscc.check_character(code)
    spoilt = code[:place] + other + code[place + 1 :]
    assert (uscc.problem_of(spoilt) is None) == (spoilt == code)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("9135", "应为18位，现为4位"),
        ("91350100M000100YI3", "不允许的字符"),
        ("91350100M000100Y44", "第18位应为“3”"),
        ("", "应为18位"),
    ],
)
def test_the_problem_is_named(code: str, problem: str) -> None:
    assert problem in str(uscc.problem_of(code))
