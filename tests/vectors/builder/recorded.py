"""SM2 signatures that were made once and are kept: OpenSSL makes another one each time, and vectors must not change.

What is kept is checked before it is used; what is missing is made, and `save` writes it down.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

from service import gm
from service.errors import VerificationError
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from tests.verification.conftest import entropy

FILE = Path(__file__).parents[1] / "verification" / "parts" / "sm2_signatures.json"


class RecordedSigner(LocalSigner):
    """Signs what it has signed before with the same bytes."""

    __slots__ = ()

    def __init__(self, label: str) -> None:
        super().__init__(private.generate(Algorithm.SM2_SM3, entropy(label)))

    def sign(self, data: bytes) -> bytes:
        """Return the signature on record if there is one that holds."""
        name = hashlib.sha256(self.public_key + data).hexdigest()[:32]
        known = bytes.fromhex(records().get(name, ""))
        try:
            gm.verify(self.public_key, data, known)
        except VerificationError:
            known = super().sign(data)
            records()[name] = known.hex()
        used().add(name)
        return known


@cache
def records() -> dict[str, str]:
    """Return the signatures on record, in hex, by what was signed with which key."""
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


@cache
def used() -> set[str]:
    """Return the names of those that this run has asked for."""
    return set()


def save() -> None:
    """Keep what this run has used, and nothing else."""
    kept = {name: value for name, value in sorted(records().items()) if name in used()}
    FILE.write_text(json.dumps(kept, indent=0) + "\n")
