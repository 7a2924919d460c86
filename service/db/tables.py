"""The whole schema in one sitting. Registry rows are dated and never overwritten; letters walk by steps."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import NAMING as NAMING
from service.db.base import Base as Base
from service.db.base import Dated as Dated
from service.db.base import Instant as Instant
from service.db.logged import KnownWitness as KnownWitness
from service.db.logged import LogEntry as LogEntry
from service.db.logged import LogHead as LogHead
from service.db.logged import WitnessedLog as WitnessedLog
from service.db.registered import Assignment as Assignment
from service.db.registered import Cadre as Cadre
from service.db.registered import Entity as Entity
from service.db.registered import Salt as Salt
from service.db.registered import Unit as Unit


class ListVersion(Base):
    """A version of a 清单: canonical rows and their hash."""

    __tablename__ = "list_version"
    __table_args__ = (UniqueConstraint("unit", "tier", "version"), Index(None, "sha256"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(12))
    tier: Mapped[str] = mapped_column(String(1))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12))  # draft, approved, in_force, superseded
    approved_by: Mapped[str | None] = mapped_column(String(60))
    approved_on: Mapped[date | None]
    leaf: Mapped[str | None] = mapped_column(String(64))  # leaf hash of the newest entry
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))


class Rendition(Base):
    """A rendered file of a list or record, kept in the store; a draft and the approved text stand side by side."""

    __tablename__ = "rendition"
    __table_args__ = (UniqueConstraint("target", "stage", "format"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    target: Mapped[str] = mapped_column(String(32))
    stage: Mapped[str] = mapped_column(String(8))  # draft (待审定), approved
    format: Mapped[str] = mapped_column(String(8))  # pdf, docx
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Printed(Base):
    """A QR code that went out on pages whose life is not a letter's: lists, notices.

    `content` is what the code names the content by (16 bytes of its SHA-256, hex), and the id of its file's entry in
    the log. A list's codes die by the state of its version; whoever ends another paper says so in `state`.
    """

    __tablename__ = "printed"
    __table_args__ = (
        Index(None, "target"),
        Index(None, "number"),
        CheckConstraint("state IN ('','void','superseded')", name="state"),
    )

    content: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(
        String(32)
    )  # id of the list version or paper, the same when issued anew
    number: Mapped[str] = mapped_column(String(200))
    unit: Mapped[str] = mapped_column(
        String(12)
    )  # whose office issued it; empty: nobody finds it by its number
    words: Mapped[str] = mapped_column(String(32))  # digest of the fields: the same words on another day
    file: Mapped[str | None] = mapped_column(String(64))  # digest of the PDF in the store, where it is kept
    stage: Mapped[str] = mapped_column(String(8))  # draft (待审定), approved
    state: Mapped[str] = mapped_column(String(10), default="")
    at: Mapped[datetime]


class Letter(Base):
    """A letter to be signed (承诺书). `state` is draft, then the event of its last log entry."""

    __tablename__ = "letter"
    __table_args__ = (UniqueConstraint("number"), Index(None, "state"), Index(None, "cadre"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(40))
    unit: Mapped[str] = mapped_column(String(12))
    cadre: Mapped[str] = mapped_column(String(32))
    leader: Mapped[str | None] = mapped_column(String(32))  # counterpart foreseen at issue
    day: Mapped[date]
    content: Mapped[str] = mapped_column(Text)  # canonical content.json
    state: Mapped[str] = mapped_column(String(16))
    draft: Mapped[str | None] = mapped_column(String(64))  # digest of the rendered PDF in work
    head: Mapped[str | None] = mapped_column(String(64))  # digest of the newest revision in store
    leaf: Mapped[str | None] = mapped_column(String(64))  # leaf hash of the newest entry
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))


class Approval(Base):
    """One act of will: who approved which digests, having been shown what, when and how."""

    __tablename__ = "approval"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    person: Mapped[str] = mapped_column(String(32))
    statement: Mapped[str] = mapped_column(Text)  # canonical JSON; its SHA-256 is a signed attribute
    sha256: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    redeemed_at: Mapped[datetime | None]


class Step(Base):
    """One step of a letter: prepared → approved → stamped → logged (or void before logged)."""

    __tablename__ = "step"
    __table_args__ = (
        UniqueConstraint("letter", "base", "attempt"),
        Index(None, "state"),
        CheckConstraint("state IN ('prepared','approved','stamped','logged','dropped')", name="state"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"))
    action: Mapped[str] = mapped_column(
        String(12)
    )  # issue, sign, countersign, complete, extend, renew, void, supersede
    base: Mapped[str] = mapped_column(String(64))  # digest of the bytes the new revision starts with
    attempt: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    signer: Mapped[str | None] = mapped_column(String(32))  # person or seal id
    certificate: Mapped[str | None] = mapped_column(String(64))
    prepared: Mapped[str | None] = mapped_column(String(64))  # digest of the prepared bytes in work
    byte_range_digest: Mapped[bytes | None]
    hole_start: Mapped[int | None] = mapped_column(BigInteger)
    hole_end: Mapped[int | None] = mapped_column(BigInteger)
    field: Mapped[str | None] = mapped_column(String(20))
    attributes: Mapped[bytes | None]  # DER of the signed attributes
    signature: Mapped[bytes | None]
    approval: Mapped[str | None] = mapped_column(ForeignKey("approval.id"))
    stamped: Mapped[str | None] = mapped_column(String(64))  # digest of the finished revision
    rests_on: Mapped[str | None] = mapped_column(
        String(200), index=True
    )  # canonical JSON: until when, and by which algorithms, its document timestamp protects
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Key(Base):
    """The key of a person or seal: PIN-wrapped in `wrapped`, or there a reference to its token or signing service."""

    __tablename__ = "key"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32), index=True)  # cadre id or seal id
    wrapped: Mapped[str] = mapped_column(Text)  # only keys/ opens it; empty once retired: it is gone for good
    request: Mapped[bytes | None]  # PKCS #10 sent to a licensed authority, while its certificate is awaited
    drawing: Mapped[bytes | None]  # the holder's drawn signature, sealed under this key; gone with it
    failures: Mapped[int]
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Certificate(Base):
    """Every certificate this deployment issued or uses as an anchor."""

    __tablename__ = "certificate"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    der: Mapped[bytes]
    serial: Mapped[str] = mapped_column(String(40))
    owner: Mapped[str | None] = mapped_column(String(32), index=True)
    key: Mapped[str | None] = mapped_column(ForeignKey("key.id"))
    use: Mapped[str] = mapped_column(String(12))  # ca, tsa_ca, tsa, seal, person, ocsp
    issuer: Mapped[str | None] = mapped_column(
        String(64)
    )  # our CA's certificate; null: self-signed or foreign
    chain: Mapped[str | None] = mapped_column(
        Text
    )  # PEM of a foreign one's issuers, the anchor not among them
    status: Mapped[str] = mapped_column(String(10))  # valid, suspended, revoked
    not_after: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    invalid_since: Mapped[datetime | None]  # when the reason arose, where that was earlier
    revocation_reason: Mapped[str | None] = mapped_column(String(40))


class Seal(Base):
    """A unit's seal (印章) as a record: owner, 备案号, validity."""

    __tablename__ = "seal"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(12), index=True)
    name: Mapped[str] = mapped_column(String(60))
    filing: Mapped[str | None] = mapped_column(String(40))  # 备案号
    keeper: Mapped[str | None] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(10))  # 在用, 停用, 注销
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Crl(Base):
    """Every CRL issued, numbered per issuer."""

    __tablename__ = "crl"
    __table_args__ = (UniqueConstraint("issuer", "number"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    issuer: Mapped[str] = mapped_column(String(64))  # certificate SHA-256 of the CA
    number: Mapped[int]
    der: Mapped[bytes]
    basis: Mapped[str] = mapped_column(
        String(64)
    )  # digest of the revocations it lists: other ones, a new list
    this_update: Mapped[datetime]
    next_update: Mapped[datetime]


class Job(Base):
    """Work that is due: written with the rows that need it, done by a worker, swept until done."""

    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("task", "target"), Index(None, "state"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    task: Mapped[str] = mapped_column(String(20))  # render, prepare, stamp, archive, complete, list
    target: Mapped[str] = mapped_column(String(64))  # row id
    state: Mapped[str] = mapped_column(String(10))  # pending, done, failed
    attempts: Mapped[int]
    fault: Mapped[str | None] = mapped_column(Text)
    not_before: Mapped[datetime | None]  # waits (for a timestamp authority) until then
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Setting(Base):
    """What `init` chose and recorded (environment, log origin, key fingerprints)."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
