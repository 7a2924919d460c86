"""Report v1 and the trust bundle keep their frozen forms; the bundle is believed only as it was signed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from service.core import canonical_json
from service.errors import InputError, VerificationError
from service.verification import policy, reasons
from service.verification.policy import AlgorithmEnd
from service.verification.report import Report, Verdict
from service.verification.trust import Anchor, Trust, merge, trust_of_certificates
from service.verification.verdict import verify

VECTORS = Path(__file__).parent.parent / "vectors"


def schema(name: str) -> Any:
    return json.loads((VECTORS / "schemas" / f"{name}.schema.json").read_text())


def test_every_report_fits_the_schema(
    revisions: list[bytes], check: Callable[[bytes], Report], lab: Any
) -> None:
    validator = jsonschema.Draft202012Validator(schema("report-v1"))
    for data in (*revisions, b"", b"%PDF-1.7", revisions[-1] + b"x", revisions[-1][:-900]):
        validator.validate(check(data).to_json())
    validator.validate(verify(revisions[-1], Trust(), lab.t0).to_json())


def test_the_weakest_proof_is_named(final: bytes, check: Callable[[bytes], Report], lab: Any) -> None:
    changed: Any = check(final[:-20000].replace(b"/Root", b"/Roof")).to_json()
    assert changed["weakest"]["code"] == changed["reasons"][0]["code"]
    unknown: Any = verify(final, Trust(), lab.t0).to_json()
    first = unknown["reasons"][0]
    assert unknown["weakest"] == {"code": first["code"], "signature": first["signature"]}
    assert first["cap"] == "indeterminate"
    noted: Any = check(final).to_json()
    assert noted["weakest"]["code"] in {"VOUCHER_CLOSED", "TIME_LOCAL"}


def test_report_vectors_fit_the_schema() -> None:
    found = sorted((VECTORS / "report").glob("*.json"))
    assert found
    for path in found:
        jsonschema.validate(json.loads(path.read_text()), schema("report-v1"))


def test_the_bundle_vector_is_read_as_it_was_written() -> None:
    data = (VECTORS / "bundle" / "bundle.json").read_bytes()
    jsonschema.validate(json.loads(data), schema("trust-bundle-v1"))
    trust = Trust.read_bundle(data)
    assert [one.voucher for one in trust.anchors] == ["closed", "closed"]
    assert trust.void == {"00" * 16}


def test_a_bundle_survives_writing_and_reading(lab: Any) -> None:
    trust = lab.trust(void=frozenset({lab.letter}), algorithms=(AlgorithmEnd("sha256", lab.t0),))
    data = lab.bundle(trust)
    jsonschema.validate(json.loads(data), schema("trust-bundle-v1"))
    again = Trust.read_bundle(data)
    assert replace(again, vkey=None) == trust


def test_a_changed_bundle_is_refused(lab: Any) -> None:
    value = json.loads(lab.bundle(lab.trust()))
    for key, other in (("void", ["00" * 16]), ("expires", "2099-01-01T00:00:00Z"), ("anchors", [])):
        with pytest.raises(VerificationError, match="E-VER-003"):
            Trust.read_bundle(canonical_json({**value, key: other}))


def test_a_bundle_of_another_trust_key_is_refused(lab: Any) -> None:
    with pytest.raises(VerificationError, match="E-VER-003"):
        Trust.read_bundle(lab.bundle(lab.trust()), "other+00000000+AAAA")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"v":1}', b"\xff", b'{"v": 1}'])
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        Trust.read_bundle(data)


def test_what_is_no_certificate_is_refused() -> None:
    for data in (b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(InputError):
            trust_of_certificates(data)


def test_a_vouched_anchor_counts_before_a_bare_one(lab: Any) -> None:
    merged = merge(trust_of_certificates(lab.issuing), lab.trust())
    assert Anchor(lab.issuing, "closed", "sign") in merged.anchors
    assert all(one.voucher == "closed" for one in merged.anchors)


def test_an_algorithm_that_has_ended_lowers_the_verdict(final: bytes, lab: Any) -> None:
    ended = lab.trust(algorithms=(AlgorithmEnd("ecdsa-p256", lab.t0.replace(year=2020)),))
    report = verify(final, ended, lab.t0)
    assert report.verdict is Verdict.INDETERMINATE
    assert "ALGORITHM_WEAK" in {one.code for one in report.reasons}


def test_every_reason_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "verification.md").read_text()
    assert [code for code in reasons.REASONS if f"`{code}`" not in text] == []


def test_our_object_identifiers_are_distinct() -> None:
    found = {policy.APPROVAL_OID, *policy.OWN_POLICIES}
    assert len(found) == 4 and all(one.startswith("2.25.") for one in found)
