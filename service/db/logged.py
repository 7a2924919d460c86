"""The log as tables: its entries and head, and who witnesses whom."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base


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
