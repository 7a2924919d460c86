"""Untouched letters are never invalid, at any step and at any age."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from service.core import Role
from service.signing import ca
from service.verification import drawing
from service.verification.report import Report, Status, Verdict
from service.verification.trust import Anchor, Trust, merge, trust_of_certificates
from service.verification.verdict import verify

Check = Callable[[bytes], Report]


def codes(report: Report) -> set[str]:
    return {one.code for one in report.reasons}


def test_a_completed_letter_is_valid_and_in_force(check: Check, final: bytes) -> None:
    report = check(final)
    assert (report.verdict, report.status, report.voucher) == (Verdict.VALID, Status.IN_FORCE, "closed")
    assert [one.role for one in report.signatures] == ["office", "cadre", "leader"]
    assert {one.level for one in report.signatures} == {"B-LTA"}
    assert all(one.intact and one.trusted and one.changes == "permitted" for one in report.signatures)
    assert [one.trusted for one in report.timestamps] == [True]
    assert report.is_good


def test_every_earlier_step_is_valid_but_incomplete(check: Check, revisions: list[bytes]) -> None:
    for revision in revisions[1:-1]:
        report = check(revision)
        assert (report.verdict, report.status) == (Verdict.VALID, Status.INCOMPLETE)
        assert {one.level for one in report.signatures} == {"B-T"}
        assert not report.is_good


def test_an_unsigned_letter_is_not_called_a_forgery(check: Check, revisions: list[bytes]) -> None:
    report = check(revisions[0])
    assert report.verdict is Verdict.INDETERMINATE
    assert codes(report) == {"SIG_LOST"}


def test_an_end_entity_certificate_may_be_the_anchor(final: bytes, lab: Any) -> None:
    people = (lab.office, lab.cadre, lab.leader)
    trust = merge(*(trust_of_certificates(one.certificate) for one in people), trust_of_certificates(lab.tsa))
    assert verify(final, trust, lab.t0).verdict is Verdict.VALID


def test_bare_certificates_give_valid_with_an_unknown_voucher(final: bytes, lab: Any) -> None:
    trust = merge(trust_of_certificates(lab.issuing), trust_of_certificates(lab.time_ca))
    for days in (1, 400, 3000):
        report = verify(final, trust, lab.t0 + timedelta(days=days))
        assert (report.verdict, report.voucher, report.as_of) == (Verdict.VALID, "unknown", None)


def test_five_years_later_a_fresh_bundle_is_enough(final: bytes, lab: Any) -> None:
    later = lab.t0 + timedelta(days=5 * 365)
    report = verify(final, lab.trust(later, crls=lab.crls(later)), later)
    assert (report.verdict, report.status) == (Verdict.VALID, Status.IN_FORCE)


def test_a_renewed_letter_is_valid_after_fifteen_years(lab_of_ten_years: Any) -> None:
    lab = lab_of_ten_years
    final = lab.revisions()[-1]
    nine, fifteen = (lab.t0 + timedelta(days=365 * years) for years in (9, 15))
    lab.renew_tsa(years=20)
    renewed = lab.complete(final, nine, crls=lab.crls(nine)[1:])
    # the fresh list of the signers' CA no longer speaks of certificates that have expired
    report = verify(renewed, lab.trust(fifteen), fifteen)
    assert (report.verdict, report.status) == (Verdict.VALID, Status.IN_FORCE)
    lapsed = verify(final, lab.trust(fifteen), fifteen)
    assert lapsed.verdict is Verdict.INDETERMINATE


def test_a_stale_bundle_is_said(final: bytes, lab: Any) -> None:
    later = lab.t0 + timedelta(days=40)
    trust = lab.trust(lab.t0, crls=lab.crls(lab.t0, days=60))
    report = verify(final, trust, later)
    assert "TRUST_STALE" in codes(report) and report.verdict is Verdict.VALID


def test_revocation_after_signing_does_no_harm(final: bytes, lab: Any) -> None:
    later = lab.t0 + timedelta(days=20)
    revoked = [ca.Revocation(lab.serial_of(lab.cadre), lab.t0 + timedelta(days=10), ca.Reason.SUPERSEDED)]
    report = verify(final, lab.trust(later, crls=lab.crls(later, revoked)), later)
    assert report.verdict is Verdict.VALID
    assert "CERT_REVOKED_LATER" in codes(report)


def test_revocation_before_signing_is_invalid(lab: Any) -> None:
    before = [ca.Revocation(lab.serial_of(lab.cadre), lab.t0 - timedelta(days=1), ca.Reason.KEY_COMPROMISE)]
    head = lab.revisions()[-2]
    report = verify(head, lab.trust(crls=lab.crls(lab.t0, before)), lab.t0 + timedelta(days=1))
    assert report.verdict is Verdict.INVALID
    assert "CERT_REVOKED" in codes(report)


def test_a_key_lost_before_signing_counts_from_its_loss(lab: Any, final: bytes) -> None:
    later = lab.t0 + timedelta(days=20)
    lost = ca.Revocation(
        lab.serial_of(lab.cadre),
        lab.t0 + timedelta(days=10),
        ca.Reason.KEY_COMPROMISE,
        lab.t0 - timedelta(days=3),
    )
    report = verify(final, lab.trust(later, crls=lab.crls(later, [lost])), later)
    assert "CERT_REVOKED" in codes(report)


def test_without_revocation_data_the_answer_is_unknown(revisions: list[bytes], lab: Any) -> None:
    report = verify(revisions[-2], lab.trust(crls=()), lab.t0 + timedelta(days=1))
    assert report.verdict is Verdict.INDETERMINATE
    assert "REVOCATION_UNKNOWN" in codes(report)


def test_an_unknown_issuer_is_never_valid(final: bytes, lab: Any, other_lab: Any) -> None:
    for trust in (Trust(), other_lab.trust()):
        report = verify(final, trust, lab.t0 + timedelta(days=1))
        assert report.verdict is Verdict.INDETERMINATE
        assert codes(report) & {"CHAIN_UNKNOWN", "TRUST_NONE"}
        assert not any(one.trusted for one in report.signatures)


def test_a_certificate_missing_from_the_roster_is_indeterminate(final: bytes, lab: Any) -> None:
    report = verify(final, lab.trust(certificates=frozenset()), lab.t0 + timedelta(days=1))
    assert report.verdict is Verdict.INDETERMINATE
    assert "CERT_NOT_LOGGED" in codes(report)


def test_an_anchor_for_times_does_not_vouch_for_signers(final: bytes, lab: Any) -> None:
    anchors = (Anchor(lab.issuing, "closed", "time"), Anchor(lab.time_ca, "closed", "sign"))
    assert verify(final, lab.trust(anchors=anchors), lab.t0).verdict is Verdict.INDETERMINATE


def test_void_and_superseded_are_known_from_the_bundle(final: bytes, lab: Any) -> None:
    for name, status in (("void", Status.VOID), ("superseded", Status.SUPERSEDED)):
        report = verify(final, lab.trust(**{name: frozenset({lab.letter})}), lab.t0 + timedelta(days=1))
        assert (report.verdict, report.status, report.is_good) == (Verdict.VALID, status, False)


def test_the_anchor_of_a_demo_is_said(final: bytes, lab: Any) -> None:
    anchors = (Anchor(lab.issuing, "demo", "sign"), Anchor(lab.time_ca, "demo", "time"))
    report = verify(final, lab.trust(anchors=anchors), lab.t0 + timedelta(days=1))
    assert report.voucher == "demo" and {"VOUCHER_DEMO", "TIME_LOCAL"} <= set(codes(report))


def test_an_expired_signer_without_proof_of_time_is_indeterminate(lab: Any) -> None:
    bare = lab.sign_without_timestamp(lab.draft(), Role.OFFICE, lab.office)
    trust = lab.trust(lab.t0, crls=lab.crls(lab.t0, days=5000))
    soon = verify(bare, trust, lab.t0 + timedelta(days=1))
    assert soon.verdict is Verdict.VALID and "TIME_NOT_PROVEN" in codes(soon)
    assert (soon.signatures[0].time_proof, soon.signatures[0].level) == ("claimed", "B-B")
    late = verify(bare, trust, lab.t0 + timedelta(days=4 * 365))
    assert late.verdict is Verdict.INDETERMINATE and "CERT_EXPIRED" in codes(late)


def test_the_drawn_pages_show_seal_and_signature(revisions: list[bytes]) -> None:
    pages = [drawing.draw(one) for one in revisions]
    seen = [before != after for before, after in pairwise(pages)]
    assert seen == [True, True, True, False]  # the document timestamp draws nothing
