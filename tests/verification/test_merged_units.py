"""A merged unit's letters may be signed by people of what it became, if the trust bundle says so, and by no seal."""

from dataclasses import replace
from typing import Any

from service.clock import parse_utc
from service.core import Role
from service.verification import parties
from service.verification.report import Report
from service.verification.structure import read_document
from service.verification.trust import Trust
from service.verification.verdict import verify
from tests.verification.test_vectors import FOLDER, ROWS, trust_of


def judged(name: str, *pairs: tuple[str, str]) -> tuple[Report, str]:
    """Return the report of a vector where these units were merged, and its reasons' codes."""
    row: dict[str, Any] = next(one for one in ROWS if one["name"] == name)
    trust = replace(trust_of(row["trust"]), successors=frozenset(pairs))
    report = verify((FOLDER / row["file"]).read_bytes(), trust, parse_utc(row["now"]))
    return report, " ".join(one.code for one in report.reasons)


def expected(name: str, role: Role) -> str:
    """Return the unit for which somebody of that role has to sign a vector."""
    row = next(one for one in ROWS if one["name"] == name)
    envelope = parties.read_envelope(read_document((FOLDER / row["file"]).read_bytes()))
    assert envelope is not None
    return next(one.unit for one in envelope.parties if one.role is role)


def test_a_leader_of_what_the_unit_became_may_sign_and_nobody_else() -> None:
    name = "wrong_unit_of_the_leader"
    before = expected(name, Role.LEADER)
    plain, reasons = judged(name)
    after = next(one.organization for one in plain.signatures if one.role == "leader")
    assert plain.verdict == "invalid" and "PARTY_WRONG" in reasons and after and after != before
    merged, reasons = judged(name, (before, after))
    assert merged.verdict == "valid" and "PARTY_WRONG" not in reasons
    for pair in ((after, before), (before, before + "新区"), ("别的单位", after)):
        assert judged(name, pair)[0].verdict == "invalid"


def test_another_person_of_that_unit_is_still_another_person() -> None:
    name = "wrong_person_of_the_same_unit"
    unit = expected(name, Role.CADRE)
    assert judged(name, (unit, unit))[0].verdict == "invalid"


def test_a_bundle_says_so_only_where_units_were_merged(lab: Any) -> None:
    pairs = frozenset({("甲区乙街道", "甲区丙街道")})
    assert b"successors" not in lab.bundle(lab.trust())
    assert Trust.read_bundle(lab.bundle(lab.trust(successors=pairs))).successors == pairs
