"""What waits at the door: rows of a workbook that are 待补正, and reports received from below."""

from datetime import date, datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
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
    received_at: Mapped[datetime]
    received_by: Mapped[str] = mapped_column(String(64))
