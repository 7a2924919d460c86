"""The log anchored in time: kept, stamped, checked by OpenSSL and by the audit, renewed before the stamp ends."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import pem

from service.app import App
from service.archive import anchors, audit
from service.archive.anchors import Judge
from service.errors import VerificationError
from service.signing import ca
from service.signing.timestamps import LocalTimeStamper
from service.verification.trust import Anchor, Trust
from service.workflows import anchoring, authority, enrolment, periodic
from service.workflows.parts import Parts
from tests.workflows.conftest import PIN, TOWN, HandClock


def _judge(parts: Parts) -> Judge:
    with parts.sessions.begin() as session:
        return Judge(authority.trust(parts, session, parts.clock()), parts.clock())


def _audit(parts: Parts, judge: Judge | None = None) -> list[str]:
    report = audit.audit(parts.settings.archive, parts.log.vkey, audit.Scope(judge=judge))
    return [one.code for one in report.findings if not one.notice]


def _openssl(parts: Parts, data: bytes, response: Path, folder: Path) -> str:
    (folder / "data").write_bytes(data)
    (folder / "ca.pem").write_bytes(pem.armor("CERTIFICATE", parts.tsa_ca.certificate))
    moment = str(int(parts.clock().timestamp()))
    command = ["openssl", "ts", "-verify", "-data", "data", "-in", str(response), "-CAfile", "ca.pem"]
    done = subprocess.run(
        [*command, "-attime", moment], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_openssl_accepts_the_days_anchor_over_the_notes_text(app: App, tmp_path: Path) -> None:
    made = anchoring.anchor(app.parts)
    data = anchors.covered(made.head.signed, [])
    assert data == made.head.checkpoint.text.encode()
    assert "Verification: OK" in _openssl(app.parts, data, anchors.path_of(made.path, 1), tmp_path)
    assert "Verification: FAILED" in _openssl(app.parts, data + b"x", anchors.path_of(made.path, 1), tmp_path)


def test_a_day_has_one_anchor_and_the_next_day_with_new_entries_another(app: App, clock: HandClock) -> None:
    periodic.run(app.parts)
    periodic.run(app.parts)
    assert len(anchors.anchored(app.parts.settings.archive)) == 1
    clock.move(timedelta(days=1))
    periodic.run(app.parts)
    assert all(len(anchors.responses(one)) == 1 for one in anchors.anchored(app.parts.settings.archive))
    _grow(app)
    clock.move(timedelta(days=1))
    periodic.run(app.parts)
    assert len(anchors.anchored(app.parts.settings.archive)) == 2
    assert _audit(app.parts, _judge(app.parts)) == []


def test_an_anchor_is_renewed_before_its_certificate_ends_and_the_old_one_stays_good(
    app: App, clock: HandClock, tmp_path: Path
) -> None:
    made = anchoring.anchor(app.parts)
    assert anchoring.renew(app.parts) == 0
    end = anchors.ends(anchors.responses(made.path)[0])
    clock.move(end - clock() - timedelta(days=30))
    later = _with_a_new_tsa(app.parts)
    assert anchoring.renew(later) == 1
    assert anchoring.renew(later) == 0
    first, second = anchors.responses(made.path)
    assert "Verification: OK" in _openssl(
        later, made.head.checkpoint.text.encode() + first, anchors.path_of(made.path, 2), tmp_path
    )
    clock.move(timedelta(days=200))
    judge = Judge(Trust(anchors=(Anchor(later.tsa_ca.certificate, "unknown", "time"),)), clock())
    assert list(anchors.faults(made.head.signed, [first, second], judge)) == []
    assert list(anchors.faults(made.head.signed, [first], judge)) == [(1, "CERT_EXPIRED")]


@pytest.mark.parametrize("number", [1, 2])
def test_the_audit_finds_an_anchor_that_was_changed_or_is_missing(app: App, number: int) -> None:
    made = anchoring.anchor(app.parts)
    anchoring._stamp(app.parts, made.path)
    assert _audit(app.parts) == []
    path = anchors.path_of(made.path, number)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "E-ARC-134" in _audit(app.parts)
    anchors.path_of(made.path, 1).unlink()
    assert "E-ARC-136" in _audit(app.parts)


def test_the_audit_finds_an_anchor_of_another_checkpoint(app: App) -> None:
    first = anchoring.anchor(app.parts)
    _grow(app)
    second = anchoring.anchor(app.parts)
    anchors.path_of(second.path, 1).write_bytes(anchors.path_of(first.path, 1).read_bytes())
    assert _audit(app.parts) == ["E-ARC-134"]
    first.path.unlink()
    assert "E-ARC-135" in _audit(app.parts)
    with pytest.raises(VerificationError):
        anchors.keep(second.path, anchors.responses(second.path)[0])


def _grow(app: App) -> None:
    enrolment.enrol_seal(
        app.parts, enrolment.register_seal(app.parts, TOWN, "五马街道食药安办印章", None, None), PIN
    )
    app.drain()


def _with_a_new_tsa(parts: Parts) -> Parts:
    """Give the authority a certificate that begins now."""
    now = parts.clock()
    old = parts.timestamper
    assert isinstance(old, LocalTimeStamper)
    der = ca.issue(
        parts.tsa_ca.certificate,
        parts.tsa_ca.signer,
        old._signer.public_key,
        ca.Subject("演示时间戳二", "演示单位", demo=True),
        use="tsa",
        now=now,
        not_after=now + timedelta(days=1000),
        serial=ca.new_serial(parts.entropy),
    )
    with parts.sessions.begin() as session:
        session.add(enrolment.certificate_row(der, "tsa"))
    serial = lambda: ca.new_serial(parts.entropy)  # noqa: E731
    stamper = LocalTimeStamper(old._signer, der, [parts.tsa_ca.certificate], parts.clock, serial)
    return replace(parts, timestamper=stamper)
