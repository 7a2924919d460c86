"""The OCSP responder of this deployment: its key, its delegated certificates, and what the database knows."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import sha256_hex
from service.db.tables import Certificate
from service.errors import InputError
from service.keys import service_keys
from service.keys.signer import Algorithm, Signer
from service.signing import ca, ocsp, profile
from service.signing.ocsp import Responder, Standing
from service.workflows import authority, enrolment
from service.workflows.parts import Authority, Parts

KEY = "ocsp.key"
LIFETIME = timedelta(days=90)
RENEW_BEFORE = timedelta(days=14)


def signer(parts: Parts) -> Signer:
    """Return the responder's key; it is made when it is first needed."""
    path = parts.settings.secrets / KEY
    if not service_keys.located(path).exists():
        return service_keys.create_key_file(path, Algorithm.ECDSA_P256_SHA256, parts.entropy)
    return service_keys.load_key_file(path)


def answer(parts: Parts, key: Signer, request: bytes) -> bytes:
    """Return the DER response to a DER request."""
    now = parts.clock()
    alive = (one for one in parts.authorities if profile.load(one.certificate).not_valid_after > now)
    responders = [_responder(parts, key, one, now) for one in alive]
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
