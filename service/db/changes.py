"""What changes who answers for whom, as tables: 提级, 委托授权, 组团, 变动, 清单调整单, 删除个人信息."""

from datetime import date, datetime, timedelta

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Dated


class Raise(Dated, Base):
    """提级包保: an entity, or a sector in a unit, is carried at a higher tier than the rules say.

    A row without `approved_by` is an application and has no effect. `valid_from` is the first day it has.
    """

    __tablename__ = "tier_raise"
    __table_args__ = (Index(None, "id"), Index(None, "entity"))

    id: Mapped[str] = mapped_column(String(32))
    entity: Mapped[str | None] = mapped_column(String(32))  # one entity, or …
    sector: Mapped[str | None] = mapped_column(String(20))  # … a sector or format (业态) …
    unit: Mapped[str | None] = mapped_column(String(12))  # … in this unit and below
    from_tier: Mapped[str] = mapped_column(String(1))
    to_tier: Mapped[str] = mapped_column(String(1))
    applied_by: Mapped[str] = mapped_column(String(64))
    applicant: Mapped[str] = mapped_column(String(60))  # 申请单位: a street or 行业主管部门, by its name
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_on: Mapped[date | None]
    document: Mapped[str | None] = mapped_column(String(100))  # 批准文号
    refused_by: Mapped[str | None] = mapped_column(String(64))
    refused_why: Mapped[str | None] = mapped_column(String(200))


class Delegation(Dated, Base):
    """委托授权: a district committee lets the head of one of its member bodies carry entities, between two days."""

    __tablename__ = "delegation"
    __table_args__ = (Index(None, "cadre"),)

    id: Mapped[str] = mapped_column(String(32))
    cadre: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(String(60))  # 成员单位, e.g. 区教育局
    unit: Mapped[str] = mapped_column(String(12))  # the district whose committee delegates
    level: Mapped[str] = mapped_column(String(8))  # district
    sector: Mapped[str | None] = mapped_column(String(60))  # limited to these (、 between), or to nothing
    granted_by: Mapped[str] = mapped_column(String(60))  # the committee's full name
    document: Mapped[str] = mapped_column(String(100))

    @property
    def last_day(self) -> date | None:
        """The last day on which it holds, as people and papers say it; `valid_to` is the day after."""
        return self.valid_to - timedelta(days=1) if self.valid_to else None


class Pin(Dated, Base):
    """This cadre answers for this entity, whatever balance says."""

    __tablename__ = "pin"
    __table_args__ = (Index(None, "entity"),)

    cadre: Mapped[str] = mapped_column(String(32))
    entity: Mapped[str] = mapped_column(String(32))


class Team(Dated, Base):
    """组团: its members answer together for the entities of a unit (and sector): one 主包, the others beside."""

    __tablename__ = "team"
    __table_args__ = (Index(None, "team"),)

    team: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(60))
    unit: Mapped[str] = mapped_column(String(12))  # entities in this unit and below …
    tier: Mapped[str] = mapped_column(String(1))  # … of this tier …
    sector: Mapped[str | None] = mapped_column(String(20))  # … and, where given, of this sector or format


class TeamMember(Dated, Base):
    """One member of a team: 组团 may be the 主包, 协同 only stands beside."""

    __tablename__ = "team_member"
    __table_args__ = (Index(None, "team"), Index(None, "cadre"))

    team: Mapped[str] = mapped_column(String(32))
    cadre: Mapped[str] = mapped_column(String(32))
    duty: Mapped[str] = mapped_column(String(10))  # 组团, 协同


class EntityPause(Dated, Base):
    """停业 or 季节性停业 from `valid_from` until before `valid_to` (open while it is null)."""

    __tablename__ = "entity_pause"
    __table_args__ = (Index(None, "entity"),)

    entity: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(10))  # 停业, 季节性


class Adjustment(Base):
    """清单调整单: changes and the bonds proposed for them, approved in one act by somebody who did not draft it."""

    __tablename__ = "adjustment"
    __table_args__ = (
        UniqueConstraint("number"),
        Index(None, "unit", "state"),
        CheckConstraint("state IN ('draft','approved','dropped')", name="state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(12))
    number: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(10))  # 调整, 交接, 换届, 撤并
    state: Mapped[str] = mapped_column(String(10))
    drafted_by: Mapped[str] = mapped_column(String(64))
    drafted_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_on: Mapped[date | None]
    document: Mapped[str | None] = mapped_column(String(100))  # 会议或批准文号
    details: Mapped[str | None] = mapped_column(Text)  # canonical JSON: the roster of a 换届


class Move(Base):
    """One line of an adjustment: from whom an entity goes to whom (nobody where it closes or is the city's)."""

    __tablename__ = "move"
    __table_args__ = (UniqueConstraint("adjustment", "entity", "duty", "new", "old"), Index(None, "entity"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    adjustment: Mapped[str] = mapped_column(ForeignKey("adjustment.id"))
    entity: Mapped[str] = mapped_column(String(32))
    duty: Mapped[str] = mapped_column(String(10))
    old: Mapped[str | None] = mapped_column(String(32))
    new: Mapped[str | None] = mapped_column(String(32))
    level: Mapped[str | None] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(200))


class Change(Base):
    """Something happened to a cadre (20 working days) or an entity (30): the clock until the list follows it."""

    __tablename__ = "change"
    __table_args__ = (
        UniqueConstraint("subject", "what", "happened_on", "turn"),
        Index(None, "unit", "done_on"),
        Index(None, "adjustment"),
        CheckConstraint("kind IN ('personnel','entity')", name="kind"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(32))  # cadre or entity id
    unit: Mapped[str] = mapped_column(String(12))  # the subject's unit
    what: Mapped[str] = mapped_column(String(20))  # 离任 新任 调任 | 新增 关闭 迁址 规模变化 提级 停业 复业
    turn: Mapped[int] = mapped_column(
        default=1
    )  # 2 for what came after an adjustment had been drafted that day
    happened_on: Mapped[date]
    due_on: Mapped[date]
    provisional: Mapped[bool]  # due_on rests on a calendar year without data
    done_on: Mapped[date | None]
    adjustment: Mapped[str | None] = mapped_column(ForeignKey("adjustment.id"))
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))


class Erasure(Base):
    """删除个人信息: asked for by one, decided by another; what was removed is named, never repeated."""

    __tablename__ = "erasure"
    __table_args__ = (Index(None, "person"),)  # who was refused may ask again

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    person: Mapped[str] = mapped_column(String(32))
    requested_by: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime]
    basis: Mapped[str] = mapped_column(String(200))  # why: 个人信息保护法第四十七条 …
    approved_by: Mapped[str | None] = mapped_column(String(64))
    approved_at: Mapped[datetime | None]
    removed: Mapped[str | None] = mapped_column(
        Text
    )  # canonical JSON: table → rows a name or number stood in
    refused_by: Mapped[str | None] = mapped_column(String(64))
    refused_at: Mapped[datetime | None]
    refused_why: Mapped[str | None] = mapped_column(String(200))
