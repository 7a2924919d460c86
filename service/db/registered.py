"""The registry as dated rows, never overwritten: 机构, 包保干部, 包保主体, 包保关系, and the salts of persons."""

from datetime import date

from sqlalchemy import (
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.db.base import Base, Dated


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
