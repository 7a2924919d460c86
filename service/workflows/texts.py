"""Adopted texts (核定文本): which wording of a kind an office adopted, and what may be printed with it.

Shipped wordings are references (参考文本). What `adopt` records names the office, the day, the basis and the digest of
the kind's files; once a file changes, the record no longer applies and the text is a reference again. `withdraw` ends
what was adopted; whatever was issued by then stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex
from service.db.texts import AdoptedText
from service.documents.catalogue import wording_digest
from service.documents.kinds import Kind, TextStatus
from service.errors import ConflictError, ForbiddenError, InputError
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

ADOPTED, WITHDRAWN = "核定", "撤销"
_FIRST = ("commitment", "responsibility_list")  # what nobody can do without
_LONGEST_NAME, _LONGEST_BASIS = 60, 200


@dataclass(frozen=True, slots=True)
class Standing:
    """How the text of a kind stands: its digest now, the newest adoption, and whether that is of this very text."""

    kind: Kind
    digest: Sha256Hex
    adoption: AdoptedText | None
    applies: bool

    @property
    def words(self) -> str:
        """Say it for people."""
        if self.adoption is None:
            return "参考文本，待核定"
        said = f"{self.adoption.by} {self.adoption.on} {self.adoption.act}（{self.adoption.basis}）"
        if self.adoption.act == WITHDRAWN:
            return f"参考文本，待核定：核定已由 {said}"
        return said if self.applies else f"参考文本，待核定：文本在{said}之后改动过，该次核定不再适用"


def standing(session: Session, kind: Kind) -> Standing:
    """Return how the text of `kind` stands now."""
    return standing_of(kind, history(session, kind.id))


def standing_of(kind: Kind, rows: Sequence[AdoptedText]) -> Standing:
    """Return how the text of `kind` stands by all that was recorded of it, oldest first."""
    digest = wording_digest(kind.folder)
    since = next((i for i in range(len(rows), 0, -1) if rows[i - 1].act == WITHDRAWN), 0)
    of_this = next((row for row in reversed(rows[since:]) if row.digest == digest), None)
    return Standing(kind, digest, of_this or (rows[-1] if rows else None), of_this is not None)


def adopt(
    parts: Parts, name: str, *, by: str, on: date, basis: str, who: str, person: Person | None = None
) -> Standing:
    """Record that an office adopted the text of a kind as its files are now; the same record twice is one.

    `person` is whose act is on record.
    """
    return _record(parts, name, ADOPTED, by, on, basis, who, person)


def withdraw(
    parts: Parts, name: str, *, by: str, on: date, basis: str, who: str, person: Person | None = None
) -> Standing:
    """Record that an office withdrew what it had adopted; raise ConflictError where nothing is adopted."""
    with parts.sessions.begin() as session:
        before = standing(session, parts.catalogue.kind(name))
        if before.adoption is None or before.adoption.act == WITHDRAWN:
            raise ConflictError("E-DOC-104", f"“{before.kind.title}”没有可以撤销的核定：{before.words}。")
        if on < before.adoption.on:
            raise InputError("E-DOC-101", f"撤销日期 {on} 在核定日期 {before.adoption.on} 之前。")
    return _record(parts, name, WITHDRAWN, by, on, basis, who, person)


def _record(
    parts: Parts, name: str, act: str, by: str, on: date, basis: str, who: str, person: Person | None
) -> Standing:
    kind, now = parts.catalogue.kind(name), parts.clock()
    for label, text, longest in ((f"{act}机关", by, _LONGEST_NAME), (f"{act}依据", basis, _LONGEST_BASIS)):
        if not text.strip() or len(text) > longest:
            raise InputError("E-DOC-101", f"须写明{label}，不超过 {longest} 个字。")
    if on > china_day(now):
        raise InputError("E-DOC-101", f"{act}日期 {on} 在今天之后；请在{act}之后登记。")
    with parts.sessions.begin() as session:
        before = standing(session, kind)
        same = before.adoption if before.applies or act == WITHDRAWN else None
        if not same or (same.act, same.by, same.on, same.basis) != (act, by, on, basis):
            row = AdoptedText(kind=name, act=act, digest=before.digest, by=by, on=on, basis=basis)
            row.recorded_at, row.recorded_by = now, who
            session.add(row)
            session.flush()
            if person is not None:
                trail.note(session, now, f"{act}文本", by=person, target=name)
        return standing(session, kind)


def history(session: Session, name: str) -> list[AdoptedText]:
    """Return the adoptions and withdrawals of a kind's text, oldest first."""
    return list(session.scalars(select(AdoptedText).where(AdoptedText.kind == name).order_by(AdoptedText.id)))


def all_of(parts: Parts, session: Session) -> list[tuple[Standing, list[AdoptedText]]]:
    """Return every kind of this deployment with how its text stands and what was recorded, by title."""
    kept: dict[str, list[AdoptedText]] = {name: [] for name in parts.catalogue.names()}
    for row in session.scalars(select(AdoptedText).order_by(AdoptedText.id)):
        kept.get(row.kind, []).append(row)
    found = [(standing_of(parts.kind(name), rows), rows) for name, rows in kept.items()]
    return sorted(
        found, key=lambda one: (one[0].kind.id not in _FIRST, not one[0].applies, one[0].kind.title)
    )


def printable(parts: Parts, name: str) -> Kind:
    """Return a kind as it may be printed now, its text status by the record, whatever kind.toml says of itself.

    Raise ForbiddenError in production for a text that nobody adopted.
    """
    kind = parts.catalogue.kind(name)
    with parts.sessions.begin() as session:
        now = standing(session, kind)
    if not now.applies and not parts.demo:
        raise ForbiddenError(
            "E-DOC-102",
            f"“{kind.title}”的文本：{now.words}。正式环境只用经核定的文本制发；"
            f"请核定后登记：核定文本页，或 liangze text adopt {name} --who 核定机关 --on 日期 --basis 依据。",
        )
    return replace(kind, text_status=TextStatus.ADOPTED if now.applies else TextStatus.REFERENCE)
