"""What an archivist keeps of filed documents, as tables: 档号 and its parts, and disposal (销毁) with approval."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class Holding(Base):
    """One filed document (件): archival metadata by DA/T 46 and the parts of its 档号 (DA/T 13)."""

    __tablename__ = "holding"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("fonds", "category", "year", "retention", "division", "item"),
    )

    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(80))  # 档号
    fonds: Mapped[str] = mapped_column(String(12))  # 全宗号
    category: Mapped[str] = mapped_column(String(12))  # 门类, e.g. WS
    year: Mapped[int]  # 年度
    retention: Mapped[str] = mapped_column(String(4))  # 保管期限: Y, D30, D10
    division: Mapped[str] = mapped_column(String(20))  # 机构（问题）
    item: Mapped[int] = mapped_column(Integer)  # 件号
    filed_at: Mapped[datetime]
    filed_by: Mapped[str] = mapped_column(String(64))


class Disposal(Base):
    """销毁: proposed by one person, approved by another; what was destroyed stays named in the log."""

    __tablename__ = "disposal"
    __table_args__ = (
        CheckConstraint("state IN ('proposed','approved','done','refused')", name="state"),
        UniqueConstraint("letter"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"))
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    objects: Mapped[str | None] = mapped_column(Text)  # digests, one a line, once approved
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_at: Mapped[datetime | None]
