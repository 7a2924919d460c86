"""The signature stays, but what it points at moves: ByteRange, /Contents and the field are played with."""

import re
from collections.abc import Callable

import pytest

from service.verification.report import Report, Verdict

Check = Callable[[bytes], Report]
RANGE = re.compile(rb"/ByteRange \[0 (\d+) (\d+) (\d+)\] *")


def codes(report: Report) -> set[str]:
    return {one.code for one in report.reasons}


def with_range(data: bytes, text: bytes) -> bytes:
    last = list(RANGE.finditer(data))[-1]
    return (
        data[: last.start()]
        + text.ljust(last.end() - last.start())[: last.end() - last.start()]
        + data[last.end() :]
    )


@pytest.mark.parametrize(
    "text",
    [
        b"/ByteRange null",
        b"/ByteRange []",
        b"/ByteRange [0 0 0 0]",
        b"/ByteRange [0 10 20 30]",
        b"/ByteRange [-1 2 3 4]",
        b"/ByteRange [0 1.0 2 3]",
        b"/ByteRang  [0 1 2 3]",
        b"/ByteRange (text)",
        b"/ByteRange 99999 0 R",
    ],
)
def test_a_byte_range_that_is_none_is_invalid(final: bytes, check: Check, text: bytes) -> None:
    assert check(with_range(final, text)).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "text", [b"/Contents null", b"/Contents <>", b"/Contents <00>", b"/Contents (0)", b"/Contentz <"]
)
def test_contents_that_are_none_are_invalid(final: bytes, check: Check, text: bytes) -> None:
    start = final.rindex(b"/Contents <")
    end = final.index(b">", start) + 1
    assert check(final[:start] + text.ljust(end - start) + final[end:]).verdict is Verdict.INVALID


def test_bytes_moved_out_of_the_range_are_noticed(final: bytes, check: Check) -> None:
    first, second, length = (int(one) for one in RANGE.findall(final)[-1])
    moved = final[: first + second - first] + b"\n" + final[second:]
    assert check(moved).verdict is not Verdict.VALID
    shorter = with_range(final, b"/ByteRange [0 %d %d %d]" % (first, second, length - 1))
    assert "SIG_NOT_INTACT" in codes(check(shorter)) or "SIG_COVERAGE" in codes(check(shorter))


def test_signature_bytes_that_no_field_reaches_are_named(final: bytes, check: Check) -> None:
    hidden = final.replace(b"/AcroForm", b"/AcroFarm")
    report = check(hidden)
    assert report.verdict is not Verdict.VALID
    assert "SIG_NONE" not in codes(report)
