"""通知: at most one message a Chinese day to one person, written when it is sent and kept nowhere.

The message names the signer, how many letters wait and until when; an office's names nobody. The address in it is the
site's own: no token, no name, no number is part of an address.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.clock import CHINA, china_day
from service.core import new_id
from service.db.access import Account
from service.db.flow import Contact, Notice, Task
from service.db.tables import Cadre
from service.errors import InputError, SetupError, UnavailableError
from service.registry import query
from service.registry.dated import as_of
from service.workflows import jobs
from service.workflows.parts import Parts
from service.workflows.todo import deadlines, office, senders
from service.workflows.todo.messages import Message

_WORDS = {"sign": "承诺书待您签署", "countersign": "承诺书待您以主要负责人身份签署"}


def tell(
    parts: Parts, session: Session, person: str, now: datetime, why: str = "new", *, by: str = "liangze"
) -> bool:
    """Have a person told of what waits, in the caller's transaction; False where a notice went today already."""
    day = china_day(now)
    today = select(Notice.id).where(Notice.person == person, Notice.day == day)
    if session.scalars(today).first() is not None:
        return False
    row = Notice(
        id=new_id(parts.entropy),
        person=person,
        day=day,
        why=why,
        state="pending",
        way=None,
        created_at=now,
        created_by=by[:64],
        sent_at=None,
        fault=None,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another worker was first
        return False
    told = update(Task).where(Task.person == person, Task.closed_at.is_(None))
    session.execute(told.values(told=True))
    session.flush()
    jobs.add(session, "notify", row.id, now)
    return True


def send(parts: Parts, notice_id: str) -> None:
    """Send a notice by the way that is set; UnavailableError (the queue tries again, ever later) while it is down.

    Who has nothing to do any more, or a newer notice, gets nothing. What can't be delivered (no address, refused for
    good) is kept with the reason. A repetition after a crash is told by its id to whoever receives it.
    """
    with parts.sessions.begin() as session:
        row = session.get_one(Notice, notice_id)
        if row.state != "pending":
            return
        message = _message(parts, session, row)
    state, fault, way = "dropped", None, parts.settings.notify
    if message is not None:
        state, fault = _deliver(parts, message)
    with parts.sessions.begin() as session:
        row = session.get_one(Notice, notice_id)
        row.state, row.fault, row.way, row.sent_at = state, fault, way, parts.clock()


def tell_change(parts: Parts, target: str) -> None:
    """Tell the owner of an account (`target`: its id, a full stop, the notice's own) of a changed password (a job).

    Not one of the notices of a day: whoever has lost an account is to hear of it at once.
    """
    account, _, mine = target.partition(".")
    with parts.reader.begin() as session:
        contact = session.get(Contact, account)
    if contact is None:
        return
    text = "您在两责系统的密码或动态口令已重置或更改。如不是您本人办理，请立即联系系统管理员。"
    subject, now = "食品安全包保承诺账号安全提醒", parts.clock()
    _deliver(parts, Message(mine, "account", contact.mobile, contact.email or None, subject, text, now))


def _deliver(parts: Parts, message: Message) -> tuple[str, str | None]:
    try:
        senders.of(parts.settings).send(message)
    except UnavailableError:
        raise
    except SetupError as error:  # waits until somebody has set it right
        raise UnavailableError(error.code, error.message) from error
    except InputError as error:
        return "failed", error.message[:200]
    return "sent", None


def _message(parts: Parts, session: Session, row: Notice) -> Message | None:
    account = session.get(Account, row.person)
    return _to_signer(parts, session, row) if account is None else _to_office(parts, session, row, account)


def _to_office(parts: Parts, session: Session, row: Notice, account: Account) -> Message | None:
    found = office.pending(session, account, parts.clock())
    contact = session.get(Contact, account.id)
    if not found or contact is None or account.disabled_at is not None:
        return None
    words = office.text(found, parts.settings.public_url)
    mobile, email = contact.mobile, contact.email or None
    return Message(row.id, row.why, mobile, email, "食品安全包保承诺待办事项", words, parts.clock())


def _to_signer(parts: Parts, session: Session, row: Notice) -> Message | None:
    now = parts.clock()
    tasks = session.scalars(select(Task).where(Task.person == row.person, Task.closed_at.is_(None))).all()
    cadre = session.scalars(
        select(Cadre).where(as_of(Cadre, china_day(now)), Cadre.cadre == row.person)
    ).first()
    newer = select(Notice.id).where(Notice.person == row.person, Notice.day > row.day)
    if not tasks or cadre is None or session.scalars(newer).first() is not None:
        return None
    kinds = [one.what for one in tasks]
    parts_of = [f"{kinds.count(what)} 份{words}" for what, words in _WORDS.items() if what in kinds]
    text = f"{cadre.name}同志：您有 {'，'.join(parts_of)}{_until(deadlines.earliest(session, row.person, now), now)}。"
    address = f"{parts.settings.public_url.rstrip('/')}/sign"
    contact = session.get(Contact, row.person)
    place = query.unit(session, cadre.unit, china_day(now)).name
    return Message(
        id=row.id,
        why=row.why,
        mobile=cadre.mobile,
        email=contact.email if contact else None,
        subject=f"{place}食品安全承诺书签署{'提醒' if row.why == 'reminder' else '通知'}",
        text=f"{text}请从经办人发给您的链接进入，或打开 {address} 办理。如已办理，请忽略本通知。",
        at=now,
    )


def _until(due: datetime | None, now: datetime) -> str:
    if due is None:
        return ""
    when = due.astimezone(CHINA)
    words = f"{when.month}月{when.day}日{when:%H:%M}"
    return f"，已超过截止时间 {words}" if due < now else f"，请于 {words} 前办理"
