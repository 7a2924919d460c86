"""What comes to the door: rows of a workbook that are 待补正, reports from below and the keys they are known by."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class PendingRow(Base):
    """待补正: a row that was left out of an import, until a later import brings it in sound."""

    __tablename__ = "pending_row"
    __table_args__ = (UniqueConstraint("file", "sheet", "row"), Index(None, "resolved_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    file: Mapped[str] = mapped_column(String(64))  # SHA-256 of what was imported
    source: Mapped[str] = mapped_column(String(120))  # its name
    sheet: Mapped[str] = mapped_column(String(40))
    row: Mapped[int]
    name: Mapped[str] = mapped_column(String(200))
    cells: Mapped[str] = mapped_column(Text)  # JSON: field → as written
    faults: Mapped[str] = mapped_column(Text)  # JSON: sentences
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    resolved_at: Mapped[datetime | None]


class ReceivedReport(Base):
    """逐级上报: a report from the level below, as received; the file itself is in the store."""

    __tablename__ = "received_report"
    __table_args__ = (UniqueConstraint("sha256"), Index(None, "unit", "day"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    unit: Mapped[str] = mapped_column(String(12))
    day: Mapped[date]
    made_at: Mapped[datetime]
    manifest: Mapped[str] = mapped_column(Text)
    new: Mapped[int]
    changed: Mapped[int]
    missing: Mapped[int]
    applied: Mapped[bool]
    signed_by: Mapped[str | None] = mapped_column(String(200))  # vkey that held; None: taken in unverified
    received_at: Mapped[datetime]
    received_by: Mapped[str] = mapped_column(String(64))


class ReportKey(Base):
    """The key by which reports of a unit are known to be its own, as recorded here; the newest holds."""

    __tablename__ = "report_key"
    __table_args__ = (Index(None, "unit", "recorded_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(12))
    vkey: Mapped[str] = mapped_column(String(300))  # https://c2sp.org/signed-note verifier key
    basis: Mapped[str] = mapped_column(String(200))  # how it was made sure of, e.g. 电话核对
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class ReceivedList(Base):
    """A list version as the newest report from below tells of it."""

    __tablename__ = "received_list"
    __table_args__ = (UniqueConstraint("unit", "tier", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    unit: Mapped[str] = mapped_column(String(12))
    tier: Mapped[str] = mapped_column(String(1))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    report: Mapped[str] = mapped_column(ForeignKey("received_report.id"))


class ReceivedFigure(Base):
    """Progress of a unit (N of M) as one report from below gives it."""

    __tablename__ = "received_figure"
    __table_args__ = (UniqueConstraint("report", "unit", "measure"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    report: Mapped[str] = mapped_column(ForeignKey("received_report.id"))
    unit: Mapped[str] = mapped_column(String(12))
    measure: Mapped[str] = mapped_column(String(20))
    done: Mapped[int]
    total: Mapped[int]
