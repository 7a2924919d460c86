"""Signers whose certificates come from a licensed authority: request out, certificate in, or both in one file.

The key is made here under the holder's PIN, or stays where it is: on the holder's own token, at a remote signing
service. Wherever it is, nothing is put in force before the key has signed something of ours (proof of possession).
"""

from collections.abc import Sequence
from datetime import datetime

from asn1crypto import pem
from sqlalchemy import select

from service.db.tables import Key
from service.errors import NotFoundError
from service.keys import places, remote, software, suites
from service.signing import cms, csr
from service.workflows import authority, enrolment, outside
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts


def request(parts: Parts, owner: str, pin: str, ground: Ground, place: str | None = None) -> bytes:
    """Return a certificate request (PEM) for a licensed authority: for a new key under `pin`, or for that at `place`.

    A request that is still open is dropped with its key: its certificate would no longer be accepted.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        enrolment.require_none(session, owner, now)
        _, subject = enrolment.holder(parts, session, owner, now)
    if place is None:
        algorithm = suites.of_profile(parts.settings.signature_profile).algorithm
        stored = software.create_key(pin, parts.pepper(), parts.entropy, algorithm).record
    else:
        stored = places.require_reference(place)
    with places.open_key(stored, pin, authority.places_of(parts)) as signer:
        made = csr.request(signer, subject, now)
    with parts.sessions.begin() as session:
        open_ = select(Key).where(Key.owner == owner, Key.request.is_not(None), Key.retired_at.is_(None))
        for former in session.scalars(open_):
            former.wrapped, former.request, former.retired_at = "", None, now
        enrolment.add_key(parts, session, owner, stored, now, request=made)
        enrolment.note(session, owner, None, "申请", now, ground)
    return bytes(pem.armor("CERTIFICATE REQUEST", made))


def accept(parts: Parts, owner: str, data: bytes, ground: Ground) -> bytes:
    """Put the certificate in force that a licensed authority issued for the open request; return it (DER)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        waiting = select(Key).where(Key.owner == owner, Key.request.is_not(None), Key.retired_at.is_(None))
        key = session.scalars(waiting).first()
    if key is None or key.request is None:
        raise NotFoundError("E-SIG-163", "没有等候证书的申请，请先运行 liangze enrol csr。")
    asked = csr.public_key_of(key.request)
    return _keep(parts, owner, csr.read_certificates(data), asked, key.wrapped, key.id, now, ground)


def take_pkcs12(parts: Parts, owner: str, data: bytes, password: str, pin: str, ground: Ground) -> bytes:
    """Take over key and certificate of a PKCS #12 file; the key is wrapped anew under the holder's PIN."""
    now = parts.clock()
    imported = software.wrap_pkcs12(data, password, pin, parts.pepper(), parts.entropy)
    certificates = [imported.certificate, *imported.others]
    key = imported.key
    return _keep(parts, owner, certificates, key.public_key, key.record, None, now, ground)


def take_token(parts: Parts, owner: str, place: str, data: bytes, pin: str, ground: Ground) -> bytes:
    """Enrol a holder's own token with the certificate (PEM or DER) that a licensed authority put on it."""
    return _take(parts, owner, places.require_reference(place), csr.read_certificates(data), pin, ground)


def take_remote(parts: Parts, owner: str, name: str, pin: str, ground: Ground) -> bytes:
    """Enrol a credential of the remote signing service; its certificates come from there, and are judged alike."""
    reference = places.require_reference(f"csc:{name}")
    held = remote.credential(places.require_service(authority.places_of(parts)), name)
    return _take(parts, owner, reference, list(held.certificates), pin, ground)


def _take(
    parts: Parts, owner: str, place: str, certificates: Sequence[bytes], pin: str, ground: Ground
) -> bytes:
    now = parts.clock()
    with places.open_key(place, pin, authority.places_of(parts)) as signer:
        proof = enrolment.POSSESSION + parts.entropy(32)
        cms.verify_raw(proof, signer.sign(proof), certificates[0])
        public_key = signer.public_key
    return _keep(parts, owner, certificates, public_key, place, None, now, ground)


def _keep(
    parts: Parts,
    owner: str,
    certificates: Sequence[bytes],
    public_key: bytes,
    stored: str,
    key: str | None,
    now: datetime,
    ground: Ground,
) -> bytes:
    anchors = outside.require_licensed(parts.settings.anchors)
    with parts.sessions.begin() as session:
        use, subject = enrolment.holder(parts, session, owner, now)
    accepted = csr.accept(certificates, public_key, subject, anchors, now)
    chain = "".join(pem.armor("CERTIFICATE", one).decode() for one in accepted.issuers)
    parts.store.put(accepted.certificate)
    with parts.sessions.begin() as session:
        enrolment.require_none(session, owner, now)
        if key is None:
            key = enrolment.add_key(parts, session, owner, stored, now)
        else:
            session.get_one(Key, key, with_for_update=True).request = None
        enrolment.put_in_force(
            parts, session, accepted.certificate, use, owner, key, now, "受理", ground, chain=chain
        )
    parts.log.publish()
    return accepted.certificate
