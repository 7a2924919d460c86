"""The witness: cosigns another log's checkpoints after checking that it only ever grew (https://c2sp.org/tlog-witness).

The upper level's deployment is a witness of the lower ones: reporting upward is also what keeps anyone from rewriting
the past. A fork, a rollback or a wrong old size is refused, and what was cosigned is stored before it is answered.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.engine import Sessions
from service.db.tables import WitnessedLog
from service.errors import ConflictError, InputError, ServiceError, VerificationError
from service.tlog import checkpoint as checkpoints
from service.tlog import cosignature, merkle, note
from service.tlog.checkpoint import Checkpoint
from service.tlog.cosignature import Cosigner
from service.tlog.merkle import HASH_BYTES, Hash

MAX_PROOF_LINES = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a log: HTTP status, body, content type."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Submission:
    """A request as parsed: the size last cosigned, the consistency proof, the signed checkpoint."""

    old: int
    proof: tuple[Hash, ...]
    signed: bytes


def parse_submission(body: bytes) -> Submission:
    """Return the parts of an add-checkpoint request; raise InputError for any other form."""
    head, blank, signed = body.partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").split("\n")
    old = _OLD.fullmatch(first)
    if not blank or old is None or len(lines) > MAX_PROOF_LINES:
        raise InputError("E-ARC-040", "见证请求的格式不对。")
    return Submission(int(old[1]), tuple(map(_parse_hash, lines)), signed)


def format_submission(submission: Submission) -> bytes:
    """Return the body of an add-checkpoint request."""
    lines = [f"old {submission.old}", *(base64.b64encode(one).decode() for one in submission.proof)]
    return "\n".join(lines).encode() + b"\n\n" + submission.signed


class Witness:
    """Answers the logs that were registered with it; one transaction checks and stores."""

    def __init__(self, sessions: Sessions, cosigner: Cosigner, sign: Callable[[bytes], bytes]) -> None:
        self._sessions = sessions
        self._cosigner = cosigner
        self._sign = sign

    def register(self, vkey: str, now: datetime) -> str:
        """Promise to witness the log with this verifier key and return its origin; another key is refused."""
        verifier = note.Verifier.parse(vkey.strip())
        with self._sessions.begin() as session:
            known = session.get(WitnessedLog, verifier.name)
            if known is not None and known.vkey != verifier.vkey:
                raise ConflictError("E-ARC-041", f"日志“{verifier.name}”已登记了另一把公钥，不能更换。")
            if known is None:
                session.add(WitnessedLog(origin=verifier.name, vkey=verifier.vkey, size=0, time=now))
        return verifier.name

    def add_checkpoint(self, body: bytes, now: datetime) -> Answer:
        """Answer an add-checkpoint request as the protocol asks."""
        try:
            submission = parse_submission(body)
            text, _ = note.parse_note(submission.signed)
            unproven = checkpoints.parse_checkpoint(text)
        except InputError as exc:
            return Answer(400, exc.message)
        with self._sessions.begin() as session:
            known = _known(session, unproven.origin)
            if known is None:
                return Answer(404, f"本见证方没有登记日志“{unproven.origin}”。")
            try:
                log = note.Verifier.parse(known.vkey)
                offered = checkpoints.open_checkpoint(submission.signed, [log])
            except ServiceError as exc:
                return Answer(403, exc.message)
            return _refusal(known, submission, offered) or self._cosign(known, text, submission, offered, now)

    def _cosign(
        self, known: WitnessedLog, text: str, submission: Submission, offered: Checkpoint, now: datetime
    ) -> Answer:
        """Store what is cosigned in the transaction that checked it, then cosign."""
        known.size, known.root, known.time = offered.size, bytes(offered.root), now
        known.checkpoint = submission.signed.decode()
        return Answer(200, cosignature.cosign(text, self._cosigner, self._sign, now))


def _known(session: Session, origin: str) -> WitnessedLog | None:
    return session.scalar(select(WitnessedLog).where(WitnessedLog.origin == origin).with_for_update())


def _refusal(known: WitnessedLog, submission: Submission, offered: Checkpoint) -> Answer | None:
    """Return why `offered` is not cosigned, or None where it grew out of what was cosigned before."""
    if submission.old > offered.size:
        return Answer(400, "旧的大小超过了检查点的大小。")
    if submission.old != known.size:
        return Answer(409, f"{known.size}\n", "text/x.tlog.size")
    root = known.root or merkle.empty_root()  # before the first cosignature: the tree of size 0
    if known.size == offered.size and root != offered.root:
        return Answer(409, "同样大小而根散列不同：日志出现了分叉，拒绝联署。")
    try:
        merkle.verify_consistency(known.size, offered.size, root, offered.root, submission.proof)
    except VerificationError as exc:
        return Answer(422, f"一致性证明不成立：{exc.message}")
    return None


def _parse_hash(line: str) -> Hash:
    try:
        value = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InputError("E-ARC-040", "见证请求的格式不对。") from exc
    if len(value) != HASH_BYTES:
        raise InputError("E-ARC-040", "见证请求的格式不对。")
    return Hash(value)
