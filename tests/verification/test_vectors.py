"""Every published vector gets the verdict it must get."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from service.clock import parse_utc
from service.verification.trust import Trust, trust_of_certificates
from service.verification.verdict import verify

FOLDER = Path(__file__).parents[1] / "vectors" / "verification"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
ROWS = [row for family in MANIFEST["families"] for row in family["vectors"]]


def trust_of(name: str) -> Trust:
    path = FOLDER / MANIFEST["trust"][name]
    if path.suffix == ".empty":
        return Trust()
    data = path.read_bytes()
    return trust_of_certificates(data) if path.suffix == ".der" else Trust.read_bundle(data)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_the_verdict_is_the_one_required(row: dict[str, Any]) -> None:
    receipt = (FOLDER / row["receipt"]).read_bytes() if row["receipt"] else None
    data = (FOLDER / row["file"]).read_bytes()
    report = verify(data, trust_of(row["trust"]), parse_utc(row["now"]), receipt=receipt)
    require = row["require"]
    assert report.verdict.value == require["verdict"], report.reasons
    assert set(require["reasons"]) <= {one.code for one in report.reasons}
    assert report.status.value == require.get("status", report.status.value)


def test_files_and_manifest_agree() -> None:
    listed = {row["file"]: row["sha256"] for row in ROWS}
    assert len({row["name"] for row in ROWS}) == len(ROWS) >= 60
    assert {
        f"files/{one.name}" for one in (FOLDER / "files").iterdir() if one.suffix != ".tlog-proof"
    } == set(listed)
    for file, digest in listed.items():
        assert hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() == digest, file
