"""What a signer agrees to: one statement for a list of letters, whose SHA-256 is a signed attribute of each.

Its canonical JSON (RFC 8785, https://www.rfc-editor.org/rfc/rfc8785) is kept; who holds it can show what the signer
saw and said (电子签名法 art. 13). Pure: that an approval is redeemed only once is for the database to see.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.clock import china_day, format_utc, parse_utc
from service.core import canonical_json, parse_canonical, sha256_hex
from service.errors import ConflictError, CorruptError, ForbiddenError, InputError
from service.keys.signer import Signer, sign_all
from service.signing import cms

CONSENT = (
    "我已阅读所列文书全文，同意其内容，自愿使用本人专有的数字证书签署；"
    "我知道该电子签名与手写签名或者盖章具有同等的法律效力。"
)
_KEYS = {"v", "id", "person", "letters", "shown", "consent", "time", "device", "method", "expires"}
_ITEM_KEYS = {"letter", "number", "action", "prepared", "head"}


@dataclass(frozen=True, slots=True)
class Item:
    """One letter of an approved list: the revision to be signed and the head it extends, by SHA-256."""

    letter: str
    number: str
    action: str
    prepared: str
    head: str


class Shown(Protocol):
    """What waits for a signature as it is stored: a revision of a letter, or a record that ends one."""

    @property
    def pdf(self) -> bytes:
        """The stored bytes."""

    def require_untouched(self) -> None:
        """Raise CorruptError where they are not what was prepared."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Approval statement v1: who agreed to what, after seeing what, when, on which device, until when."""

    id: str
    person: str
    letters: tuple[Item, ...]
    shown: str
    consent: str
    time: datetime
    device: str
    method: str
    expires: datetime

    def to_bytes(self) -> bytes:
        """Return the canonical JSON; a second (fraction) of time is not part of it."""
        return canonical_json(
            {
                "v": 1,
                "id": self.id,
                "person": self.person,
                "letters": [
                    {
                        "letter": item.letter,
                        "number": item.number,
                        "action": item.action,
                        "prepared": item.prepared,
                        "head": item.head,
                    }
                    for item in self.letters
                ],
                "shown": self.shown,
                "consent": self.consent,
                "time": format_utc(self.time),
                "device": self.device,
                "method": self.method,
                "expires": format_utc(self.expires),
            }
        )

    @property
    def sha256(self) -> bytes:
        """The digest that becomes the signed attribute."""
        return hashlib.sha256(self.to_bytes()).digest()


def parse_statement(data: bytes) -> Statement:
    """Parse the canonical JSON of a statement v1; raise InputError for anything else."""
    value = parse_canonical(data)
    if not isinstance(value, dict) or value.get("v") != 1 or set(value) != _KEYS:
        raise InputError("E-SIG-040", "不是第 1 版签署确认书。")
    texts = {key: value[key] for key in _KEYS - {"v", "letters", "time", "expires"}}
    items = value["letters"]
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and set(item) == _ITEM_KEYS for item in items
    ):
        raise InputError("E-SIG-040", "签署确认书中的文书清单不合规定。")
    if not all(isinstance(text, str) for part in (texts, *items) for text in part.values()):
        raise InputError("E-SIG-040", "签署确认书的内容须为文字。")
    return Statement(
        letters=tuple(Item(**item) for item in items),
        time=parse_utc(value["time"]),
        expires=parse_utc(value["expires"]),
        **texts,
    )


def shown_of(opened: Sequence[str], unopened: Sequence[str]) -> str:
    """Return what a statement says was shown: the list, and by number which letters were opened and which not."""
    told = [
        f"{word}：{'、'.join(numbers)}"
        for word, numbers in (("已打开全文", opened), ("未打开", unopened))
        if numbers
    ]
    return "文书清单、全文页面图像及待签版本摘要；" + "；".join(told)


def require_redeemable(statement: Statement, now: datetime) -> None:
    """Raise ConflictError once the approval or its Chinese day is over; InputError for an empty or double list."""
    letters = [item.letter for item in statement.letters]
    if not letters or len(set(letters)) != len(letters):
        raise InputError("E-SIG-041", "签署清单为空，或有文书重复出现；请重新选择。")
    if not statement.time <= now < statement.expires:
        raise ConflictError("E-SIG-042", "签署确认已过期，请重新确认后签署。")
    if china_day(now) != china_day(statement.time):
        raise ConflictError("E-SIG-043", "签署确认已过当日，文书上的日期须与签署日一致；请重新确认后签署。")


def require_shown(statement: Statement, prepared: Iterable[Shown]) -> None:
    """Raise CorruptError unless the stored revisions are, in order, the very ones the statement names.

    Reads one revision at a time. To be asked before the key is opened: what was shown is what is signed.
    """
    try:
        for item, revision in zip(statement.letters, prepared, strict=True):
            revision.require_untouched()
            if sha256_hex(revision.pdf) != item.prepared:
                raise CorruptError(
                    "E-SIG-044", f"文书 {item.number} 的待签版本与确认时所见不同；请重新准备签署。"
                )
    except ValueError as exc:
        raise CorruptError("E-SIG-044", "待签文书的份数与确认时不同；请重新准备签署。") from exc


def approve(
    signer: Signer,
    digests: Sequence[bytes],
    certificate: bytes,
    approval_sha256: bytes,
    *,
    chain: Sequence[bytes] = (),
    token_bytes: int = cms.TOKEN_BYTES,
    room: int = cms.ROOM,
) -> list[tuple[bytes, bytes]]:
    """Return (signed attributes, raw signature) for the ByteRange digest of each letter, in order.

    Raises before the key is used: ForbiddenError for a key that is not the certificate's, InputError where a
    container with this chain would not fit.
    """
    require_own_key(signer, certificate)
    blobs = [cms.signed_attributes(digest, certificate, approval_sha256) for digest in digests]
    for attributes in blobs[:1]:  # all are of one length
        cms.require_room(attributes, certificate, chain, token_bytes, room)
    return list(zip(blobs, sign_all(signer, blobs), strict=True))


def require_own_key(signer: Signer, certificate: bytes) -> None:
    """Raise ForbiddenError unless `signer` holds the key of the certificate."""
    if cms.public_key_of(certificate) != signer.public_key:
        raise ForbiddenError("E-SIG-045", "签名密钥与证书不是一对，未签署；请检查所用证书。")
