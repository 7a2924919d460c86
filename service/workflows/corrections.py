"""Changes on the way (签订途中变更) by a clerk: a name corrected, a cadre who leaves, a new leader, units merged.

Each writes the registry, and brings certificates, letters and tasks in step with it in the same act.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.tables import Cadre, Certificate, Letter, Unit
from service.errors import ConflictError, ForbiddenError, InputError
from service.registry import query
from service.registry.dated import Change, Writer
from service.registry.merging import Merged
from service.signing import ca, profile
from service.workflows import adjusting, authority, certificates, enrolment, holds, reorganising
from service.workflows.access import links, trail
from service.workflows.access.roles import Person
from service.workflows.adjusting import Sheet
from service.workflows.effects import Effect
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts
from service.workflows.todo import tasks

NAME_MAX = 20


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a corrected name led to: a new certificate or not, and the letters to be issued anew."""

    certified: bool
    letters: tuple[str, ...]


def correct_name(parts: Parts, cadre: str, name: str, *, how: str, basis: str, by: Person) -> Corrected:
    """Correct a cadre's name: registry, certificate (the same key, the old one revoked) and letters, in one act.

    Every letter of this year that bears the old name leaves the queues, and the office has the task to issue it anew,
    which supersedes it. `how` says how the clerk made sure who the person is, `basis` by which paper.
    """
    name, basis = name.strip(), basis.strip()
    _require_said(parts, cadre, name, how, basis, by)
    now = parts.clock()
    with parts.sessions.begin() as session:
        old = query.cadre(session, cadre, china_day(now))
        if old.name == name:
            raise ConflictError("E-REG-910", "更正后的姓名与登记的相同，不必更正。")
        held = _own_certificates(session, cadre, now)
        subject = replace(authority.subject_name(parts, session, cadre, now), common_name=name)
    ders = [_issued(parts, one, subject, now) for one in held[:1]]
    with parts.sessions.begin() as session:
        old = query.cadre(session, cadre, china_day(now))
        writer = Writer(Cadre, Change(by.who[:64], f"姓名更正（{basis}）"[:200], china_day(now), now))
        writer.put(old, {"name": name})
        writer.flush(session)
        account = links.signer_account(parts, session, cadre, now, by=by.who)
        account.identity, account.identity_by, account.identity_at = how, by.who[:64], now
        _exchange(parts, session, cadre, ders, Ground(by.who, "姓名更正", how), now)
        letters = _hold_all(parts, session, cadre, old.name, basis, by, now)
        trail.note(session, now, "更正姓名", by=by, unit=old.unit, target=cadre, letters=len(letters))
    parts.log.publish()
    return Corrected(bool(ders), letters)


def leave(
    parts: Parts, cadre: str, why: str, *, by: Person, to: str | None = None
) -> tuple[Sheet, tuple[str, ...]]:
    """Let a cadre leave office; their unfinished letters leave every queue and are proposed to be voided.

    Returns the handover that is drafted for the list, and what is still open in it.
    """
    if not why.strip():
        raise InputError("E-REG-911", "请写明离任的事由。")
    sheet, _ = adjusting.leave(parts, cadre, who=by.who[:64], why=why.strip()[:200], to=to or None)
    tasks.settle_of(parts, cadre=cadre)
    now = parts.clock()
    with parts.sessions.begin() as session:
        trail.note(session, now, "登记离任", by=by, target=cadre, sheet=sheet.number)
    return sheet, sheet.left


def appoint(parts: Parts, unit: str, leader: str, stand_in: str | None, why: str, *, by: Person) -> None:
    """Let a unit have another 主要负责人 from today, who countersigns what the former one has not.

    `stand_in` countersigns the leader's own letter; it stays where none is named, unless it is the new leader.
    """
    if not why.strip():
        raise InputError("E-REG-911", "请写明更换的事由。")
    now = parts.clock()
    on = china_day(now)
    with parts.sessions.begin() as session:
        place = query.unit(session, unit, on)
        _require_serving(session, unit, leader, now)
        facts = {"leader": leader, "stand_in": stand_in or place.stand_in}
        if facts["stand_in"] == leader:
            raise InputError("E-REG-912", "主要负责人不能做自己承诺书的监督方，请同时另选一位。")
        if place.leader == leader and facts["stand_in"] == place.stand_in:
            raise ConflictError("E-REG-893", "登记的就是这位主要负责人，不必更换。")
        writer = Writer(Unit, Change(by.who[:64], why.strip()[:200], on, now))
        writer.put(place, facts)
        writer.flush(session)
        trail.note(session, now, "更换主要负责人", by=by, unit=unit, target=leader)
    tasks.settle_of(parts, unit=unit)


def merge(parts: Parts, old: str, into: str, why: str, *, by: Person, plan: bool) -> tuple[Merged, Effect]:
    """Merge a unit into another of its level (撤并), or with `plan` only try it; waiting letters pass to its leader."""
    if not why.strip():
        raise InputError("E-REG-911", "请写明撤并的依据。")
    with parts.sessions.begin() as session:
        on = china_day(parts.clock())
        one, other = query.unit(session, old, on), query.unit(session, into, on)
        if one.parent != other.parent or one.code == other.code:
            raise InputError("E-REG-894", "只能并入同一上级的另一个机构。")
    who = by.who[:64]
    done = reorganising.merge(parts, [old, into], {"code": into}, who=who, why=why.strip()[:200], plan=plan)
    if not plan:
        now = parts.clock()
        with parts.sessions.begin() as session:
            trail.note(session, now, "撤并机构", by=by, unit=into, target=old)
        tasks.settle_of(parts, unit=into)
    return done


def _require_said(parts: Parts, cadre: str, name: str, how: str, basis: str, by: Person) -> None:
    if not (2 <= len(name) <= NAME_MAX and name.isprintable() and "  " not in name):
        raise InputError("E-REG-895", f"姓名应为 2–{NAME_MAX} 个字。")
    if how not in enrolment.IDENTITY or not basis:
        raise InputError("E-REG-896", "请选择核对方式，并写明更正依据（如身份证件、任职文件）。")
    if by.cadre == cadre:
        raise ForbiddenError("E-ACC-061", "不能核对自己的身份，请由另一位经办人核对。")


def _own_certificates(session: Session, cadre: str, now: datetime) -> list[Certificate]:
    held = authority.held_by(session, cadre, now)
    if any(one.issuer is None or one.key is None for one in held):
        raise ConflictError("E-REG-897", "其证书由持牌机构签发：请先向该机构换发新姓名的证书，再更正。")
    if any(one.status != "valid" for one in held):
        raise ConflictError("E-REG-898", "其证书处于暂停状态，请先恢复或吊销，再更正姓名。")
    return held


def _issued(parts: Parts, old: Certificate, subject: ca.Subject, now: datetime) -> tuple[bytes, str]:
    """Return a certificate of the corrected name for the key of `old`, and that key; its object is in the store."""
    public_key = profile.load(old.der).public_key.dump()
    der = enrolment.issue(parts, public_key, subject, "person", now)
    parts.store.put(der)
    return der, str(old.key)


def _exchange(
    parts: Parts,
    session: Session,
    cadre: str,
    made: list[tuple[bytes, str]],
    ground: Ground,
    now: datetime,
) -> None:
    """Put the new certificate in force and revoke what bears the old name."""
    former = authority.held_by(session, cadre, now)
    for der, key in made:
        enrolment.put_in_force(parts, session, der, "person", cadre, key, now, "更名换证", ground)
    session.flush()
    for row in former:
        certificates.mark_revoked(session, row, ca.Reason.SUPERSEDED, now, ground)
    if former:
        authority.current_crls(parts, session, now)


def _hold_all(
    parts: Parts, session: Session, cadre: str, old: str, basis: str, by: Person, now: datetime
) -> tuple[str, ...]:
    on = china_day(now)
    found = session.scalars(
        select(Letter).where(Letter.cadre == cadre, Letter.state.not_in(holds.OVER))
    ).all()
    mine = [one for one in found if one.day.year == on.year]
    for letter in mine:
        holds.lift(session, letter.id, "姓名更正", now)
        holds.put(parts, session, letter, "typo", f"登记姓名“{old}”有误", now, by=by.who, basis=basis)
        tasks.settle(parts, session, letter, now)
    return tuple(one.id for one in mine)


def _require_serving(session: Session, unit: str, cadre: str, now: datetime) -> None:
    if cadre not in {one.cadre for one in query.cadres(session, unit, china_day(now))}:
        raise InputError("E-REG-899", "主要负责人应是本单位的在任干部；请先在干部表登记。")
