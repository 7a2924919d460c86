"""What a verifier trusts, as one value: anchors, roster, revocation, log keys, algorithms, dead letters.

The bundle is canonical JSON signed with Ed25519 by its own `trust` key; its schema, trust-bundle-v1, is in
tests/vectors/schemas/.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from asn1crypto import pem
from asn1crypto.x509 import Certificate
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.clock import format_utc, parse_utc
from service.core import Json, canonical_json, parse_canonical
from service.errors import InputError, VerificationError
from service.tlog.cosignature import Cosigner
from service.tlog.note import Verifier
from service.verification.guard import ProofError, hostile
from service.verification.policy import AlgorithmEnd

Voucher = Literal["licensed", "closed", "demo", "unknown"]
AnchorUse = Literal["sign", "time", "any"]

ACKNOWLEDGED_MAX = 300
MAX_BUNDLE = 64 * 2**20  # bytes: a city's certificates for decades
_KEYS = frozenset(
    ("v", "issued", "expires", "environment", "anchors", "certificates", "crls", "logs", "witnesses", "qr")
) | {"algorithms", "void", "superseded", "trust", "signature"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A certificate that is trusted because it is configured, who vouches for it, and for what."""

    certificate: bytes
    voucher: Voucher
    use: AnchorUse


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust bundle, or less: what is not known is empty. `issued` None: no bundle was read."""

    anchors: tuple[Anchor, ...] = ()
    certificates: frozenset[str] = frozenset()
    checkpoint: str | None = None
    crls: tuple[bytes, ...] = ()
    logs: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    quorum: int = 0
    """How many of the witnesses must have cosigned a receipt's checkpoint."""
    qr: tuple[str, ...] = ()
    algorithms: tuple[AlgorithmEnd, ...] = ()
    void: frozenset[str] = frozenset()
    superseded: frozenset[str] = frozenset()
    environment: str = ""
    acknowledged: str = ""
    """Who answers for an own CA or TSA in production, since when and on what ground; a key that v1 has gained."""
    successors: frozenset[tuple[str, str]] = frozenset()
    """Units that were merged (撤并), by their full names: before, after; a key that v1 has gained."""
    issued: datetime | None = None
    expires: datetime | None = None
    vkey: str | None = None

    @classmethod
    def read_bundle(cls, data: bytes, vkey: str | None = None) -> "Trust":
        """Parse a bundle and check its signature; with `vkey`, by that key and no other.

        Raises InputError for what is no bundle, VerificationError for one changed or signed by another.
        """
        if len(data) > MAX_BUNDLE:
            raise InputError("E-VER-001", "信任包过大。")
        value = parse_canonical(data)
        if not isinstance(value, dict) or value.get("v") != 1 or not set(value) >= _KEYS:
            raise InputError("E-VER-001", "不是第 1 版信任包。")
        try:
            trust = _parse(value)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise InputError("E-VER-001", "信任包的内容不合规定。") from exc
        if vkey is not None and trust.vkey != vkey:
            raise VerificationError("E-VER-003", "信任包不是由指定的信任密钥签发。")
        _require_signature(value)
        return trust


def bundle_bytes(trust: Trust, trust_vkey: str, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the bundle of `trust` signed by the Ed25519 key of `trust_vkey`; it has been read back."""
    if trust.issued is None or trust.expires is None:
        raise InputError("E-VER-002", "信任包须有签发时间和有效期。")
    value = {
        "v": 1,
        "issued": format_utc(trust.issued),
        "expires": format_utc(trust.expires),
        "environment": trust.environment,
        "anchors": [
            {"certificate": _base64(one.certificate), "voucher": one.voucher, "use": one.use}
            for one in trust.anchors
        ],
        "certificates": {"checkpoint": trust.checkpoint, "sha256": sorted(trust.certificates)},
        "crls": [_base64(one) for one in trust.crls],
        "logs": list(trust.logs),
        "witnesses": list(trust.witnesses),
        **({"quorum": trust.quorum} if trust.quorum else {}),
        "qr": list(trust.qr),
        "algorithms": [
            {"name": one.name, "until": one.until and format_utc(one.until)} for one in trust.algorithms
        ],
        "void": sorted(trust.void),
        "superseded": sorted(trust.superseded),
        "trust": trust_vkey,
    }
    if trust.acknowledged:
        value["acknowledged"] = trust.acknowledged
    if trust.successors:
        value["successors"] = [list(one) for one in sorted(trust.successors)]
    signature = sign(canonical_json(value))
    data = canonical_json({**value, "signature": _base64(signature)})
    Trust.read_bundle(data, trust_vkey)
    return data


def trust_of_certificates(data: bytes) -> Trust:
    """Return the trust in the PEM or DER certificates of `data`, for any use, with nobody known to vouch."""
    with _refusing("E-VER-004", "不是 PEM 或 DER 证书。"):
        if pem.detect(data):
            found = [der for kind, _, der in pem.unarmor(data, multiple=True) if kind == "CERTIFICATE"]
        else:
            found = [data]
        for der in found:
            Certificate.load(der, strict=True).native  # noqa: B018 - parses lazily
    if not found:
        raise InputError("E-VER-004", "文件里没有证书。")
    return Trust(anchors=tuple(Anchor(der, "unknown", "any") for der in found))


def trust_of_log(vkey: str) -> Trust:
    """Return the trust in one log's key."""
    return Trust(logs=(Verifier.parse(vkey.strip()).vkey,))


def merge(*trusts: Trust) -> Trust:
    """Return all of `trusts` together; of one certificate anchored twice, the vouched anchor counts."""
    anchors: dict[tuple[bytes, str], Anchor] = {}
    vouched = {one.certificate for each in trusts for one in each.anchors if one.voucher != "unknown"}
    for one in (anchor for each in trusts for anchor in each.anchors):
        if one.voucher != "unknown" or one.certificate not in vouched:
            anchors.setdefault((one.certificate, one.use), one)
    bundles = [each for each in trusts if each.issued is not None]
    newest = max(bundles, key=lambda each: cast(datetime, each.issued), default=Trust())
    return Trust(
        anchors=tuple(anchors.values()),
        certificates=frozenset().union(*(each.certificates for each in trusts)),
        checkpoint=newest.checkpoint,
        crls=tuple(dict.fromkeys(one for each in trusts for one in each.crls)),
        logs=tuple(dict.fromkeys(one for each in trusts for one in each.logs)),
        witnesses=tuple(dict.fromkeys(one for each in trusts for one in each.witnesses)),
        quorum=max((each.quorum for each in trusts), default=0),
        qr=tuple(dict.fromkeys(one for each in trusts for one in each.qr)),
        algorithms=newest.algorithms,
        void=frozenset().union(*(each.void for each in trusts)),
        superseded=frozenset().union(*(each.superseded for each in trusts)),
        environment=newest.environment,
        acknowledged=newest.acknowledged,
        successors=frozenset().union(*(each.successors for each in trusts)),
        issued=newest.issued,
        expires=newest.expires,
        vkey=newest.vkey,
    )


def _parse(value: Json) -> Trust:
    roster = value["certificates"]
    if not all(_SHA256.fullmatch(one) for one in roster["sha256"]):
        raise ValueError("sha256")
    return Trust(
        anchors=tuple(_anchor(one) for one in value["anchors"]),
        certificates=frozenset(roster["sha256"]),
        checkpoint=roster["checkpoint"],
        crls=tuple(_bytes(one) for one in value["crls"]),
        logs=tuple(Verifier.parse(one).vkey for one in value["logs"]),
        witnesses=tuple(Cosigner.parse(one).vkey for one in value["witnesses"]),
        quorum=_quorum(value),
        qr=tuple(str(one) for one in value["qr"]),
        algorithms=tuple(_algorithm(one) for one in value["algorithms"]),
        void=frozenset(str(one) for one in value["void"]),
        superseded=frozenset(str(one) for one in value["superseded"]),
        environment=str(value["environment"]),
        acknowledged=str(value.get("acknowledged", ""))[:ACKNOWLEDGED_MAX],
        successors=frozenset((str(old), str(new)) for old, new in value.get("successors", ())),
        issued=parse_utc(value["issued"]),
        expires=parse_utc(value["expires"]),
        vkey=Verifier.parse(value["trust"]).vkey,
    )


def _quorum(value: Json) -> int:
    """Return how many witnesses are asked for; a bundle without the key asks for none."""
    quorum = value.get("quorum", 0)
    if type(quorum) is not int or not 0 <= quorum <= len(set(value["witnesses"])):
        raise ValueError("quorum")
    return quorum


def _anchor(value: Any) -> Anchor:
    if value["voucher"] not in ("licensed", "closed", "demo") or value["use"] not in ("sign", "time", "any"):
        raise ValueError("anchor")
    der = _bytes(value["certificate"])
    with _refusing("E-VER-001", "信任包里有无法读取的证书。"):
        Certificate.load(der, strict=True).native  # noqa: B018 - parses lazily
    return Anchor(der, value["voucher"], value["use"])


def _algorithm(value: Any) -> AlgorithmEnd:
    until = value["until"]
    return AlgorithmEnd(str(value["name"]), None if until is None else parse_utc(until))


def _require_signature(value: Json) -> None:
    unsigned = {key: each for key, each in value.items() if key != "signature"}
    try:
        key = Ed25519PublicKey.from_public_bytes(Verifier.parse(value["trust"]).public_key)
        key.verify(_bytes(value["signature"]), canonical_json(unsigned))
    except (InvalidSignature, ValueError, TypeError) as exc:
        raise VerificationError("E-VER-003", "信任包的签名不成立，内容被改动过。") from exc


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("base64") from exc


@contextmanager
def _refusing(code: str, message: str) -> Iterator[None]:
    """Turn whatever a foreign parser throws into an InputError."""
    try:
        with hostile("CHAIN_INVALID"):
            yield
    except ProofError as exc:
        raise InputError(code, message) from exc
