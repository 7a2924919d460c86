"""Many letters prepared for one signer (待签版本) by a worker, with progress, before the PIN is asked for.

A few are prepared in the request. Of many the drawing waits in a row, not in a job, and is gone once each letter bears
it. While a worker is at it no other list is taken; who comes back finds how far it is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.core import canonical_json, new_id
from service.db.flow import Preparation
from service.db.tables import Job
from service.errors import ConflictError
from service.workflows import jobs, signing
from service.workflows.parts import Parts
from service.workflows.signing import Listed, Strokes

TASK = "prepare_signatures"
AT_ONCE = 20
"""Letters that are prepared while their signer waits; each takes some 50 ms."""


@dataclass(frozen=True, slots=True)
class Going:
    """How far the preparing of a signer's list is, and what could not be prepared."""

    letters: tuple[str, ...]
    done: int
    busy: bool
    left: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many letters the signer chose."""
        return len(self.letters)


def ask(parts: Parts, person: str, chosen: Sequence[str], strokes: Strokes | None) -> Listed | None:
    """Prepare the chosen letters of a signer: a few now; of many None, and a worker prepares them.

    What was prepared before and is not chosen now is dropped. ConflictError while another list is being prepared.
    """
    wanted = [one.letter for one in signing.waiting_for(parts, person) if one.letter in set(chosen)]
    going = of(parts, person)
    if going is not None and going.busy:
        if _is_same(parts, person, wanted):
            return None
        raise ConflictError("E-SIG-144", f"您选的 {going.total} 份正在准备，请等准备好后再选其他文书。")
    if len(wanted) <= AT_ONCE:
        made = signing.prepare_letters(parts, person, strokes=strokes, only=wanted)
        signing.drop_others(parts, person, made)
        forget(parts, person)
        return made
    first = signing.prepare_letters(
        parts, person, strokes=strokes, only=wanted[:1]
    )  # a bad drawing is told at once
    signing.drop_others(parts, person, first)
    _put(parts, person, wanted, strokes)
    return None


def prepare(parts: Parts, target: str) -> None:
    """Prepare what a signer chose (a job); one that was stopped goes on where it was."""
    with parts.reader.begin() as session:
        row = session.get(Preparation, target)
    if row is None or row.done_at is not None:
        return
    ready = {one.letter for one in signing.ready_for(parts, row.signer)}
    rest = [one for one in json.loads(row.letters) if one not in ready]
    strokes = json.loads(row.strokes) if row.strokes else None
    made = signing.prepare_letters(parts, row.signer, strokes=strokes, only=rest)
    with parts.sessions.begin() as session:
        row = session.get_one(Preparation, target)
        row.left, row.strokes, row.done_at = "\n".join(made.left), None, parts.clock()


def of(parts: Parts, person: str) -> Going | None:
    """Return how far a signer's list is; None where no worker was asked."""
    with parts.reader.begin() as session:
        row = _row(session, person)
        if row is None:
            return None
        job = session.scalars(select(Job).where(Job.task == TASK, Job.target == row.id)).one()
    failed = job.state == "failed"
    left = [*row.left.splitlines(), *([job.fault] if failed and job.fault else [])]
    done = len(signing.ready_for(parts, person))
    return Going(tuple(json.loads(row.letters)), done, row.done_at is None and not failed, tuple(left))


def forget(parts: Parts, person: str) -> None:
    """Drop what is known of a list that was prepared."""
    with parts.sessions.begin() as session:
        session.execute(delete(Preparation).where(Preparation.signer == person))


def _row(session: Session, person: str) -> Preparation | None:
    return session.scalars(select(Preparation).where(Preparation.signer == person)).first()


def _is_same(parts: Parts, person: str, wanted: Sequence[str]) -> bool:
    """Say whether a request came twice."""
    with parts.reader.begin() as session:
        row = _row(session, person)
    return row is not None and set(wanted) == set(json.loads(row.letters))


def _put(parts: Parts, person: str, wanted: Sequence[str], strokes: Strokes | None) -> None:
    now = parts.clock()
    drawn = json.dumps(strokes, separators=(",", ":")) if strokes else None
    with parts.sessions.begin() as session:
        session.execute(delete(Preparation).where(Preparation.signer == person))
        row = Preparation(
            id=new_id(parts.entropy),
            signer=person,
            letters=canonical_json(list(wanted)).decode(),
            strokes=drawn,
            left="",
            asked_at=now,
            done_at=None,
        )
        session.add(row)
        session.flush()
        jobs.add(session, TASK, row.id, now)
