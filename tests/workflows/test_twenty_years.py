"""Twenty years on, renewed as due under the next generation of the TSA: every signature holds, for pyHanko too."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from io import BytesIO
from typing import Any

import pyhanko_certvalidator.ltv.ades_past as ades_past
import pyhanko_certvalidator.ltv.poe as poe
import pytest
from asn1crypto import crl, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import ades
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer
from sqlalchemy import select

from service.app import App
from service.core import Sha256Hex, parse_entry
from service.db.tables import Letter, LogEntry, Step
from service.verification import verdict
from service.workflows import authority, checking, generations, jobs, lasting, periodic, signing
from service.workflows.enrolment import Ground
from tests.workflows.conftest import PIN, HandClock, people

GROUND = Ground("管理员甲", "到期换代")
YEAR = timedelta(days=365)


def finished(app: App, letter: str) -> bytes:
    """Let everybody sign one letter; return the final file."""
    for action in ("sign", "countersign"):
        for person in people(app.parts):
            mine = [one.letter for one in signing.waiting_for(app.parts, person) if one.action == action]
            if letter in mine:
                signing.sign_letters(app.parts, person, PIN, device="test", only=[letter])
        app.drain()
    return head(app, letter)


def head(app: App, letter: str) -> bytes:
    with app.parts.sessions.begin() as session:
        return app.parts.store.get(Sha256Hex(str(session.get_one(Letter, letter).head)))


def events(app: App, letter: str) -> list[str]:
    with app.parts.sessions.begin() as session:
        rows = session.scalars(select(LogEntry.entry).where(LogEntry.id == letter).order_by(LogEntry.index))
        return [parse_entry(row).event.value for row in rows]


def test_renewed_as_due_every_signature_holds_after_twenty_years(
    open_app: Callable[[], App], issued: list[str], clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, start, letter = open_app(), clock(), issued[0]
    first = finished(app, letter)
    receipt = checking.finals(app.parts)[0].receipt
    clock.move(start + 13 * YEAR - clock())
    assert lasting.ask_renewals(app.parts).asked == 0
    clock.move(start + 14 * YEAR - clock())
    assert lasting.ask_renewals(app.parts).asked == 1  # but the TSA's own certificate ends with it
    with pytest.raises(Exception, match="E-SYS-060"):
        app.drain()
    with app.parts.sessions.begin() as session:
        assert all("E-SIG-211" in fault for fault in jobs.faults(session))
    assert events(app, letter)[-1] == "completed"
    generations.succeed(app.parts, "time", GROUND)
    generations.succeed(app.parts, "sign", GROUND)

    app = open_app()
    periodic.renew_timestamps(app.parts)  # what failed is for people to ask for again
    assert events(app, letter)[-1] == "completed"
    assert lasting.ask_renewals(app.parts, again=True).asked == 1
    app.drain()
    assert events(app, letter) == ["issued", "signed", "countersigned", "completed", "renewed"]
    assert lasting.ask_renewals(app.parts, again=True).asked == 0
    renewed = head(app, letter)
    assert renewed.startswith(first)

    clock.move(start + 20 * YEAR + timedelta(days=2) - clock())
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
    report = verdict.verify(renewed, trust, app.parts.clock(), receipt=receipt)
    assert (report.verdict, report.status) == ("valid", "in_force"), report.reasons
    assert [one.level for one in report.signatures] == ["B-LTA"] * 3
    assert "RECEIPT_PREFIX" in {one.code for one in report.reasons}  # of the file as it was completed
    newest = next(one for one in checking.finals(app.parts) if one.id == letter)
    assert verdict.verify(newest.pdf, trust, app.parts.clock(), receipt=newest.receipt).verdict == "valid"
    assert verdict.verify(first, trust, app.parts.clock()).verdict == "indeterminate"  # not renewed
    assert by_pyhanko(app, renewed, monkeypatch) == [True] * 3
    assert by_pyhanko(app, first, monkeypatch) != [True] * 3


def by_pyhanko(app: App, pdf: bytes, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return whether pyHanko's AdES validation with long-term data passes each signature, as of the moved clock.

    It reads the system clock in two modules; only the list of the newest TSA authority comes from outside the file.
    """
    now = app.parts.clock()

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Moved":
            return cls.fromtimestamp(now.timestamp(), tz or UTC)

    for module in (poe, ades_past):
        monkeypatch.setattr(module, "datetime", Moved)
    with app.parts.sessions.begin() as session:
        lists = authority.named_crls(app.parts, session, now)
        roots = [x509.Certificate.load(row.der) for row in authority.roots(session)]
    fresh = CRLContainer(crl.CertificateList.load(lists[app.parts.tsa_ca.name]))
    must = RevocationCheckingRule.CRL_REQUIRED
    policy = CertValidationPolicySpec(
        SimpleTrustManager.build(roots), CertRevTrustPolicy(RevocationCheckingPolicy(must, must))
    )
    gathering = RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY)
    knowledge = LocalKnowledge(known_crls=[fresh])
    spec: Any = SignatureValidationSpec(
        policy, gathering, ts_cert_validation_policy=policy, local_knowledge=knowledge
    )
    timing = ValidationTimingInfo(now, now, point_in_time_validation=False)
    passed = []
    for one in PdfFileReader(BytesIO(pdf)).embedded_regular_signatures:
        found = asyncio.run(ades.ades_lta_validation(one, PdfSignatureValidationSpec(spec), timing))
        passed.append(isinstance(found.ades_subindic, AdESPassed))
    return passed


def test_an_algorithm_that_ends_makes_a_renewal_due(
    app: App, issued: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(app, issued[0])
    assert lasting.ask_renewals(app.parts).asked == 0
    with app.parts.sessions.begin() as session:
        kept = session.scalars(select(Step.rests_on).where(Step.rests_on.is_not(None))).all()
    assert len(kept) == 1 and "sha256" in str(kept[0])
    ends = {"sha256": app.parts.clock() + timedelta(days=200)}
    monkeypatch.setattr(lasting, "algorithm_ends", lambda: ends)
    assert lasting.ask_renewals(app.parts).asked == 1
