"""Enrolment: a key under the holder's PIN, a certificate from the closed CA, both in force with its log entry."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, new_id, sha256_hex, subject_of
from service.db.pki import CertificateAct
from service.db.tables import Certificate, Key, Salt, Seal
from service.errors import ConflictError, InputError, NotFoundError
from service.keys import places, software, suites
from service.keys.software import WrappedKey
from service.registry import query
from service.signing import ca, cms
from service.workflows import authority, naming
from service.workflows.parts import Parts

LIFETIMES = {"person": timedelta(days=3 * 365), "seal": timedelta(days=5 * 365)}
IDENTITY = ("已当面核对", "已电话核对")
"""How the clerk made sure that the person is who they say."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Who does something to a key or certificate, why, and how the holder's identity was confirmed."""

    by: str
    why: str
    identity: str | None = None


POSSESSION = b"liangze proof of possession v1\n"
"""What a key signs to show that its holder has it begins so: it can be taken for nothing else."""
ROUTINE = Ground("liangze", "登记")


def enrol_person(parts: Parts, person: str, pin: str, ground: Ground = ROUTINE) -> bytes:
    """Give a cadre or leader a key and a certificate; return the certificate (DER).

    Who already has one in force gets ConflictError.
    """
    now = parts.clock()
    with parts.reader.begin() as session:
        require_none(session, person, now)
        subject = authority.subject_name(parts, session, person, now)
    wrapped = new_key(parts, pin)
    der = issue(parts, wrapped.public_key, subject, "person", now)
    _keep(parts, person, wrapped.record, der, "person", now, ground)
    return der


def find_person(parts: Parts, unit: str, name: str) -> str:
    """Return the id of the one cadre of this name in a unit; raise NotFoundError or ConflictError otherwise."""
    on = china_day(parts.clock())
    with parts.reader.begin() as session:
        found = [one.cadre for one in query.cadres(session, unit, on) if one.name == name]
    if not found:
        raise NotFoundError("E-REG-607", f"该单位没有名为“{name}”的在任干部。")
    if len(found) > 1:
        raise ConflictError("E-REG-608", f"该单位有 {len(found)} 位“{name}”，请先在登记簿中区分。")
    return found[0]


def find_seal(parts: Parts, unit: str, name: str) -> str:
    """Return the id of the seal of this name of a unit; raise NotFoundError where there is none."""
    with parts.reader.begin() as session:
        found = session.scalars(select(Seal.id).where(Seal.unit == unit, Seal.name == name)).first()
    if found is None:
        raise NotFoundError("E-SIG-131", f"该单位没有登记名为“{name}”的印章。")
    return found


def register_seal(
    parts: Parts,
    unit: str,
    name: str,
    filing: str | None,
    keeper: str | None,
    until: date | None = None,
) -> str:
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
            valid_to=until,
        )
        session.add_all([seal, Salt(person=seal.id, salt=parts.entropy(32))])
        return seal.id


def enrol_seal(parts: Parts, seal_id: str, pin: str, ground: Ground = ROUTINE) -> bytes:
    """Give a seal its key under the keeper's PIN and its certificate; return the certificate (DER)."""
    now = parts.clock()
    with parts.reader.begin() as session:
        require_none(session, seal_id, now)
        _, subject = holder(parts, session, seal_id, now)
    wrapped = new_key(parts, pin)
    der = issue(parts, wrapped.public_key, subject, "seal", now)
    _keep(parts, seal_id, wrapped.record, der, "seal", now, ground)
    return der


def adopt_seal(parts: Parts, seal_id: str, pem: bytes, certificate: bytes, pin: str) -> None:
    """Take over a seal's existing key and certificate of this CA (demo: those of keys_example)."""
    now = parts.clock()
    with parts.reader.begin() as session:
        require_none(session, seal_id, now)
    wrapped = software.wrap_pem(pem, pin, parts.pepper(), parts.entropy)
    _keep(parts, seal_id, wrapped.record, certificate, "seal", now, Ground("liangze", "沿用演示印章"))


def enrol_elsewhere(parts: Parts, owner: str, place: str, pin: str, ground: Ground = ROUTINE) -> bytes:
    """Certify by the closed CA a key that stays where it is: on its holder's token, at a signing service.

    The key signs something first, so that nobody enrols what they cannot use; a wrong PIN is refused here.
    """
    now = parts.clock()
    with parts.reader.begin() as session:
        require_none(session, owner, now)
        use, subject = holder(parts, session, owner, now)
    with places.open_key(places.require_reference(place), pin, authority.places_of(parts)) as signer:
        require_profile(parts, signer.public_key)
        der = issue(parts, signer.public_key, subject, use, now)
        proof = POSSESSION + parts.entropy(32)
        cms.verify_raw(proof, signer.sign(proof), der)
    _keep(parts, owner, place, der, use, now, ground)
    return der


def holder(parts: Parts, session: Session, owner: str, now: datetime) -> tuple[ca.LeafUse, ca.Subject]:
    """Return what a certificate of this person or seal is for and whom it names today."""
    seal = session.get(Seal, owner)
    if seal is None:
        return "person", authority.subject_name(parts, session, owner, now)
    return "seal", _seal_subject(parts, session, seal, china_day(now))


def _seal_subject(parts: Parts, session: Session, seal: Seal, on: date) -> ca.Subject:
    salt = session.get_one(Salt, seal.id).salt
    body = naming.body(session, seal.unit, on)
    return ca.Subject(seal.name, body.committee, None, subject_of(salt, seal.id), demo=parts.demo)


def require_none(session: Session, owner: str, now: datetime) -> None:
    """Raise ConflictError while a person or seal has a certificate, in force or suspended."""
    if authority.held_by(session, owner, now):
        raise ConflictError("E-SIG-130", "已有有效证书；如需更换，请先吊销原证书。")


def require_identity(ground: Ground) -> None:
    """Raise InputError unless it is said how the holder's identity was confirmed, and by whom."""
    if ground.identity not in IDENTITY or not ground.by.strip():
        raise InputError("E-SIG-132", f"须写明核对人和核对方式（{'、'.join(IDENTITY)}），才能办理。")


def new_key(parts: Parts, pin: str) -> WrappedKey:
    """Return a new key under `pin`, of the kind that the signature profile has and the own CA certifies."""
    algorithm = suites.of_profile(parts.settings.signature_profile).algorithm
    made = software.create_key(pin, parts.pepper(), parts.entropy, algorithm)
    require_profile(parts, made.public_key)
    return made


def require_profile(parts: Parts, public_key: bytes) -> None:
    """Raise ConflictError where key, own CA and settings do not belong to one signature profile."""
    profile = parts.settings.signature_profile
    kinds = {suites.of_key(public_key), suites.of_key(parts.issuing_ca.signer.public_key)}
    if any(kind is None or kind.profile != profile for kind in kinds):
        raise ConflictError(
            "E-SIG-213",
            f"密钥、签发机构与签名算法设置（LIANGZE_SIGNATURE_PROFILE={profile}）不属于同一套算法：请改回设置或换用密钥，"
            "或先为签发机构换代：liangze cert succeed --use sign --early。",
        )


def issue(parts: Parts, public_key: bytes, subject: ca.Subject, use: ca.LeafUse, now: datetime) -> bytes:
    """Return a new certificate of the closed CA; it is in force once `put_in_force` has committed."""
    issuer = parts.issuing_ca
    last = x509.load_der_x509_certificate(issuer.certificate).not_valid_after_utc
    return ca.issue(
        issuer.certificate,
        issuer.signer,
        public_key,
        subject,
        use=use,
        now=now,
        not_after=min(now + LIFETIMES[use], last),
        serial=ca.new_serial(parts.entropy),
        published=ca.Published.under(parts.settings.pki_url, issuer.name),
    )


def _keep(
    parts: Parts,
    owner: str,
    stored: str,
    der: bytes,
    use: str,
    now: datetime,
    ground: Ground,
) -> None:
    """Key, certificate and log entry are one commit: no certificate is in force that is not in the log."""
    parts.store.put(der)
    with parts.sessions.begin() as session:
        require_none(session, owner, now)
        key = add_key(parts, session, owner, stored, now)
        put_in_force(parts, session, der, use, owner, key, now, "发证", ground)
    parts.log.publish()


def add_key(
    parts: Parts, session: Session, owner: str, record: str, now: datetime, request: bytes | None = None
) -> str:
    """Keep a wrapped key in the caller's transaction and return its id."""
    key = Key(
        id=new_id(parts.entropy),
        owner=owner,
        wrapped=record,
        request=request,
        drawing=None,
        failures=0,
        locked_until=None,
        created_at=now,
        retired_at=None,
    )
    session.add(key)
    session.flush()
    return key.id


def put_in_force(
    parts: Parts,
    session: Session,
    der: bytes,
    use: str,
    owner: str,
    key: str,
    now: datetime,
    what: str,
    ground: Ground,
    chain: str | None = None,
) -> None:
    """Put a certificate in force with its log entry in the caller's transaction; its object must be in the store."""
    issuer = parts.issuing_ca.certificate
    own = None if chain is not None else issuer
    row = certificate_row(der, use, owner=owner, key=key, issuer=own)
    row.chain = chain
    session.add(row)
    note(session, owner, row.sha256, what, now, ground)
    log_certificate(parts, session, der, now, subject_owner=owner)


def note(
    session: Session, owner: str, certificate: str | None, what: str, now: datetime, ground: Ground
) -> None:
    """Write down what was done to a key or certificate."""
    session.add(
        CertificateAct(
            owner=owner,
            certificate=certificate,
            what=what,
            at=now,
            by=ground.by[:64],
            identity=ground.identity,
            why=ground.why[:200],
        )
    )


def certificate_row(
    der: bytes, use: str, *, owner: str | None = None, key: str | None = None, issuer: bytes | None = None
) -> Certificate:
    """Return the database row of a certificate in force; `issuer` is our CA's certificate, if it is ours."""
    certificate = x509.load_der_x509_certificate(der)
    return Certificate(
        sha256=sha256_hex(der),
        der=der,
        serial=f"{certificate.serial_number:x}",
        owner=owner,
        key=key,
        use=use,
        issuer=sha256_hex(issuer) if issuer else None,
        chain=None,
        status="valid",
        not_after=certificate.not_valid_after_utc,
        revoked_at=None,
        invalid_since=None,
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
