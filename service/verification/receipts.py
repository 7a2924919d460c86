"""Does the log's receipt speak of this file? (https://c2sp.org/tlog-proof; a renewed file by its logged prefix)"""

from dataclasses import dataclass

from service.core import Entry, FileDigest
from service.errors import InputError, VerificationError
from service.tlog import cosignature, note, proof
from service.tlog.cosignature import Cosigner
from service.verification.guard import ProofError


@dataclass(frozen=True, slots=True)
class Logged:
    """What a receipt proved: the entry, its place, and whether it speaks of an earlier revision of the file."""

    entry: Entry
    index: int
    origin: str
    is_prefix: bool
    witnesses: tuple[str, ...] = ()
    """Names of the known witnesses that vouch for the checkpoint."""


def require_receipt(
    receipt: bytes, data: bytes, logs: tuple[str, ...], witnesses: tuple[str, ...] = ()
) -> Logged:
    """Return what `receipt` proves about `data`; raise ProofError unless one of `logs` signed it for this file.

    A line of one of the `witnesses` that does not hold makes the receipt invalid; whether enough of them have signed
    is for the caller to judge.
    """
    if not logs:
        raise ProofError("RECEIPT_LOG_UNKNOWN")
    try:
        verified = proof.verify_receipt(receipt, None, [note.Verifier.parse(one) for one in logs])
        known = [Cosigner.parse(one) for one in witnesses]
        vouching = cosignature.cosignatures(proof.parse_proof(receipt).checkpoint, known)
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
    names = tuple(sorted(one.cosigner.name for one in vouching))
    return Logged(entry, verified.index, verified.checkpoint.origin, is_prefix, names)
