"""Signature bytes that no field leads to: a signature was thrown out, or the file was saved anew."""

import re

from service.verification import cms
from service.verification.guard import ProofError
from service.verification.signature_field import Signature, read_contents
from service.verification.structure import Document

_BYTE_RANGE = re.compile(rb"/ByteRange(?![A-Za-z0-9])")
_HOLE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d{1,10})\s+(\d{1,10})\s")
_RANGE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]")


def require_reachable(document: Document, *, ours: bool) -> None:
    """Raise ProofError if signature bytes stand in the file that no signature field leads to.

    Some that still fit the bytes they cover say that the file was changed after they were made; some that do not,
    that it was saved anew. In other people's files a signature may have been taken back before the first of those
    that stand: these cover that it is gone.
    """
    covered = 0 if ours else min((one.end for one in document.signatures), default=0)
    withdrawn = None
    for mark in _BYTE_RANGE.finditer(document.data):
        if any(_is_its(document.data, mark.start(), one) for one in document.signatures):
            continue
        if any(start < mark.start() < end for start, end in document.foreign):
            continue
        where = f"/ByteRange at byte {mark.start()}"
        if mark.start() < covered:
            withdrawn = where
        else:
            is_intact = _fits(document.data, mark.start())
            raise ProofError("SIG_REMOVED" if is_intact else "SIG_UNREACHABLE", where)
    if withdrawn:
        raise ProofError("SIG_WITHDRAWN", withdrawn)


def _is_its(data: bytes, position: int, signature: Signature) -> bool:
    """Say whether the /ByteRange at `position` is a signature's own: near it, and naming its hole where that is plain.

    The place alone would not do: behind a signature may follow one that was thrown out of its field.
    """
    named = _HOLE.match(data, position)
    is_near = signature.offset < position < signature.hole[1] + 65_536
    return is_near and (named is None or (int(named[1]), int(named[2])) == signature.hole)


def _fits(data: bytes, position: int) -> bool:
    """Say whether the signature whose /ByteRange stands at `position` holds for the bytes that it names."""
    match = _RANGE.match(data, position)
    if match is None:
        return False
    first, second, length = map(int, match.groups())
    try:
        contents, _, _ = read_contents(data[first:second])
        covered = data[:first] + data[second : second + length]
        try:
            signed = cms.read_signature(contents, canonical=False, pades=False)
            cms.require_digest(signed.digest_name, signed.message_digest, covered)
        except ProofError:
            token = cms.read_token(contents, canonical=False)
            cms.require_digest(token.imprint_name, token.imprint, covered)
    except ProofError:
        return False
    return True
