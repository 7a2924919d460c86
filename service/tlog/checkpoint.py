"""Checkpoints, the signed heads of a log: https://c2sp.org/tlog-checkpoint"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import InputError, VerificationError
from service.tlog import merkle, note
from service.tlog.merkle import HASH_BYTES, Hash

MAX_ORIGIN_BYTES = 255  # tlog-cosignature carries the origin behind one length byte

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_ROOT = re.compile(r"[A-Za-z0-9+/]{43}=")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its origin, its size, the root over its entries."""

    origin: str
    size: int
    root: Hash
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note text, exactly as it is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extensions))


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse the text of a checkpoint; raise InputError unless it is in its one canonical form."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise InputError("E-TLG-030", "不是合格的检查点。")
    origin, size, root = lines[:3]
    if (
        not 0 < len(origin.encode()) <= MAX_ORIGIN_BYTES
        or not _SIZE.fullmatch(size)
        or not _ROOT.fullmatch(root)
    ):
        raise InputError("E-TLG-030", "不是合格的检查点。")
    found = Checkpoint(origin, int(size), Hash(base64.b64decode(root)), tuple(lines[3:]))
    if found.size > merkle.MAX_SIZE or len(found.root) != HASH_BYTES or found.text != text:
        raise InputError("E-TLG-030", "不是合格的检查点。")
    return found


def open_checkpoint(data: bytes, verifiers: Sequence[note.Verifier], origin: str | None = None) -> Checkpoint:
    """Return the checkpoint in the signed note `data`; raise unless the log itself signed it.

    The log's key bears the log's name; where it doesn't, `origin` says what the checkpoint must be called.
    """
    opened = note.open_note(data, verifiers)
    found = parse_checkpoint(opened.text)
    named = origin == found.origin if origin else found.origin in {signer.name for signer in opened.signers}
    if not named:
        raise VerificationError("E-TLG-031", f"检查点属于“{found.origin}”，不是所信任的日志。")
    return found
