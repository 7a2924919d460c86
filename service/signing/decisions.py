"""The decision that ends a letter, 作废 or 替代: a record of its own that the issuing office signs under its seal.

Canonical JSON (RFC 8785), `{"v": 1, "decision": …, "signature": …}`; the signature is a detached CMS of level B-T
(RFC 5652, ETSI EN 319 122-1) over the canonical JSON of the decision, in base64. The letter itself stays as it was:
its signatures remain true, and the log and the trust bundle say that it is no longer in force.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from pyhanko.sign.timestamps import TimeStamper

from service.clock import format_utc, parse_utc
from service.core import canonical_json, parse_canonical
from service.errors import CorruptError, InputError
from service.signing import cms
from service.verification import crypto


@dataclass(frozen=True, slots=True)
class Decision:
    """Which letter ends, who decided it, why and on what basis, and what takes its place, if anything does.

    `head` is the SHA-256 of the letter's newest revision (or draft) when it was decided.
    """

    action: str
    letter: str
    number: str
    head: str
    by: str
    why: str
    basis: str
    time: datetime
    successor: str | None = None
    successor_number: str | None = None

    def to_bytes(self) -> bytes:
        """Return the canonical JSON that is signed."""
        return canonical_json({**asdict(self), "time": format_utc(self.time)})


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A decision that waits for its signature, as an approval shows it: `digest` is that of `pdf`, by the signer's."""

    pdf: bytes = field(repr=False)
    digest: bytes
    digest_name: str = "sha256"

    def require_untouched(self) -> None:
        """Raise CorruptError unless the stored bytes are the decision that was prepared."""
        if crypto.digest(self.digest_name, self.pdf) != self.digest:
            raise CorruptError("E-SIG-011", "待签文书在保存期间被改动，已拒绝；请重新准备签署。")


def stamp(
    unsigned: Unsigned,
    attributes: bytes,
    signature: bytes,
    certificate: bytes,
    chain: Sequence[bytes],
    timestamper: TimeStamper,
) -> bytes:
    """Return the record: decision, signature and its timestamp; nothing stored is believed (`ceremony.stamp`)."""
    unsigned.require_untouched()
    cms.require_attributes(attributes, unsigned.digest, certificate)
    cms.verify_raw(attributes, signature, certificate)
    token = cms.timestamp(signature, timestamper)
    container = cms.container(attributes, signature, certificate, chain, token)
    value = {
        "v": 1,
        "decision": parse_canonical(unsigned.pdf),
        "signature": base64.b64encode(container).decode(),
    }
    return canonical_json(value)


def read(record: bytes) -> tuple[Decision, bytes]:
    """Return the decision of a record and its CMS (DER), which is not verified here; InputError for anything else."""
    value = parse_canonical(record)
    if not isinstance(value, dict) or set(value) != {"v", "decision", "signature"} or value["v"] != 1:
        raise InputError("E-SIG-206", "不是第 1 版作废、替代记录。")
    try:
        return _decision(value["decision"]), base64.b64decode(value["signature"], validate=True)
    except (TypeError, ValueError, binascii.Error) as exc:
        raise InputError("E-SIG-206", "作废、替代记录的内容不合规定。") from exc


def _decision(value: Any) -> Decision:
    names = {one.name for one in fields(Decision)}
    optional = {"successor", "successor_number"}
    if not isinstance(value, dict) or set(value) != names:
        raise ValueError("decision")
    if any(
        not isinstance(value[name], str) and not (name in optional and value[name] is None) for name in names
    ):
        raise ValueError("decision")
    return Decision(**{**value, "time": parse_utc(value["time"])})
