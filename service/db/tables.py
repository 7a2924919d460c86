"""The whole schema in one sitting. Registry rows are dated and never overwritten; letters walk by steps."""

from datetime import UTC, date, datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """A UTC instant; naive values are refused, SQLite's naive results get their zone back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse instants without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {datetime: Instant, bytes: LargeBinary}


class Dated:
    """A row that was true from `valid_from` until before `valid_to`, with who recorded it and why."""

    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))


class Unit(Dated, Base):
    """机构: 市, 区县, 街镇, 村社区. `code` is the 行政区划 code (6, 9 or 12 digits)."""

    __tablename__ = "unit"
    __table_args__ = (Index(None, "code", "valid_from"), Index(None, "parent"))

    code: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(60))
    level: Mapped[str] = mapped_column(String(8))  # city, district, town, village
    parent: Mapped[str | None] = mapped_column(String(12))
    committee: Mapped[str | None] = mapped_column(String(60))  # 食(药)安委 full name; villages: 两委
    committee_short: Mapped[str | None] = mapped_column(String(30))
    office: Mapped[str | None] = mapped_column(String(60))  # 食(药)安办 full name
    office_short: Mapped[str | None] = mapped_column(String(30))
    leader: Mapped[str | None] = mapped_column(String(32))  # cadre id of the 主要负责人
    stand_in: Mapped[str | None] = mapped_column(String(32))  # counterpart of the leader's own letter
    predecessor: Mapped[str | None] = mapped_column(String(12))  # 撤并: the unit this one was before …
    successor: Mapped[str | None] = mapped_column(String(12))  # … or became; old letters keep old names


class Cadre(Dated, Base):
    """包保干部 or leader. `cadre` is a random 128-bit id; name and mobile are personal data."""

    __tablename__ = "cadre"
    __table_args__ = (Index(None, "cadre", "valid_from"), Index(None, "unit"))

    cadre: Mapped[str] = mapped_column(String(32))
    unit: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(40))
    post: Mapped[str] = mapped_column(String(60))
    level: Mapped[str] = mapped_column(String(8))  # district, town, village
    kind: Mapped[str] = mapped_column(String(20))  # 班子成员, 两委成员, 社区工作者, 网格员, …
    mobile: Mapped[str | None] = mapped_column(String(20))
    sector: Mapped[str | None] = mapped_column(String(60))  # 分管领域
    areas: Mapped[str | None] = mapped_column(String(400))  # 片区: codes of units below, 、 between
    grids: Mapped[str | None] = mapped_column(String(200))  # 网格, 、 between
    since: Mapped[date | None]  # in this post since
    status: Mapped[str] = mapped_column(String(10))  # 在任, 调整中, 离任


class Salt(Base):
    """The salt of a person's log pseudonym; deleting the row erases the person from the log."""

    __tablename__ = "salt"

    person: Mapped[str] = mapped_column(String(32), primary_key=True)
    salt: Mapped[bytes]


class Entity(Dated, Base):
    """包保主体: one food business at one site."""

    __tablename__ = "entity"
    __table_args__ = (
        Index(None, "entity", "valid_from"),
        Index(None, "unit"),
        Index(None, "uscc"),
    )

    entity: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(120))
    uscc: Mapped[str | None] = mapped_column(String(18))
    licence: Mapped[str | None] = mapped_column(String(30))
    licence_until: Mapped[date | None]
    kind: Mapped[str] = mapped_column(String(20))  # 主体类型
    sector: Mapped[str] = mapped_column(String(20))  # 生产, 销售, 餐饮, …
    format: Mapped[str | None] = mapped_column(String(30))  # 业态
    address: Mapped[str] = mapped_column(String(200))
    unit: Mapped[str] = mapped_column(String(12))  # village or community
    person: Mapped[str | None] = mapped_column(String(40))  # 主体负责人
    mobile: Mapped[str | None] = mapped_column(String(20))
    director: Mapped[str | None] = mapped_column(String(40))  # 食品安全总监
    officer: Mapped[str | None] = mapped_column(String(80))  # 食品安全员
    grid: Mapped[str | None] = mapped_column(String(40))  # 网格 of its village
    station: Mapped[str | None] = mapped_column(String(40))  # 监管所
    employees: Mapped[int | None]
    revenue: Mapped[int | None]  # 万元 a year
    diners: Mapped[int | None]  # persons per meal
    risk: Mapped[str | None] = mapped_column(String(2))  # 风险 A-D
    high_risk: Mapped[bool]
    status: Mapped[str] = mapped_column(String(10))  # 在营, 停业, 注销
    tier: Mapped[str] = mapped_column(String(1))  # 包保 A-D
    tier_rule: Mapped[str] = mapped_column(String(40))
    tier_reason: Mapped[str] = mapped_column(String(200))


class Assignment(Dated, Base):
    """包保关系: one cadre answers for one entity."""

    __tablename__ = "assignment"
    __table_args__ = (Index(None, "cadre"), Index(None, "entity"))

    cadre: Mapped[str] = mapped_column(String(32))
    entity: Mapped[str] = mapped_column(String(32))
    duty: Mapped[str] = mapped_column(String(10))  # 主包, 协同, 组团
    level: Mapped[str] = mapped_column(String(8))


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

    `content` is what the code names the content by (16 bytes of its SHA-256, hex). A list's codes die by the state of
    its version; whoever ends another paper says so in `state`.
    """

    __tablename__ = "printed"
    __table_args__ = (
        Index(None, "target"),
        CheckConstraint("state IN ('','void','superseded')", name="state"),
    )

    content: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(32))  # id of the list version or paper
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


class LogEntry(Base):
    """One leaf of a transparency log; after a restore that could not go on, a new log (origin) begins at 0."""

    __tablename__ = "log_entry"

    origin: Mapped[str] = mapped_column(String(200), primary_key=True)
    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    leaf: Mapped[bytes] = mapped_column(LargeBinary(32))
    id: Mapped[str] = mapped_column(String(32), index=True)
    entry: Mapped[bytes]


class LogHead(Base):
    """The newest checkpoint; one row per log, replaced by compare-and-swap on `size`."""

    __tablename__ = "log_head"

    origin: Mapped[str] = mapped_column(String(200), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    edge: Mapped[bytes]  # right-edge subtree hashes, 32 bytes each, largest first
    checkpoint: Mapped[str] = mapped_column(Text)
    former: Mapped[str | None] = mapped_column(Text)  # checkpoint before this one: publication replays both
    held: Mapped[str | None] = mapped_column(
        Text
    )  # why nothing may be appended (restored, or ended); null: it may
    time: Mapped[datetime]


class WitnessedLog(Base):
    """A log that this deployment is a witness of: its key, and the newest checkpoint cosigned."""

    __tablename__ = "witnessed_log"

    origin: Mapped[str] = mapped_column(String(200), primary_key=True)
    vkey: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    root: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    checkpoint: Mapped[str | None] = mapped_column(Text)  # as received, the log's signature with it
    time: Mapped[datetime]  # when this row was last changed


class KnownWitness(Base):
    """A witness that this deployment's log asks for cosignatures."""

    __tablename__ = "known_witness"

    vkey: Mapped[str] = mapped_column(String(1024), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(
        BigInteger, default=0
    )  # the newest size it has cosigned, as far as known
    fault: Mapped[str | None] = mapped_column(Text)  # why the last attempt failed
    time: Mapped[datetime]  # of the last attempt


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
