"""The wordings that an office adopted (核定), as a table: one row each time, never changed."""

from datetime import date, datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class AdoptedText(Base):
    """An office adopted the text of a kind, which the digest names exactly: a later change is not adopted by it."""

    __tablename__ = "adopted_text"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(63), index=True)
    digest: Mapped[str] = mapped_column(String(64))  # of the kind's files
    by: Mapped[str] = mapped_column(String(60))  # 核定机关
    on: Mapped[date]
    basis: Mapped[str] = mapped_column(String(200))  # document or meeting
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))
