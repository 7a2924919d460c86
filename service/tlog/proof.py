"""Offline proofs that an entry is in a log, and receipts made of them: https://c2sp.org/tlog-proof

A receipt is a tlog-proof whose `extra` is the canonical JSON of the entry (v1): the verifier hashes it as the
leaf, so that it is bound by the proof although the specification itself trusts nothing in `extra`.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.core import Entry, FileDigest, parse_entry
from service.errors import InputError, VerificationError
from service.tlog import checkpoint as checkpoints
from service.tlog import merkle, note
from service.tlog.merkle import HASH_BYTES, Hash
from service.tlog.tiles import MAX_ENTRY_BYTES

MAX_PROOF_BYTES = note.MAX_NOTE_BYTES + 2 * MAX_ENTRY_BYTES
MAX_HASHES = 63  # levels of the largest tree

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed tlog-proof; nothing in it is verified yet."""

    extra: bytes | None
    index: int
    hashes: tuple[Hash, ...]
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves: this entry stands at `index` in the log that signed `checkpoint`."""

    entry: Entry
    index: int
    size: int
    checkpoint: checkpoints.Checkpoint


def format_proof(extra: bytes | None, index: int, hashes: Sequence[bytes], checkpoint: bytes) -> bytes:
    """Return a tlog-proof; `checkpoint` is the signed note, verbatim."""
    lines = [_HEADER]
    if extra is not None:
        lines.append(f"extra {base64.b64encode(extra).decode()}")
    lines.append(f"index {index}")
    lines += [base64.b64encode(value).decode() for value in hashes]
    return "\n".join([*lines, "", ""]).encode() + checkpoint


def parse_proof(data: bytes) -> Proof:
    """Parse a tlog-proof; raise InputError unless it is in its one canonical form."""
    if len(data) > MAX_PROOF_BYTES:
        raise InputError("E-TLG-040", "回执过长。")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as exc:
        raise InputError("E-TLG-041", "不是合格的存证回执（tlog-proof）。") from exc
    if not blank or lines.pop(0) != _HEADER:
        raise InputError("E-TLG-041", "不是合格的存证回执（tlog-proof）。")
    extra = _decode(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None or len(lines) > MAX_HASHES:
        raise InputError("E-TLG-041", "不是合格的存证回执（tlog-proof）。")
    hashes = tuple(Hash(_decode(line)) for line in lines)
    if any(len(value) != HASH_BYTES for value in hashes):
        raise InputError("E-TLG-041", "不是合格的存证回执（tlog-proof）。")
    return Proof(extra, int(index[1]), hashes, checkpoint)


def verify_proof(proof: Proof, leaf: bytes, verifiers: Sequence[note.Verifier]) -> checkpoints.Checkpoint:
    """Return the checkpoint under which `proof` places `leaf`; raise if it does not hold."""
    checkpoint = checkpoints.open_checkpoint(proof.checkpoint, verifiers)
    merkle.verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint


def verify_receipt(
    receipt: bytes, file: FileDigest | None, verifiers: Sequence[note.Verifier]
) -> VerifiedReceipt:
    """Return what `receipt` proves about `file`; raise InputError or VerificationError if it proves nothing.

    Without `file` only entry and log are checked: the caller still owes the comparison with the document.
    """
    # (1) the form, (2) the log's signature and the path to its root, (3) the entry, (4) the document
    proof = parse_proof(receipt)
    if not proof.extra:
        raise InputError("E-TLG-042", "回执中没有存证条目（extra 行）。")
    checkpoint = verify_proof(proof, merkle.leaf_hash(proof.extra), verifiers)
    entry = parse_entry(proof.extra)
    if file is not None and entry.file != file:
        raise VerificationError("E-TLG-043", "回执不是这份文件的：摘要或长度不符。")
    return VerifiedReceipt(entry, proof.index, checkpoint.size, checkpoint)


def _decode(encoded: str) -> bytes:
    """Decode base64 that is in its one canonical form."""
    try:
        value = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InputError("E-TLG-041", "不是合格的存证回执（tlog-proof）。") from exc
    if base64.b64encode(value).decode() != encoded:
        raise InputError("E-TLG-041", "不是合格的存证回执（tlog-proof）。")
    return value
