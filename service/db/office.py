"""What the office has under way: uploaded workbooks, campaigns with their days, files made to be fetched.

Bytes of uploads and of files to be fetched lie in the work store only for a while; the rows stay, and name nobody.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class Upload(Base):
    """An uploaded workbook: read by a worker against the registry, then applied or dropped, its bytes erased."""

    __tablename__ = "upload"
    __table_args__ = (
        Index(None, "unit"),
        CheckConstraint("state IN ('received','read','broken','applying','applied','dropped')", name="state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(12))  # only it and what lies below may be changed; *: everything
    name: Mapped[str] = mapped_column(String(120))  # as the person called it; never a path of ours
    suffix: Mapped[str] = mapped_column(String(8))  # .xlsx or .csv, by content
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    uploaded_by: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    held: Mapped[bool]  # its bytes are still in the work store
    found: Mapped[str | None] = mapped_column(
        String(64)
    )  # digest of what reading found (JSON), in the work store
    marked: Mapped[str | None] = mapped_column(String(64))  # digest of the workbook with its faults marked
    plan: Mapped[str | None] = mapped_column(
        String(64)
    )  # the plan's own digest: what is applied is what was shown
    only_good: Mapped[bool]
    applied_by: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[str | None] = mapped_column(Text)  # canonical JSON: counts
    fault: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Campaign(Base):
    """承诺签订: letters of one kind and year for some units; by when they are to be signed is in `flow.Deadline`."""

    __tablename__ = "campaign"
    __table_args__ = (Index(None, "unit", "year"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(12))  # whose office runs it
    kind: Mapped[str] = mapped_column(String(40))
    year: Mapped[int]
    heads: Mapped[str] = mapped_column(
        Text
    )  # canonical JSON: the units as they were chosen, some with all below
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))


class CampaignUnit(Base):
    """A unit of a campaign: what was foreseen for it, and whether its letters are asked for."""

    __tablename__ = "campaign_unit"
    __table_args__ = (
        UniqueConstraint("campaign", "unit"),
        UniqueConstraint("unit", "kind", "year"),  # a letter has one campaign
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    campaign: Mapped[str] = mapped_column(ForeignKey("campaign.id"))
    unit: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(String(40))
    year: Mapped[int]
    due: Mapped[int]  # cadres who would get a letter when it was last looked
    without: Mapped[str] = mapped_column(Text)  # canonical JSON: reason → ids of the cadres it keeps from one
    hurdle: Mapped[str | None] = mapped_column(Text)  # what stands in the way of all of them
    looked_at: Mapped[datetime | None]
    asked_by: Mapped[str | None] = mapped_column(String(64))  # who had the letters drawn up
    asked_at: Mapped[datetime | None]


class Parcel(Base):
    """Files made in the background to be fetched by the office: evidence packages, one a unit."""

    __tablename__ = "parcel"
    __table_args__ = (
        Index(None, "unit"),
        CheckConstraint("state IN ('making','ready','failed','gone')", name="state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(12))
    units: Mapped[str] = mapped_column(Text)  # canonical JSON: the codes it is about
    fonds: Mapped[str | None] = mapped_column(String(40))  # 全宗号, where it is given with the order
    state: Mapped[str] = mapped_column(String(8))
    files: Mapped[str] = mapped_column(Text)  # canonical JSON: [{unit, name, letters, size, sha256}]
    fault: Mapped[str | None] = mapped_column(Text)
    ordered_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
