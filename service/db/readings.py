"""Who opened which bytes: one row the first time somebody is shown a revision of a letter."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class Opening(Base):
    """A signer was shown the pages of a revision (`digest`) of a letter."""

    __tablename__ = "opening"
    __table_args__ = (Index(None, "person"),)

    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"), primary_key=True)
    person: Mapped[str] = mapped_column(String(32), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    opened_at: Mapped[datetime]
