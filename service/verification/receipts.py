"""Does the log's receipt speak of this file? (https://c2sp.org/tlog-proof; a renewed file by its logged prefix)"""

from dataclasses import dataclass

from service.core import Entry, FileDigest
from service.errors import InputError, VerificationError
from service.tlog import note, proof
from service.verification.guard import ProofError


@dataclass(frozen=True, slots=True)
class Logged:
    """What a receipt proved: the entry, its place, and whether it speaks of an earlier revision of the file."""

    entry: Entry
    index: int
    origin: str
    is_prefix: bool


def require_receipt(receipt: bytes, data: bytes, logs: tuple[str, ...]) -> Logged:
    """Return what `receipt` proves about `data`; raise ProofError unless one of `logs` signed it for this file."""
    if not logs:
        raise ProofError("RECEIPT_LOG_UNKNOWN")
    try:
        verified = proof.verify_receipt(receipt, None, [note.Verifier.parse(one) for one in logs])
    except InputError as exc:
        raise ProofError("RECEIPT_MALFORMED", str(exc)) from exc
    except VerificationError as exc:
        raise ProofError("RECEIPT_INVALID", str(exc)) from exc
    entry = verified.entry
    is_prefix = False
    if entry.file is not None:
        is_prefix = entry.file.size < len(data)
        if entry.file != FileDigest.of(data[: entry.file.size]):
            raise ProofError("RECEIPT_OTHER_FILE")
    return Logged(entry, verified.index, verified.checkpoint.origin, is_prefix)
