"""The OCSP responder of this deployment: its keys, its delegated certificates, and what the database knows."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import sha256_hex
from service.db.tables import Certificate
from service.errors import InputError
from service.keys import service_keys, suites
from service.keys.signer import Signer
from service.keys.suites import Suite
from service.signing import ca, ocsp, profile
from service.signing.ocsp import Responder, Standing
from service.workflows import authority, enrolment
from service.workflows.parts import Authority, Parts

KEY = "ocsp.key"
LIFETIME = timedelta(days=90)
RENEW_BEFORE = timedelta(days=14)

Signers = Mapping[str, Signer]
"""The responder's keys by signature profile: a CA's answers are signed as the CA itself signs."""


def signers(parts: Parts) -> Signers:
    """Return the responder's keys, one for each profile of our CAs; they are made when they are first needed."""
    profiles = {_suite(one).profile: _suite(one) for one in parts.authorities}
    return {name: _signer(parts, suite) for name, suite in profiles.items()}


def _signer(parts: Parts, suite: Suite) -> Signer:
    is_usual = suite.profile == suites.USUAL
    path = parts.settings.secrets / (KEY if is_usual else f"ocsp-{suite.profile}.key")
    if not service_keys.located(path).exists():
        algorithm = suites.of_profile(suite.profile).algorithm
        return service_keys.create_key_file(path, algorithm, parts.entropy)
    return service_keys.load_key_file(path)


def _suite(issuer: Authority) -> Suite:
    suite = suites.of_key(issuer.signer.public_key)
    assert suite is not None  # noqa: S101 - no CA is made with another kind of key
    return suite


def answer(parts: Parts, keys: Signers, request: bytes) -> bytes:
    """Return the DER response to a DER request."""
    now = parts.clock()
    alive = (one for one in parts.authorities if profile.load(one.certificate).not_valid_after > now)
    responders = [_responder(parts, keys[_suite(one).profile], one, now) for one in alive]
    with parts.sessions.begin() as session:
        return ocsp.answer(request, responders, lambda issuer, serial: _find(session, issuer, serial), now)


def current_list(parts: Parts, name: str) -> bytes:
    """Return the CRL (DER) served under `name`."""
    with parts.sessions.begin() as session:
        found = authority.named_crls(parts, session, parts.clock()).get(name)
    if found is None:
        raise InputError("E-SIG-170", f"没有名为“{name}”的吊销列表。")
    return found


def _responder(parts: Parts, key: Signer, issuer: Authority, now: datetime) -> Responder:
    name = sha256_hex(issuer.certificate)
    with parts.sessions.begin() as session:
        rows = session.scalars(
            select(Certificate).where(
                Certificate.use == "ocsp",
                Certificate.issuer == name,
                Certificate.status == "valid",
                Certificate.not_after > now + RENEW_BEFORE,
            )
        ).all()
    for row in rows:
        if profile.load(row.der).public_key.dump() == key.public_key:
            return Responder(issuer.certificate, row.der, key)
    return _delegate(parts, key, issuer, now)


def _delegate(parts: Parts, key: Signer, issuer: Authority, now: datetime) -> Responder:
    """Have the CA certify the responder for ninety days; every certificate issued is a log entry, this one too."""
    der = ca.issue_responder(
        issuer.certificate,
        issuer.signer,
        key.public_key,
        now=now,
        not_after=min(now + LIFETIME, profile.load(issuer.certificate).not_valid_after),
        serial=ca.new_serial(parts.entropy),
    )
    parts.store.put(der)
    with parts.sessions.begin() as session:
        session.add(enrolment.certificate_row(der, "ocsp", issuer=issuer.certificate))
        enrolment.log_certificate(parts, session, der, now)
    parts.log.publish()
    return Responder(issuer.certificate, der, key)


def _find(session: Session, issuer: bytes, serial: int) -> Standing | ca.Revocation:
    row = session.scalars(
        select(Certificate).where(
            Certificate.issuer == sha256_hex(issuer), Certificate.serial == f"{serial:x}"
        )
    ).first()
    if row is None:
        return Standing.UNKNOWN
    if row.revoked_at is None:
        return Standing.GOOD
    return ca.Revocation(serial, row.revoked_at, ca.Reason(row.revocation_reason or "unspecified"))
