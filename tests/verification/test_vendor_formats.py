"""Files with signatures in the formats of seal makers: undecided for that reason, and said to be nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.clock import parse_utc
from service.verification.trust import Trust
from service.verification.verdict import verify

FOLDER = Path(__file__).parents[1] / "vectors" / "verification"
FAMILIES = json.loads((FOLDER / "manifest.json").read_text("utf-8"))["families"]
ROWS = [row for family in FAMILIES if family["id"] == "sm2_vendors" for row in family["vectors"]]
UNDECIDED = [row for row in ROWS if row["require"]["verdict"] == "indeterminate"]
UNTRUE = {
    "SIG_NONE",
    "SIG_LOST",
    "SIG_UNREACHABLE",
    "SIG_REMOVED",
    "SIG_MALFORMED",
    "CMS_MALFORMED",
    "PARTY_MISSING",
}


@pytest.mark.parametrize("row", UNDECIDED, ids=[row["name"] for row in UNDECIDED])
def test_the_file_is_neither_unsigned_nor_broken(row: dict[str, Any]) -> None:
    report = verify((FOLDER / row["file"]).read_bytes(), Trust(), parse_utc(row["now"]))
    codes = {one.code for one in report.reasons}
    assert report.verdict == "indeterminate"
    assert "SIG_FORMAT_VENDOR" in codes
    assert not codes & UNTRUE


def test_there_is_one_of_each_kind() -> None:
    assert len(UNDECIDED) >= 8
