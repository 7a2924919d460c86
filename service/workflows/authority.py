"""What stands behind a signature: certificates, opened keys, seals, revocation lists, the trust of this moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from asn1crypto import pem
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex, sha256_hex
from service.db.tables import Certificate, Crl, Key, Letter, LogHead, Seal, Setting, Step
from service.errors import ForbiddenError, NotFoundError, ServiceError
from service.keys import csc, lockout, places
from service.keys.places import Places
from service.keys.signer import Signer
from service.registry import persons, query
from service.signing import ca, profile
from service.tlog import note
from service.verification.trust import Anchor, Trust
from service.workflows import marks, naming, outside, permission, posts, witnessing
from service.workflows.parts import Authority, Parts

CRL_LIFETIME = timedelta(days=31)
CRL_REFRESH = timedelta(days=1)
WRONG_PIN = "E-KEY-001"
ROOTS: dict[str, Literal["sign", "time"]] = {"ca": "sign", "tsa_ca": "time"}
"""What the rows of own CAs are called, and what they are anchors for."""


def certificate_of(session: Session, owner: str, now: datetime) -> Certificate:
    """Return the certificate with which a person or seal signs now; raise when there is none in force."""
    found = session.scalars(
        select(Certificate)
        .where(Certificate.owner == owner, Certificate.status == "valid", Certificate.not_after > now)
        .order_by(Certificate.not_after.desc())
    ).first()
    if found is None:
        raise NotFoundError("E-SIG-120", "签署人没有有效的数字证书，请先运行 liangze enrol 登记。")
    return found


def held_by(session: Session, owner: str, now: datetime) -> list[Certificate]:
    """Return the certificates of a person or seal that have neither expired nor been revoked for good."""
    rows = select(Certificate).where(
        Certificate.owner == owner,
        Certificate.status.in_(("valid", "suspended")),
        Certificate.not_after > now,
    )
    return list(session.scalars(rows.order_by(Certificate.not_after.desc())))


@contextmanager
def opened(parts: Parts, certificate: Certificate, pin: str) -> Iterator[Signer]:
    """Open the key of a certificate for a `with` block; wrong PINs are counted durably and lock the key."""
    permission.require_signing(parts, certificate)
    with opened_key(parts, str(certificate.key), pin) as signer:
        yield signer


@contextmanager
def opened_key(parts: Parts, key: str, pin: str) -> Iterator[Signer]:
    """Open a key by its id where it is: here, on its holder's token, at the signing service."""
    stored = count_try(parts, key)
    try:
        with places.open_key(stored, pin, places_of(parts)) as signer:
            if places.proves_pin(stored):
                forgive_tries(parts, key)
            yield signer
    except ServiceError as error:
        if places.is_elsewhere(stored) and error.code != WRONG_PIN:
            _take_back_try(parts, key)  # no PIN was judged, right or wrong
        raise
    if not places.proves_pin(stored):
        forgive_tries(parts, key)


def places_of(parts: Parts) -> Places:
    """Return where keys of this deployment may be."""
    settings = parts.settings
    service = (
        csc.Service(settings.remote_signer, settings.remote_signer_token) if settings.remote_signer else None
    )
    return Places(parts.pepper, settings.pkcs11_module, service)


def count_try(parts: Parts, key_id: str) -> str:
    """Return a key's record for one PIN to be tried; the try counts as wrong until `forgive_tries`.

    Counted before the PIN is tried: guesses in parallel, or a crash in between, gain nothing.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        key = session.get_one(Key, key_id, with_for_update=True)
        if key.retired_at is not None:
            raise ForbiddenError("E-SIG-123", "这把密钥已停用，不能再签名；请用新的密钥和证书。")
        lockout.require_unlocked(key.locked_until, now)
        key.failures, key.locked_until = lockout.after_failure(key.failures, now)
        return key.wrapped


def forgive_tries(parts: Parts, key_id: str) -> None:
    """Count anew: the PIN was right."""
    with parts.sessions.begin() as session:
        right = session.get_one(Key, key_id)
        right.failures, right.locked_until = 0, None


def _take_back_try(parts: Parts, key_id: str) -> None:
    with parts.sessions.begin() as session:
        key = session.get_one(Key, key_id, with_for_update=True)
        key.failures = max(key.failures - 1, 0)
        if key.failures <= lockout.FREE_TRIES:
            key.locked_until = None


def seal_for(session: Session, unit: str, on: date) -> Seal:
    """Return the seal in use of the committee that acts for `unit`; raise NotFoundError when there is none."""
    body = naming.body(session, posts.unit_now(session, unit, on).code, on)
    rows = select(Seal).where(Seal.unit == body.code, Seal.status == "在用", Seal.valid_from <= on)
    seals = session.scalars(rows.order_by(Seal.valid_from.desc(), Seal.id)).all()
    current = [one for one in seals if one.valid_to is None or on < one.valid_to]
    if not current and seals:
        raise NotFoundError(
            "E-SIG-124", f"{body.committee}的电子印章有效期已于 {seals[0].valid_to} 届满，请办理后重新登记。"
        )
    if not current:
        raise NotFoundError("E-SIG-121", f"{body.committee}没有在用的电子印章，请先登记印章。")
    return current[0]


def require_seal(session: Session, seal_id: str, letter: Letter, on: date) -> None:
    """Raise ForbiddenError unless this seal is the one in use for the letter's unit on that day."""
    if seal_for(session, letter.unit, on).id != seal_id:
        raise ForbiddenError("E-SIG-122", f"所用印章不是承诺书 {letter.number} 发文机关的在用印章。")


def chain_of(parts: Parts, session: Session, letter_id: str) -> list[bytes]:
    """Return the certificates a verifier of a finished letter needs: signers, issuing CA, TSA, TSA CA."""
    rows = session.scalars(
        select(Certificate)
        .join(Step, Step.certificate == Certificate.sha256)
        .where(Step.letter == letter_id, Step.state == "logged")
        .order_by(Step.id)
    ).all()
    signers = [der for row in rows for der in (row.der, *issuers_of(parts, row))]
    newest = sha256_hex(
        parts.tsa_ca.certificate
    )  # tokens of earlier generations bring their own certificates
    tsa = session.scalars(
        select(Certificate.der).where(Certificate.use == "tsa", Certificate.issuer == newest)
    )
    own = [parts.issuing_ca.certificate, parts.tsa_ca.certificate]
    return list(dict.fromkeys([*signers, *tsa, *own]))


def roots(session: Session) -> list[Certificate]:
    """Return the own CAs of all generations that ever were: signers' first, then time's, the newest first."""
    rows = session.scalars(select(Certificate).where(Certificate.use.in_(ROOTS))).all()
    order = list(ROOTS)
    return sorted(rows, key=lambda row: (order.index(row.use), -row.not_after.timestamp()))


def root_files(session: Session) -> dict[str, bytes]:
    """Return them by the file names under which people get them: issuing_ca, issuing_ca-2, …, tsa_ca, …"""
    found = {}
    for use, base in (("ca", "issuing_ca"), ("tsa_ca", "tsa_ca")):
        oldest_first = [row.der for row in reversed(roots(session)) if row.use == use]
        for number, der in enumerate(oldest_first, start=1):
            found[base if number == 1 else f"{base}-{number}"] = der
    return found


def issuers_of(parts: Parts, certificate: Certificate) -> list[bytes]:
    """Return the certificates (DER) that lead from a signer's certificate to an anchor: our CA, or a foreign chain."""
    if certificate.chain is None:
        return [parts.store.get(Sha256Hex(str(certificate.issuer)))]
    return (
        [der for _, _, der in pem.unarmor(certificate.chain.encode(), multiple=True)]
        if certificate.chain
        else []
    )


def current_crls(parts: Parts, session: Session, now: datetime) -> list[bytes]:
    """Return the newest CRL of every own CA; a new one is made daily or after a revocation."""
    return list(named_crls(parts, session, now).values())


def named_crls(parts: Parts, session: Session, now: datetime) -> dict[str, bytes]:
    """Return the same by the name of their CA; one that has expired has its last list, and makes no other.

    A list made after certificates have expired could only accuse: nobody could be cleared by it.
    """
    standing = _standing_crls(parts, session, now)
    due = [one for one in parts.authorities if one.name in standing or _ends(one.certificate) > now]
    return {one.name: standing.get(one.name) or _current_crl(session, one, now) for one in due}


def all_crls(parts: Parts, session: Session, now: datetime) -> list[bytes]:
    """Return our own fresh lists and those of the outside authorities as configured."""
    return [*current_crls(parts, session, now), *outside.crls(parts.settings.anchors)]


def _standing_crls(parts: Parts, session: Session, now: datetime) -> dict[str, bytes]:
    """Return the newest list of every CA for which no other is to be made, by its name."""
    found = {}
    for one in parts.authorities:
        name = sha256_hex(one.certificate)
        over = _ends(one.certificate) <= now
        standing = _newest_crl(session, name) if over else _standing_crl(session, name, now)
        if standing is not None:
            found[one.name] = standing.der
    return found


def _current_crl(session: Session, issuer: Authority, now: datetime) -> bytes:
    name = sha256_hex(issuer.certificate)
    session.get(Certificate, name, with_for_update=True)  # one process at a time numbers this CA's lists
    if (standing := _standing_crl(session, name, now)) is not None:  # another process was first
        return standing.der
    newest, revoked = _newest_crl(session, name), revocations(session, name)
    number = newest.number + 1 if newest else 1
    until = now + CRL_LIFETIME
    der = ca.crl(
        issuer.certificate,
        issuer.signer,
        number=number,
        revoked=revoked,
        this_update=now,
        next_update=until,
    )
    made = Crl(issuer=name, number=number, der=der, basis=_basis(revoked), this_update=now, next_update=until)
    session.add(made)
    return der


def _standing_crl(session: Session, issuer: str, now: datetime) -> Crl | None:
    """Return the newest list of a CA if it still says all: nothing was revoked since, and it is of this day."""
    newest = _newest_crl(session, issuer)
    if newest is None or now - newest.this_update >= CRL_REFRESH:
        return None
    return newest if newest.basis == _basis(revocations(session, issuer)) else None


def _basis(revoked: list[ca.Revocation]) -> str:
    return sha256_hex(repr(revoked).encode())


@lru_cache(maxsize=64)
def _ends(certificate: bytes) -> datetime:
    ends: datetime = profile.load(certificate).not_valid_after
    return ends


def _newest_crl(session: Session, issuer: str) -> Crl | None:
    return session.scalars(select(Crl).where(Crl.issuer == issuer).order_by(Crl.number.desc())).first()


def revocations(session: Session, issuer: str) -> list[ca.Revocation]:
    """Return what the CA of this certificate (SHA-256) has revoked or suspended."""
    rows = session.scalars(
        select(Certificate)
        .where(Certificate.issuer == issuer, Certificate.revoked_at.is_not(None))
        .order_by(Certificate.sha256)
    )
    return [
        ca.Revocation(
            int(row.serial, 16), row.revoked_at, ca.Reason(row.revocation_reason), row.invalid_since
        )
        for row in rows
        if row.revoked_at is not None and row.revocation_reason is not None
    ]


def _logs(parts: Parts, session: Session) -> tuple[str, ...]:
    """Return the key of this log and of those it continues: the same key, each under its own name."""
    verifier = note.Verifier.parse(parts.log.vkey)
    names = session.scalars(select(LogHead.origin).order_by(LogHead.time.desc()))
    return tuple(dict.fromkeys([verifier.vkey, *(replace(verifier, name=name).vkey for name in names)]))


def trust_now(parts: Parts) -> Trust:
    """Return the trust of now without holding a writer up, but where a revocation list is to be made."""
    now = parts.clock()
    with parts.reader.begin() as session:
        standing = _standing_crls(parts, session, now)
        if all(one.name in standing or _ends(one.certificate) <= now for one in parts.authorities):
            return trust(parts, session, now, list(standing.values()))
    with parts.sessions.begin() as session:
        return trust(parts, session, now)


def trust(parts: Parts, session: Session, now: datetime, crls: Sequence[bytes] | None = None) -> Trust:
    """Return what a verifier must trust as of now: the content of the trust bundle; `crls`: our own, where known."""
    own = current_crls(parts, session, now) if crls is None else crls
    voucher: str = "demo" if parts.demo else "closed"
    dead = _dead(session)
    witnesses, quorum = witnessing.policy_in(session)
    return Trust(
        anchors=(
            *(Anchor(row.der, voucher, ROOTS[row.use]) for row in roots(session)),  # type: ignore[arg-type]
            *outside.anchors(parts.settings.anchors),
        ),
        certificates=frozenset(session.scalars(select(Certificate.sha256))),
        checkpoint=_checkpoint(parts),
        crls=(*own, *outside.crls(parts.settings.anchors)),
        logs=_logs(parts, session),
        witnesses=tuple(one.vkey for one in witnesses),
        quorum=quorum,
        qr=marks.keys(parts),
        void=frozenset(dead["void"]),
        superseded=frozenset(dead["supersede"]),
        environment=parts.settings.environment,
        acknowledged=setting(session, permission.NAME) or "",
        successors=_successors(session, china_day(now)),
        issued=now,
        expires=now + CRL_LIFETIME,
    )


def _successors(session: Session, on: date) -> frozenset[tuple[str, str]]:
    """Return the full names of units that were merged or split, each with what it became at once and since."""
    found = set()
    for code, first in posts.reorganised(session):
        if first > on:
            continue
        before = _full_name(session, code, first - timedelta(days=1))
        for day in {first, on}:
            standing = {unit.code for unit in query.units(session, day)}
            after = (_full_name(session, one, day) for one in posts.became(session, code) & standing)
            found |= {(before, one) for one in after}
    return frozenset((old, new) for old, new in found if old and new and old != new)


def _full_name(session: Session, code: str, on: date) -> str:
    """Return a unit's full name on a day; empty where a unit above it was not on record then."""
    try:
        return naming.full_name(session, code, on)
    except NotFoundError:
        return ""


def _dead(session: Session) -> dict[str, Sequence[str]]:
    """Return the letters that were ended, by the act that ended them, whatever became of their files since."""
    return {
        action: list(
            session.scalars(select(Step.letter).where(Step.action == action, Step.state == "logged"))
        )
        for action in ("void", "supersede")
    }


def subject_name(parts: Parts, session: Session, person: str, now: datetime) -> ca.Subject:
    """Return the certificate subject of a cadre or leader as the registry has them today."""
    on = china_day(now)
    cadre = query.cadre(session, person, on)
    return ca.Subject(
        cadre.name,
        naming.full_name(session, cadre.unit, on),
        cadre.post,
        persons.subject(session, person),
        demo=parts.demo,
    )


def setting(session: Session, name: str) -> str | None:
    """Return what `init` recorded under `name`."""
    row = session.get(Setting, name)
    return row.value if row else None


def _checkpoint(parts: Parts) -> str | None:
    head = parts.log.published()
    return head.signed.decode() if head else None
