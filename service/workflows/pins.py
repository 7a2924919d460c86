"""PINs: changed by who knows the old one; one that is forgotten takes the key and its certificate with it."""

from sqlalchemy import CursorResult, update

from service.db.tables import Certificate, Key
from service.errors import ConflictError, ForbiddenError
from service.keys import places, software
from service.signing import ca
from service.workflows import authority, certificates, enrolment
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts


def change_pin(parts: Parts, owner: str, old: str, new: str) -> None:
    """Wrap the key of a person or seal under another PIN; a wrong old PIN counts as it does when signing."""
    software.require_new_pin(old, new)
    now = parts.clock()
    with parts.sessions.begin() as session:
        certificate = authority.certificate_of(session, owner, now)
    key = _key_of(certificate)
    with parts.sessions.begin() as session:
        if places.is_elsewhere(session.get_one(Key, key).wrapped):
            raise _kept_elsewhere()
    record = authority.count_try(parts, key)
    wrapped = software.rewrap(record, old, new, parts.pepper(), parts.entropy)
    with parts.sessions.begin() as session:
        moved = session.execute(
            update(Key)
            .where(Key.id == key, Key.wrapped == record)
            .values(wrapped=wrapped, failures=0, locked_until=None)
        )
        assert isinstance(moved, CursorResult)  # noqa: S101 - an UPDATE always gives one
        if moved.rowcount != 1:
            raise ConflictError("E-SIG-133", "PIN 刚被改过，请用新的 PIN 再试。")
        ground = Ground("本人", "更换 PIN")
        enrolment.note(session, owner, certificate.sha256, "换PIN", now, ground)


def replace_forgotten(parts: Parts, owner: str, pin: str, ground: Ground) -> bytes:
    """Give a person or seal a new key and certificate in place of those whose PIN is forgotten.

    The clerk says who confirmed the holder's identity and how. The old certificate is revoked in the same
    transaction and the old key destroyed; letters signed before stay valid, as their timestamps prove.
    """
    enrolment.require_identity(ground)
    now = parts.clock()
    with parts.sessions.begin() as session:
        use, subject = enrolment.holder(parts, session, owner, now)
    wrapped = enrolment.new_key(parts, pin)
    der = enrolment.issue(parts, wrapped.public_key, subject, use, now)
    parts.store.put(der)
    with parts.sessions.begin() as session:
        for row in authority.held_by(session, owner, now):
            certificates.mark_revoked(session, row, ca.Reason.SUPERSEDED, now, ground)
        key = enrolment.add_key(parts, session, owner, wrapped.record, now)
        enrolment.put_in_force(parts, session, der, use, owner, key, now, "重置", ground)
        authority.current_crls(parts, session, now)
    parts.log.publish()
    return der


def _key_of(certificate: Certificate) -> str:
    if certificate.key is None:
        raise _kept_elsewhere()
    return certificate.key


def _kept_elsewhere() -> ForbiddenError:
    return ForbiddenError("E-SIG-134", "这张证书的密钥不由本系统保管，PIN 请用令牌的工具或向签名服务更换。")
