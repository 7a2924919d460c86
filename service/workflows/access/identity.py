"""No certificate without 已当面核对 or 已电话核对; another phone number means that all this begins anew."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.access import Account
from service.db.tables import Cadre, Step
from service.errors import ConflictError, ForbiddenError, InputError
from service.registry import query
from service.registry.dated import Change, Writer
from service.signing import ca
from service.workflows import authority, certificates, enrolment
from service.workflows.access import links, sessions, trail
from service.workflows.access.roles import Person
from service.workflows.enrolment import IDENTITY, Ground
from service.workflows.parts import Parts

__all__ = ["IDENTITY", "activate", "confirm", "correct_phone", "require_confirmed"]
_MOBILE_DIGITS = 11


def confirm(parts: Parts, cadre: str, how: str, *, by: Person) -> None:
    """Record that the clerk made sure who this cadre is: 已当面核对 or 已电话核对."""
    if how not in IDENTITY:
        raise InputError("E-ACC-060", f"请选择核对方式：{'、'.join(IDENTITY)}。")
    if by.cadre == cadre:
        raise ForbiddenError("E-ACC-061", "不能核对自己的身份，请由另一位经办人核对。")
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = links.signer_account(parts, session, cadre, now, by=by.who)
        row.identity, row.identity_by, row.identity_at = how, by.who[:64], now
        trail.note(session, now, "核对身份", by=by, unit=row.unit, target=row.id, how=how)


def require_confirmed(session: Session, cadre: str) -> Account:
    """Return the account of a cadre whose identity was confirmed; raise ForbiddenError otherwise."""
    row = session.scalars(select(Account).where(Account.cadre == cadre)).first()
    if row is None or row.identity is None:
        raise ForbiddenError("E-ACC-062", "经办人还没有核对您的身份，暂不能设置签名密码；请联系经办人。")
    return row


def activate(parts: Parts, person: Person, pin: str) -> bytes:
    """Give a signer their key under the PIN they chose and their certificate (DER), once identity is confirmed."""
    if person.cadre is None:
        raise ForbiddenError("E-ACC-063", "只有包保干部和主要负责人需要签名证书。")
    with parts.reader.begin() as session:
        row = require_confirmed(session, person.cadre)
        ground = Ground(str(row.identity_by), "首次启用", row.identity)
    der = enrolment.enrol_person(parts, person.cadre, pin, ground)
    now = parts.clock()
    with parts.sessions.begin() as session:
        trail.note(session, now, "启用签名证书", by=person, target=person.cadre)
    return der


def correct_phone(parts: Parts, cadre: str, mobile: str, *, by: Person, why: str) -> None:
    """Correct a cadre's phone number: link, devices, sessions and a certificate never used end with the old one.

    Whoever had the wrong number may have opened the link: identity is confirmed anew.
    """
    if not (len(mobile) == _MOBILE_DIGITS and mobile.isascii() and mobile.isdigit() and mobile[0] == "1"):
        raise InputError("E-ACC-064", "手机号码应为 1 开头的 11 位数字。")
    if not why.strip():
        raise InputError("E-ACC-065", "请写明更正的事由。")
    now = parts.clock()
    with parts.sessions.begin() as session:
        on = china_day(now)
        old = query.cadre(session, cadre, on)
        if old.mobile == mobile:
            raise ConflictError("E-ACC-066", "新号码与登记的相同，不必更正。")
        writer = Writer(Cadre, Change(by.who[:64], why.strip()[:200], on, now))
        writer.put(old, {"mobile": mobile})
        writer.flush(session)
        row = links.signer_account(parts, session, cadre, now, by=by.who)
        links.end_of(session, row.id, now)
        sessions.end_all(session, row.id, "更正手机号", now)
        row.identity = row.identity_by = row.identity_at = None
        revoked = _revoke_unused(parts, session, cadre, Ground(by.who, "更正手机号，证书未曾使用"))
        trail.note(session, now, "更正手机号", by=by, unit=row.unit, target=cadre, revoked=revoked)


def _revoke_unused(parts: Parts, session: Session, cadre: str, ground: Ground) -> int:
    now, revoked = parts.clock(), 0
    for row in authority.held_by(session, cadre, now):
        used = select(Step.id).where(
            Step.certificate == row.sha256, Step.state.in_(("approved", "stamped", "logged"))
        )
        if session.scalars(used.limit(1)).first() is None:
            certificates.mark_revoked(session, row, ca.Reason.PRIVILEGE_WITHDRAWN, now, ground)
            revoked += 1
    if revoked:
        authority.current_crls(parts, session, now)
    return revoked
