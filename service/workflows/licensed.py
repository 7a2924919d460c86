"""Signers whose certificates come from a licensed authority: request out, certificate in, or both in one file."""

from datetime import datetime

from asn1crypto import pem
from sqlalchemy import select

from service.db.tables import Key
from service.errors import NotFoundError
from service.keys import software
from service.keys.software import WrappedKey
from service.signing import csr
from service.workflows import enrolment, outside
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts


def request(parts: Parts, owner: str, pin: str, ground: Ground) -> bytes:
    """Make a key under the holder's PIN and return the request (PEM) for a licensed authority.

    A request that is still open is dropped with its key: its certificate would no longer be accepted.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        enrolment.require_none(session, owner, now)
        _, subject = enrolment.holder(parts, session, owner, now)
    wrapped = software.create_key(pin, parts.pepper(), parts.entropy)
    with software.open_key(wrapped.record, pin, parts.pepper()) as signer:
        made = csr.request(signer, subject)
    with parts.sessions.begin() as session:
        open_ = select(Key).where(Key.owner == owner, Key.request.is_not(None), Key.retired_at.is_(None))
        for former in session.scalars(open_):
            former.wrapped, former.request, former.retired_at = "", None, now
        enrolment.add_key(parts, session, owner, wrapped.record, now, request=made)
        enrolment.note(session, owner, None, "申请", now, ground)
    return bytes(pem.armor("CERTIFICATE REQUEST", made))


def accept(parts: Parts, owner: str, data: bytes, ground: Ground) -> bytes:
    """Put the certificate in force that a licensed authority issued for the open request; return it (DER)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        waiting = select(Key).where(Key.owner == owner, Key.request.is_not(None), Key.retired_at.is_(None))
        key = session.scalars(waiting).first()
    if key is None:
        raise NotFoundError("E-SIG-163", "没有等候证书的申请，请先运行 liangze enrol csr。")
    wrapped = WrappedKey(key.wrapped, software.public_key_of(key.wrapped))
    return _keep(parts, owner, csr.read_certificates(data), wrapped, key.id, now, ground)


def take_pkcs12(parts: Parts, owner: str, data: bytes, password: str, pin: str, ground: Ground) -> bytes:
    """Take over key and certificate of a PKCS #12 file; the key is wrapped anew under the holder's PIN."""
    now = parts.clock()
    imported = software.wrap_pkcs12(data, password, pin, parts.pepper(), parts.entropy)
    return _keep(parts, owner, [imported.certificate, *imported.others], imported.key, None, now, ground)


def _keep(
    parts: Parts,
    owner: str,
    certificates: list[bytes],
    wrapped: WrappedKey,
    key: str | None,
    now: datetime,
    ground: Ground,
) -> bytes:
    anchors = outside.require_licensed(parts.settings.anchors)
    with parts.sessions.begin() as session:
        use, subject = enrolment.holder(parts, session, owner, now)
    accepted = csr.accept(certificates, wrapped.public_key, subject, anchors, now)
    chain = "".join(pem.armor("CERTIFICATE", one).decode() for one in accepted.issuers)
    parts.store.put(accepted.certificate)
    with parts.sessions.begin() as session:
        enrolment.require_none(session, owner, now)
        if key is None:
            key = enrolment.add_key(parts, session, owner, wrapped.record, now)
        else:
            session.get_one(Key, key, with_for_update=True).request = None
        enrolment.put_in_force(
            parts, session, accepted.certificate, use, owner, key, now, "受理", ground, chain=chain
        )
    parts.log.publish()
    return accepted.certificate
