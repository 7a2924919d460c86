"""A changing request of the API that came twice is done once: its Idempotency-Key, and the answer that was given.

Header and answers as in https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from service.core import sha256_hex
from service.db.access import Request
from service.errors import ConflictError, VerificationError
from service.workflows.parts import Parts

KEPT = timedelta(hours=24)
"""How long an answer can be had again."""
STUCK = timedelta(minutes=5)
"""After so long a request whose process died may be made again: what it does is harmless to repeat."""
MAX_ANSWER = 256 * 1024  # characters


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    media: str
    body: str


def begin(parts: Parts, session_token: str, key: str, fingerprint: str) -> tuple[str, Answer | None]:
    """Note that a request begins and return its row's name, and the answer where it was done before.

    Raises VerificationError (422) for a key that stood on another request, ConflictError (409) while the first is
    still being done.
    """
    name, now = sha256_hex(f"{session_token} {key}".encode()), parts.clock()
    try:
        with parts.sessions.begin() as session:
            row = session.get(Request, name)
            if row is not None and now - row.at > (KEPT if row.status is not None else STUCK):
                session.delete(row)
                session.flush()
                row = None
            if row is None:
                session.add(
                    Request(key=name, fingerprint=fingerprint, status=None, media="", answer="", at=now)
                )
                return name, None
            if row.fingerprint != fingerprint:
                raise VerificationError("E-ACC-081", "这个 Idempotency-Key 已用于另一个请求，请换一个。")
            if row.status is None:
                raise _busy()
            return name, Answer(row.status, row.media, row.answer)
    except IntegrityError as exc:  # both came at the same moment
        raise _busy() from exc


def finish(parts: Parts, name: str, answer: Answer) -> None:
    """Keep the answer to a request that was done."""
    with parts.sessions.begin() as session:
        row = session.get(Request, name)
        if row is not None:
            row.status, row.media, row.answer = answer.status, answer.media, answer.body


def forget(parts: Parts, name: str) -> None:
    """Let a request that was refused or failed be made again under its key."""
    with parts.sessions.begin() as session:
        session.execute(delete(Request).where(Request.key == name))


def purge(parts: Parts) -> None:
    """Remove what is older than a day."""
    with parts.sessions.begin() as session:
        session.execute(delete(Request).where(Request.at < parts.clock() - KEPT))


def _busy() -> ConflictError:
    return ConflictError("E-ACC-082", "同一个请求正在办理，请稍候再问。")
