"""PINs changed and forgotten, certificates suspended, revoked and renewed; OpenSSL judges the lists."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import pem
from sqlalchemy import select

from service.app import App
from service.clock import china_day
from service.core import sha256_hex
from service.db.pki import CertificateAct
from service.db.tables import Certificate, Crl, Key
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import persons, query
from service.signing import ca
from service.verification import verdict
from service.workflows import (
    adjusting,
    authority,
    certificates,
    checking,
    letters,
    periodic,
    pins,
    signing,
)
from service.workflows.enrolment import Ground
from tests.workflows.conftest import PIN, VILLAGE, HandClock, people

NEW = "518294"
CLERK = Ground("录入员甲", "本人到场办理", "已当面核对")


def _first_cadre(app: App) -> str:
    """Return a cadre of the village who is nobody's counterpart."""
    with app.parts.sessions.begin() as session:
        on = china_day(app.parts.clock())
        own = [one.cadre for one in query.cadres(session, VILLAGE, on)]
        heads = {persons.counterpart(session, one, on).cadre for one in own}
    return next(one for one in own if one not in heads)


def _certificate(app: App, owner: str) -> Certificate:
    with app.parts.sessions.begin() as session:
        return authority.certificate_of(session, owner, app.parts.clock())


def _openssl_verify(app: App, der: bytes, folder: Path) -> str:
    """Return what OpenSSL says of a certificate by today's list: OK, or why not."""
    with app.parts.sessions.begin() as session:
        now = app.parts.clock()
        crl = authority.current_crls(app.parts, session, now)[0]
    for name, kind, data in (
        ("ca.pem", "CERTIFICATE", app.parts.issuing_ca.certificate),
        ("leaf.pem", "CERTIFICATE", der),
        ("crl.pem", "X509 CRL", crl),
    ):
        (folder / name).write_bytes(pem.armor(kind, data))
    command = ["openssl", "verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "crl.pem", "-attime"]
    command += [str(int(now.timestamp())), "leaf.pem"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return "OK" if result.returncode == 0 else result.stderr


def _openssl_crl(folder: Path) -> str:
    command = ["openssl", "crl", "-in", "crl.pem", "-noout", "-text", "-CAfile", "ca.pem"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_changed_pin_opens_the_same_key_and_the_old_one_no_more(app: App, issued: list[str]) -> None:
    person = _first_cadre(app)
    before = _certificate(app, person)
    pins.change_pin(app.parts, person, PIN, NEW)
    with pytest.raises(ForbiddenError, match="PIN 不正确"):
        signing.sign_letters(app.parts, person, PIN, device="test")
    assert len(signing.sign_letters(app.parts, person, NEW, device="test").letters) == 1
    assert _certificate(app, person).sha256 == before.sha256


def test_a_wrong_old_pin_counts_and_five_lock(app: App) -> None:
    person = people(app.parts)[0]
    for _ in range(5):
        with pytest.raises(ForbiddenError, match="PIN 不正确"):
            pins.change_pin(app.parts, person, "918273", NEW)
    with pytest.raises(ForbiddenError, match="已锁定"):
        pins.change_pin(app.parts, person, PIN, NEW)


def test_a_poor_new_pin_costs_no_try(app: App) -> None:
    person = people(app.parts)[0]
    for poor in ("111111", PIN, "12345"):
        with pytest.raises(InputError):
            pins.change_pin(app.parts, person, PIN, poor)
    with app.parts.sessions.begin() as session:
        assert session.scalars(select(Key.failures).where(Key.owner == person)).one() == 0


def test_a_forgotten_pin_gives_a_new_key_and_earlier_letters_stay_valid(
    signed_app: App, tmp_path: Path
) -> None:
    app = signed_app
    person = people(app.parts)[0]
    old = _certificate(app, person)
    with pytest.raises(InputError, match="核对"):
        pins.replace_forgotten(app.parts, person, NEW, Ground("录入员甲", "忘记 PIN"))
    pins.replace_forgotten(app.parts, person, NEW, CLERK)
    new = _certificate(app, person)
    assert new.sha256 != old.sha256
    assert "certificate revoked" in _openssl_verify(app, old.der, tmp_path)
    assert "Superseded" in _openssl_crl(tmp_path)
    assert _openssl_verify(app, new.der, tmp_path) == "OK"
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
        assert session.get_one(Key, old.key).wrapped == ""  # the old key is gone for good
        acts = session.scalars(select(CertificateAct).where(CertificateAct.what == "重置")).all()
        assert [(act.by, act.identity) for act in acts] == [("录入员甲", "已当面核对")]
    for final in checking.finals(app.parts):
        report = verdict.verify(final.pdf, trust, app.parts.clock(), receipt=final.receipt)
        assert report.verdict == "valid", report.reasons


def test_the_new_key_signs_and_the_forgotten_pin_does_not(app: App, issued: list[str]) -> None:
    person = _first_cadre(app)
    pins.replace_forgotten(app.parts, person, NEW, CLERK)
    with pytest.raises(ForbiddenError):
        signing.sign_letters(app.parts, person, PIN, device="test")
    assert len(signing.sign_letters(app.parts, person, NEW, device="test").letters) == 1
    app.drain()


def test_a_suspended_certificate_signs_nothing_until_it_is_resumed(
    app: App, issued: list[str], tmp_path: Path
) -> None:
    person = _first_cadre(app)
    der = _certificate(app, person).der
    certificates.suspend(app.parts, person, Ground("录入员甲", "手机遗失，待查"))
    assert "certificate revoked" in _openssl_verify(app, der, tmp_path)
    assert "Certificate Hold" in _openssl_crl(tmp_path)
    with pytest.raises(InputError, match="没有有效的数字证书"):
        signing.sign_letters(app.parts, person, PIN, device="test")
    with pytest.raises(ConflictError, match="已经暂停"):
        certificates.suspend(app.parts, person, CLERK)
    certificates.resume(app.parts, person, CLERK)
    assert _openssl_verify(app, der, tmp_path) == "OK"
    assert "No Revoked Certificates" in _openssl_crl(tmp_path)
    signing.sign_letters(app.parts, person, PIN, device="test")
    app.drain()


def test_a_suspension_that_ends_in_revocation_counts_from_its_beginning(app: App, clock: HandClock) -> None:
    person = _first_cadre(app)
    sha256 = _certificate(app, person).sha256
    certificates.suspend(app.parts, person, Ground("录入员甲", "手机遗失，待查"))
    with app.parts.sessions.begin() as session:
        begun = session.get_one(Certificate, sha256).revoked_at
    clock.move(timedelta(days=2))
    certificates.revoke(app.parts, person, ca.Reason.KEY_COMPROMISE, Ground("录入员甲", "未找回"))
    with app.parts.sessions.begin() as session:
        row = session.get_one(Certificate, sha256)
        assert (row.status, row.revoked_at) == ("revoked", begun)
    with pytest.raises(NotFoundError):
        certificates.resume(app.parts, person, CLERK)


def test_who_leaves_office_loses_the_certificate_and_signed_letters_stay_valid(
    signed_app: App, tmp_path: Path
) -> None:
    app = signed_app
    person = _first_cadre(app)
    der = _certificate(app, person).der
    adjusting.leave(app.parts, person, who="录入员甲", why="调离")
    assert "certificate revoked" in _openssl_verify(app, der, tmp_path)
    text = _openssl_crl(tmp_path)
    assert "Affiliation Changed" in text
    assert "Invalidity Date" in text  # the day the office ended, in China, began before the revocation
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
    reports = [verdict.verify(one.pdf, trust, app.parts.clock()) for one in checking.finals(app.parts)]
    assert {report.verdict for report in reports} == {"valid"}


def test_who_leaves_on_a_later_day_keeps_the_certificate_until_then(app: App, clock: HandClock) -> None:
    person = _first_cadre(app)
    day = china_day(app.parts.clock()) + timedelta(days=3)
    adjusting.leave(app.parts, person, who="录入员甲", why="调离", on=day)
    periodic.cease_certificates(app.parts)
    assert _certificate(app, person).status == "valid"
    clock.move(timedelta(days=3))
    periodic.cease_certificates(app.parts)
    with pytest.raises(NotFoundError):
        _certificate(app, person)


def test_certificates_are_renewed_before_they_expire_and_only_once(app: App, clock: HandClock) -> None:
    person = people(app.parts)[0]
    old = _certificate(app, person)
    periodic.renew_certificates(app.parts)
    assert _certificate(app, person).sha256 == old.sha256
    clock.move(old.not_after - app.parts.clock() - timedelta(days=59))
    periodic.renew_certificates(app.parts)
    new = _certificate(app, person)
    assert (new.sha256 != old.sha256, new.key) == (True, old.key)
    periodic.renew_certificates(app.parts)
    assert _certificate(app, person).sha256 == new.sha256


def test_a_letter_prepared_before_the_renewal_is_prepared_anew(app: App, issued: list[str]) -> None:
    person = _first_cadre(app)
    certificates.renew(app.parts, person, Ground("录入员甲", "提前续期"))
    assert len(signing.sign_letters(app.parts, person, PIN, device="test").letters) == 1
    app.drain()


def test_lists_are_numbered_and_made_daily_or_after_a_revocation(app: App, clock: HandClock) -> None:
    def numbers() -> list[int]:
        with app.parts.sessions.begin() as session:
            name = sha256_hex(app.parts.issuing_ca.certificate)
            return list(session.scalars(select(Crl.number).where(Crl.issuer == name).order_by(Crl.number)))

    periodic.issue_crls(app.parts)
    first = numbers()
    periodic.issue_crls(app.parts)
    assert numbers() == first
    clock.move(timedelta(days=1))
    periodic.issue_crls(app.parts)
    certificates.revoke(app.parts, people(app.parts)[0], ca.Reason.PRIVILEGE_WITHDRAWN, CLERK)
    periodic.issue_crls(app.parts)
    assert numbers() == [*first, first[-1] + 1, first[-1] + 2]


def test_a_seal_put_out_of_use_seals_nothing_more(app: App) -> None:
    with app.parts.sessions.begin() as session:
        seal = authority.seal_for(session, VILLAGE, china_day(app.parts.clock())).id
    certificates.revoke(app.parts, seal, ca.Reason.CESSATION_OF_OPERATION, Ground("录入员甲", "印章停用"))
    letters.plan_letters(app.parts, VILLAGE, who="clerk")
    app.drain()
    with pytest.raises(NotFoundError, match="没有在用的电子印章"):
        signing.seal_letters(app.parts, VILLAGE, PIN, device="test")
