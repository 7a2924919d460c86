"""Our object identifiers, and the one algorithm table: what a verifier accepts, and what we certify and sign with.

End dates follow NIST SP 800-131A Rev. 2 (https://csrc.nist.gov/pubs/sp/800/131/a/r2/final); what is made anew ends
earlier, after SOG-IS Agreed Cryptographic Mechanisms 1.3. SM2 and SM3 (GM/T 0003, 0004), of 128 bits of strength, have
no end set. A trust bundle may shorten or extend the former.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

# Object identifiers under 2.25 (ITU-T X.667: a UUID as an arc needs no registration).
APPROVAL_OID = "2.25.255870993579602385166297285704811063152"
POLICY_PERSON = "2.25.221892652862068621327073179394223930150"
POLICY_SEAL = "2.25.49751419433656128074310770912689089753"
POLICY_TSA = "2.25.55254057218674590235505584312668411548"
OWN_POLICIES = frozenset({POLICY_PERSON, POLICY_SEAL, POLICY_TSA})

DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"  # RFC 9336
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"  # RFC 3161

# Key usages under which other people sign documents, besides RFC 9336.
SIGNING_USAGES = frozenset(
    {
        DOCUMENT_SIGNING,
        "2.5.29.37.0",  # anyExtendedKeyUsage
        "1.3.6.1.5.5.7.3.2",  # clientAuth
        "1.3.6.1.5.5.7.3.4",  # emailProtection
        "1.2.840.113583.1.1.5",  # Adobe Authentic Documents Trust
        "1.3.6.1.4.1.311.10.3.12",  # Microsoft document signing
    }
)

# Kinds of key, besides RSA, for which we make certificates.
OWN_KEYS = frozenset({"ecdsa-p256", "sm2"})
OWN_KEYS_TITLE = "P-256、SM2"

Ends = Mapping[str, datetime | None]


@dataclass(frozen=True, slots=True)
class AlgorithmEnd:
    """From `until` on an algorithm proves nothing new; None: no end is set yet.

    `made_until` ends what we make ourselves: no own certificate for such a key goes beyond it; None: as `until`.
    """

    name: str
    until: datetime | None
    made_until: datetime | None = None


def _end(year: int) -> datetime:
    return datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)


ALGORITHMS: tuple[AlgorithmEnd, ...] = (
    AlgorithmEnd("sha1", _end(2013)),
    AlgorithmEnd("sha224", _end(2025)),
    AlgorithmEnd("sha256", None),
    AlgorithmEnd("sha384", None),
    AlgorithmEnd("sha512", None),
    AlgorithmEnd("sha3_256", None),
    AlgorithmEnd("sha3_384", None),
    AlgorithmEnd("sha3_512", None),
    AlgorithmEnd("rsa-1024", _end(2010)),
    AlgorithmEnd("rsa-2048", _end(2030), made_until=_end(2025)),
    AlgorithmEnd("rsa-3072", None),
    AlgorithmEnd("ecdsa-p256", None),
    AlgorithmEnd("ecdsa-p384", None),
    AlgorithmEnd("ecdsa-p521", None),
    AlgorithmEnd("ed25519", None),
    AlgorithmEnd("sm3", None),
    AlgorithmEnd("sm2", None),
)


def algorithm_ends(overrides: tuple[AlgorithmEnd, ...] = ()) -> Ends:
    """Return the table by name; what `overrides` (a trust bundle) says wins."""
    return {row.name: row.until for row in (*ALGORITHMS, *overrides)}


def is_acceptable(name: str, at: datetime, ends: Ends) -> bool:
    """Say whether `name` is in the table and had not ended at `at`."""
    if name not in ends:
        return False
    until = ends[name]
    return until is None or at <= until


def made_until(name: str) -> datetime | None:
    """Return until when we certify and use keys of this row; None: no end. Names not in the table ended long ago."""
    row = next((one for one in ALGORITHMS if one.name == name), None)
    return _end(1999) if row is None else row.made_until or row.until


def named(algorithms: Iterable[str]) -> str:
    """Return rows of the table as reports name them, signature before digest: ecdsa-p256+sha256."""
    digests = ("sha", "sm3")
    return "+".join(sorted(algorithms, key=lambda name: (name.startswith(digests), name)))


def title(names: str | None) -> str:
    """Return for people what `named` gives: ECDSA-P256、SHA-256; nothing for nothing."""
    return "、".join(re.sub(r"^SHA(?!-)", "SHA-", one.upper()) for one in names.split("+")) if names else ""


def rsa_name(bits: int) -> str:
    """Return the row of the table for an RSA modulus of `bits`."""
    rows = ((3072, "rsa-3072"), (2048, "rsa-2048"), (1024, "rsa-1024"))
    return next((name for least, name in rows if bits >= least), "rsa-weak")
