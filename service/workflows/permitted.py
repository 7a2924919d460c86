"""Steps of many letters and who may take them, read by a few queries instead of a few for each.

Only what is plainly allowed is known here; whatever else is asked one by one, which also says why not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.flow import Hold
from service.db.tables import Letter, Step
from service.errors import NotFoundError
from service.workflows import authority, posts

_BATCH = 500  # ids in one statement; below every database's limit of parameters
_Id = TypeVar("_Id", int, str)


@dataclass(frozen=True, slots=True)
class Permitted:
    """Steps with their letters, and who may take them on one day; it keeps the rows, so that a session does too."""

    steps: tuple[Step, ...]
    letters: dict[str, Letter]
    held: frozenset[str]
    countersigners: dict[str, str]
    seals: dict[str, str]

    def allows(self, step: Step, signer: str) -> bool:
        """Say whether `signer` may plainly take a step; False means: ask about this one."""
        letter = self.letters.get(step.letter)
        if letter is None or (letter.id in self.held and step.action in ("issue", "sign", "countersign")):
            return False
        if step.action == "sign":
            return signer == letter.cadre
        if step.action == "countersign":
            return signer != letter.cadre and self.countersigners.get(letter.id) == signer
        return self.seals.get(letter.unit) == signer


def read(session: Session, step_ids: Sequence[int], on: date) -> Permitted:
    """Return these steps, their letters, and who may take them on that day."""
    steps = [row for some in batches(step_ids) for row in _steps(session, some)]
    letters = {
        one.id: one
        for some in batches(sorted({one.letter for one in steps}))
        for one in _letters(session, some)
    }
    held = {one for some in batches(sorted(letters)) for one in _held(session, some)}
    signed = {one.letter for one in steps if one.action == "countersign"}
    sealed = {letters[one.letter].unit for one in steps if one.action not in ("sign", "countersign")}
    whose = posts.countersigners(session, [letters[one] for one in sorted(signed)], on)
    return Permitted(tuple(steps), letters, frozenset(held), whose, dict(_seals(session, sealed, on)))


def batches(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    """Yield ids in as many as one statement takes."""
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def _steps(session: Session, ids: Sequence[int]) -> Iterable[Step]:
    return session.scalars(select(Step).where(Step.id.in_(ids)))


def _letters(session: Session, ids: Sequence[str]) -> Iterable[Letter]:
    return session.scalars(select(Letter).where(Letter.id.in_(ids)))


def _held(session: Session, ids: Sequence[str]) -> Iterable[str]:
    return session.scalars(select(Hold.letter).where(Hold.letter.in_(ids), Hold.ended_at.is_(None)))


def _seals(session: Session, units: Iterable[str], on: date) -> Iterator[tuple[str, str]]:
    for unit in units:
        try:
            yield unit, authority.seal_for(session, unit, on).id
        except NotFoundError:
            continue
