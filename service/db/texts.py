"""The wordings that an office adopted (核定) and withdrew (撤销), as a table: one row each time, never changed."""

from datetime import date, datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class AdoptedText(Base):
    """An office adopted or withdrew the text of a kind, which the digest names exactly.

    What is changed later was not adopted; a withdrawal ends all adoptions before it.
    """

    __tablename__ = "adopted_text"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(63), index=True)
    act: Mapped[str] = mapped_column(String(4))  # 核定, 撤销
    digest: Mapped[str] = mapped_column(String(64))  # of the kind's files
    by: Mapped[str] = mapped_column(String(60))  # the office
    on: Mapped[date]
    basis: Mapped[str] = mapped_column(String(200))  # document, meeting or reason
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))
