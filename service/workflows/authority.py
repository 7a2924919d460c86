"""What stands behind a signature: certificates, opened keys, seals, revocation lists, the trust of this moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

from asn1crypto import pem
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import sha256_hex
from service.db.tables import Certificate, Crl, Key, Letter, LogHead, Seal, Setting, Step
from service.errors import ForbiddenError, NotFoundError
from service.keys import lockout, software
from service.keys.signer import Signer
from service.registry import query
from service.signing import ca
from service.tlog import note
from service.verification.trust import Anchor, Trust
from service.workflows import marks, naming, outside, permission
from service.workflows.parts import Authority, Parts

CRL_LIFETIME = timedelta(days=31)
CRL_REFRESH = timedelta(days=1)


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
    record = count_try(parts, str(certificate.key))
    with software.open_key(record, pin, parts.pepper()) as signer:
        forgive_tries(parts, str(certificate.key))
        yield signer


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


def seal_for(session: Session, unit: str, on: date) -> Seal:
    """Return the seal in use of the committee that acts for `unit`; raise NotFoundError when there is none."""
    body = naming.body(session, unit, on)
    seal = session.scalars(select(Seal).where(Seal.unit == body.code, Seal.status == "在用")).first()
    if seal is None or seal.valid_from > on or (seal.valid_to is not None and seal.valid_to <= on):
        raise NotFoundError("E-SIG-121", f"{body.committee}没有在用的电子印章，请先登记印章。")
    return seal


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
    tsa = session.scalars(
        select(Certificate.der).where(Certificate.use == "tsa", Certificate.status == "valid")
    )
    own = [parts.issuing_ca.certificate, parts.tsa_ca.certificate]
    return list(dict.fromkeys([*signers, *tsa, *own]))


def issuers_of(parts: Parts, certificate: Certificate) -> list[bytes]:
    """Return the certificates (DER) that lead from a signer's certificate to an anchor: our CA, or a foreign chain."""
    if certificate.chain is None:
        return [parts.issuing_ca.certificate]
    return (
        [der for _, _, der in pem.unarmor(certificate.chain.encode(), multiple=True)]
        if certificate.chain
        else []
    )


def current_crls(parts: Parts, session: Session, now: datetime) -> list[bytes]:
    """Return a fresh CRL of the issuing CA and of the TSA CA; a new one is made daily or after a revocation."""
    return [_current_crl(parts, session, ca_, now) for ca_ in (parts.issuing_ca, parts.tsa_ca)]


def all_crls(parts: Parts, session: Session, now: datetime) -> list[bytes]:
    """Return our own fresh lists and those of the outside authorities as configured."""
    return [*current_crls(parts, session, now), *outside.crls(parts.settings.anchors)]


def _current_crl(parts: Parts, session: Session, issuer: Authority, now: datetime) -> bytes:
    name = sha256_hex(issuer.certificate)
    session.get(Certificate, name, with_for_update=True)  # one process at a time numbers this CA's lists
    newest = session.scalars(select(Crl).where(Crl.issuer == name).order_by(Crl.number.desc())).first()
    revoked = revocations(session, name)
    basis = sha256_hex(repr(revoked).encode())
    if newest is not None and newest.basis == basis and now - newest.this_update < CRL_REFRESH:
        return newest.der
    number = newest.number + 1 if newest else 1
    der = ca.crl(
        issuer.certificate,
        issuer.signer,
        number=number,
        revoked=revoked,
        this_update=now,
        next_update=now + CRL_LIFETIME,
    )
    made = Crl(
        issuer=name, number=number, der=der, basis=basis, this_update=now, next_update=now + CRL_LIFETIME
    )
    session.add(made)
    return der


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


def trust(parts: Parts, session: Session, now: datetime) -> Trust:
    """Return what a verifier must trust as of now: the content of the trust bundle."""
    voucher: str = "demo" if parts.demo else "closed"
    dead = _dead(session)
    return Trust(
        anchors=(
            Anchor(parts.issuing_ca.certificate, voucher, "sign"),  # type: ignore[arg-type]
            Anchor(parts.tsa_ca.certificate, voucher, "time"),  # type: ignore[arg-type]
            *outside.anchors(parts.settings.anchors),
        ),
        certificates=frozenset(session.scalars(select(Certificate.sha256))),
        checkpoint=_checkpoint(parts),
        crls=tuple(all_crls(parts, session, now)),
        logs=_logs(parts, session),
        qr=marks.keys(parts),
        void=frozenset(dead["void"]),
        superseded=frozenset(dead["superseded"]),
        environment=parts.settings.environment,
        issued=now,
        expires=now + CRL_LIFETIME,
    )


def _dead(session: Session) -> dict[str, Sequence[str]]:
    return {
        state: list(session.scalars(select(Letter.id).where(Letter.state == state)))
        for state in ("void", "superseded")
    }


def subject_name(parts: Parts, session: Session, person: str, now: datetime) -> ca.Subject:
    """Return the certificate subject of a cadre or leader as the registry has them today."""
    on = china_day(now)
    cadre = query.cadre(session, person, on)
    return ca.Subject(
        cadre.name,
        naming.full_name(session, cadre.unit, on),
        cadre.post,
        query.subject(session, person),
        demo=parts.demo,
    )


def setting(session: Session, name: str) -> str | None:
    """Return what `init` recorded under `name`."""
    row = session.get(Setting, name)
    return row.value if row else None


def _checkpoint(parts: Parts) -> str | None:
    head = parts.log.published()
    return head.signed.decode() if head else None
