"""What was done to keys and certificates, by whom and on what ground; rows are only added."""

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class CertificateAct(Base):
    """One act: 发证, 申请, 受理, 续期, 换PIN, 重置, 暂停, 恢复, 吊销."""

    __tablename__ = "certificate_act"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    owner: Mapped[str] = mapped_column(String(32), index=True)  # cadre id or seal id
    certificate: Mapped[str | None] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))
    identity: Mapped[str | None] = mapped_column(String(10))  # 已当面核对, 已电话核对
    why: Mapped[str] = mapped_column(String(200))
