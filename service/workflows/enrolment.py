"""Enrolment: a key under the holder's PIN, a certificate from the closed CA, both in force with its log entry."""

from datetime import date, datetime, timedelta

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, new_id, sha256_hex, subject_of
from service.db.tables import Certificate, Key, Salt, Seal
from service.errors import ConflictError, NotFoundError
from service.keys import software
from service.registry import query
from service.signing import ca
from service.workflows import authority, naming
from service.workflows.parts import Parts

PERSON_LIFETIME = timedelta(days=3 * 365)
SEAL_LIFETIME = timedelta(days=5 * 365)


def enrol_person(parts: Parts, person: str, pin: str) -> bytes:
    """Give a cadre or leader a key and a certificate; return the certificate (DER).

    Who already has one in force gets ConflictError. That the clerk has met or called the person is the
    caller's to record before.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        _require_none(session, person, now)
        subject = authority.subject_name(parts, session, person, now)
    wrapped = software.create_key(pin, parts.pepper(), parts.entropy)
    return _certify(parts, person, wrapped, subject, "person", now, now + PERSON_LIFETIME)


def find_person(parts: Parts, unit: str, name: str) -> str:
    """Return the id of the one cadre of this name in a unit; raise NotFoundError or ConflictError otherwise."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        found = [one.cadre for one in query.cadres(session, unit, on) if one.name == name]
    if not found:
        raise NotFoundError("E-REG-607", f"该单位没有名为“{name}”的在任干部。")
    if len(found) > 1:
        raise ConflictError("E-REG-608", f"该单位有 {len(found)} 位“{name}”，请先在登记簿中区分。")
    return found[0]


def register_seal(parts: Parts, unit: str, name: str, filing: str | None, keeper: str | None) -> str:
    """Record a unit's seal (印章) and return its id; the same name again gives the record that is there."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        found = session.scalars(select(Seal).where(Seal.unit == unit, Seal.name == name)).first()
        if found is not None:
            return found.id
        query.unit(session, unit, china_day(now))
        seal = Seal(
            id=new_id(parts.entropy),
            unit=unit,
            name=name,
            filing=filing,
            keeper=keeper,
            status="在用",
            valid_from=china_day(now),
            valid_to=None,
        )
        session.add_all([seal, Salt(person=seal.id, salt=parts.entropy(32))])
        return seal.id


def enrol_seal(parts: Parts, seal_id: str, pin: str) -> bytes:
    """Give a seal its key under the keeper's PIN and its certificate; return the certificate (DER)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        _require_none(session, seal_id, now)
        seal = session.get_one(Seal, seal_id)
        subject = _seal_subject(parts, session, seal, china_day(now))
    wrapped = software.create_key(pin, parts.pepper(), parts.entropy)
    return _certify(parts, seal_id, wrapped, subject, "seal", now, now + SEAL_LIFETIME)


def adopt_seal(parts: Parts, seal_id: str, pem: bytes, certificate: bytes, pin: str) -> None:
    """Take over a seal's existing key and certificate of this CA (demo: those of keys_example)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        _require_none(session, seal_id, now)
    wrapped = software.wrap_pem(pem, pin, parts.pepper(), parts.entropy)
    _keep(parts, seal_id, wrapped, certificate, "seal", now)


def _seal_subject(parts: Parts, session: Session, seal: Seal, on: date) -> ca.Subject:
    salt = session.get_one(Salt, seal.id).salt
    body = naming.body(session, seal.unit, on)
    return ca.Subject(seal.name, body.committee, None, subject_of(salt, seal.id), demo=parts.demo)


def _require_none(session: Session, owner: str, now: datetime) -> None:
    found = session.scalars(
        select(Certificate.sha256).where(
            Certificate.owner == owner, Certificate.status == "valid", Certificate.not_after > now
        )
    ).first()
    if found is not None:
        raise ConflictError("E-SIG-130", "已有有效证书；如需更换，请先吊销原证书。")


def _certify(
    parts: Parts,
    owner: str,
    wrapped: software.WrappedKey,
    subject: ca.Subject,
    use: ca.LeafUse,
    now: datetime,
    not_after: datetime,
) -> bytes:
    issuer = parts.issuing_ca
    end = min(not_after, x509.load_der_x509_certificate(issuer.certificate).not_valid_after_utc)
    der = ca.issue(
        issuer.certificate,
        issuer.signer,
        wrapped.public_key,
        subject,
        use=use,
        now=now,
        not_after=end,
        serial=ca.new_serial(parts.entropy),
    )
    _keep(parts, owner, wrapped, der, use, now)
    return der


def _keep(
    parts: Parts, owner: str, wrapped: software.WrappedKey, der: bytes, use: str, now: datetime
) -> None:
    """Key, certificate and log entry are one commit: no certificate is in force that is not in the log."""
    parts.store.put(der)
    with parts.sessions.begin() as session:
        _require_none(session, owner, now)
        key = Key(
            id=new_id(parts.entropy),
            owner=owner,
            wrapped=wrapped.record,
            failures=0,
            locked_until=None,
            created_at=now,
            retired_at=None,
        )
        session.add(key)
        session.flush()
        session.add(certificate_row(der, use, owner=owner, key=key.id))
        log_certificate(parts, session, der, now, subject_owner=owner)
    parts.log.publish()


def certificate_row(der: bytes, use: str, *, owner: str | None = None, key: str | None = None) -> Certificate:
    """Return the database row of a certificate in force."""
    certificate = x509.load_der_x509_certificate(der)
    return Certificate(
        sha256=sha256_hex(der),
        der=der,
        serial=f"{certificate.serial_number:x}",
        owner=owner,
        key=key,
        use=use,
        status="valid",
        not_after=certificate.not_valid_after_utc,
        revoked_at=None,
        revocation_reason=None,
    )


def log_certificate(
    parts: Parts, session: Session, der: bytes, now: datetime, *, subject_owner: str | None = None
) -> None:
    """Append the entry of a certificate in the caller's transaction; its object must be in the store."""
    salt = session.get(Salt, subject_owner) if subject_owner else None
    entry = Entry(
        kind="certificate",
        event=Event.CERTIFICATE,
        id=new_id(parts.entropy),
        time=format_utc(now),
        file=FileDigest.of(der),
        subject=subject_of(salt.salt, subject_owner) if salt and subject_owner else None,
    )
    parts.log.append(session, [entry.to_bytes()], now)
