"""Letters taken out of every queue (不再流转) until the office has decided; nothing signed is touched by it."""

from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from service.core import new_id
from service.db.flow import Hold, Task
from service.db.tables import Letter, Step
from service.errors import ConflictError
from service.workflows.parts import Parts

LIVE = ("draft", "issued", "signed", "extended")
"""States in which somebody still has to sign."""
OVER = ("void", "superseded", "paper", "disposed")
"""States in which nothing more is decided about a letter."""
WORDS = {
    "leader": "主要负责人拒绝签署，待作废",
    "cadre": "本人拒绝签署，待处理",
    "left": "岗位变动，待作废",
    "typo": "姓名有误，待重新制发",
}
"""What a held letter is said to be."""
PROPOSED = {"leader": "void", "cadre": "talk", "left": "void", "typo": "reissue"}
"""What the office is asked to do about it."""
TO_VOID = tuple(kind for kind, what in PROPOSED.items() if what == "void")


def put(
    parts: Parts,
    session: Session,
    letter: Letter,
    kind: str,
    why: str,
    now: datetime,
    *,
    by: str,
    basis: str | None = None,
) -> bool:
    """Hold a letter in the caller's transaction, and let the office have its task; False where it is held already.

    What was prepared for a signer is dropped. A signature that is on its way to the log is not stopped: ConflictError.
    """
    if of(session, letter.id) is not None:
        return False
    busy = select(Step.id).where(Step.letter == letter.id, Step.state.in_(("approved", "stamped")))
    if session.scalars(busy.limit(1)).first() is not None:
        raise ConflictError("E-SIG-106", "本文书的另一步正在办理，请稍后刷新再试。")
    prepared = update(Step).where(Step.letter == letter.id, Step.state == "prepared")
    session.execute(prepared.values(state="dropped", updated_at=now))
    session.add(
        Hold(
            letter=letter.id,
            kind=kind,
            why=why[:200],
            basis=basis,
            by=by[:64],
            at=now,
            ended_at=None,
            ended_why=None,
        )
    )
    session.add(_task(parts, letter, PROPOSED[kind], now))
    session.flush()
    return True


def of(session: Session, letter: str) -> Hold | None:
    """Return what holds a letter, if anything does."""
    return session.scalars(select(Hold).where(Hold.letter == letter, Hold.ended_at.is_(None))).first()


def words_of(session: Session, letter: str) -> str:
    """Return what holds a letter, for people; empty where nothing does."""
    found = of(session, letter)
    return f"{WORDS[found.kind]}（{found.why}）" if found else ""


def lift(session: Session, letter: str, why: str, now: datetime) -> None:
    """End the hold of a letter and the office's task in the caller's transaction."""
    open_ = update(Hold).where(Hold.letter == letter, Hold.ended_at.is_(None))
    session.execute(open_.values(ended_at=now, ended_why=why))
    tasks = update(Task).where(Task.letter == letter, Task.person.is_(None), Task.closed_at.is_(None))
    session.execute(tasks.values(closed_at=now, closed_why=why))


def free(*kinds: str) -> ColumnElement[bool]:
    """Return the condition that a letter is not held (for one of these reasons, where some are named)."""
    rows = select(Hold.letter).where(Hold.ended_at.is_(None))
    if kinds:
        rows = rows.where(Hold.kind.in_(kinds))
    return Letter.id.not_in(rows)


def require_free(session: Session, letter: Letter) -> None:
    """Raise ConflictError for a letter that is held."""
    found = of(session, letter.id)
    if found is not None:
        raise ConflictError("E-SIG-114", f"承诺书 {letter.number}：{WORDS[found.kind]}，现不能签署。")


def _task(parts: Parts, letter: Letter, what: str, now: datetime) -> Task:
    return Task(
        id=new_id(parts.entropy),
        what=what,
        letter=letter.id,
        unit=letter.unit,
        person=None,
        told=True,
        opened_at=now,
        closed_at=None,
        closed_why=None,
    )
