"""What offices and cadres do with the registry: lists reviewed, entities visited, units supervised, reports filed."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class ListReview(Base):
    """How a list version came to be in force. Its state is `list_version.state`:

    draft → submitted → approved → in_force → adjusted or superseded; a returned one is draft again.
    """

    __tablename__ = "list_review"

    version: Mapped[str] = mapped_column(ForeignKey("list_version.id"), primary_key=True)
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[str | None] = mapped_column(String(64))
    approving_unit: Mapped[str | None] = mapped_column(String(12))  # villages: their street
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(String(64))  # the person who recorded the decision
    meeting_on: Mapped[date | None]
    minutes: Mapped[str | None] = mapped_column(String(200))  # 会议纪要 name or number
    in_force_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    successor: Mapped[str | None] = mapped_column(String(32))  # the version that took its place


class Cosign(Base):
    """会签: one named department asked about one list version."""

    __tablename__ = "cosign"
    __table_args__ = (UniqueConstraint("version", "department"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    version: Mapped[str] = mapped_column(ForeignKey("list_version.id"))
    department: Mapped[str] = mapped_column(String(60))
    asked_at: Mapped[datetime]
    opinion: Mapped[str | None] = mapped_column(String(10))  # 同意, 不同意
    note: Mapped[str | None] = mapped_column(String(500))
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(64))


class Submission(Base):
    """报送: what one unit owes the unit above by a day and hour."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("unit", "year", "subject"),
        CheckConstraint("state IN ('未报','已报','退回')", name="state"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    unit: Mapped[str] = mapped_column(String(12))
    to_unit: Mapped[str] = mapped_column(String(12), index=True)
    year: Mapped[int]
    subject: Mapped[str] = mapped_column(String(40))  # 责任清单, 数据收集表, …
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(4))  # 未报, 已报, 退回
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[str | None] = mapped_column(String(64))
    late: Mapped[bool]
    sha256: Mapped[str | None] = mapped_column(String(64))  # digest over the versions handed in
    versions: Mapped[str | None] = mapped_column(Text)  # canonical JSON: their ids
    returned_why: Mapped[str | None] = mapped_column(String(500))


class Visit(Base):
    """督导: one cadre at one entity on one day. `counts` says whether it fulfils the duty of its period."""

    __tablename__ = "visit"
    __table_args__ = (
        UniqueConstraint("cadre", "entity", "on", "mode"),
        Index(None, "period", "cadre"),
        Index(None, "period", "entity"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    period: Mapped[str] = mapped_column(String(6))  # 2026Q4
    cadre: Mapped[str] = mapped_column(String(32))
    entity: Mapped[str] = mapped_column(String(32))
    on: Mapped[date]
    mode: Mapped[str] = mapped_column(String(4))  # 现场, 线上, 集中
    group: Mapped[str | None] = mapped_column(String(32), index=True)  # one act of 集中督导
    task_list: Mapped[str] = mapped_column(String(40))  # id of the 任务清单
    items: Mapped[str] = mapped_column(Text)  # canonical JSON: [{"no", "result", "note"}]
    conclusion: Mapped[str] = mapped_column(String(500))
    on_site_due: Mapped[bool]
    counts: Mapped[bool]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class Supervision(Base):
    """督查: an upper unit inspects one of the next lower level, with indices computed from the records."""

    __tablename__ = "supervision"
    __table_args__ = (Index(None, "inspected", "year"), Index(None, "inspecting", "year"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    year: Mapped[int]
    inspecting: Mapped[str] = mapped_column(String(12))
    inspected: Mapped[str] = mapped_column(String(12))
    on: Mapped[date]
    team: Mapped[str] = mapped_column(Text)  # canonical JSON: names
    items: Mapped[str] = mapped_column(Text)  # canonical JSON: [{"item", "result", "points", "full", "note"}]
    sample: Mapped[str] = mapped_column(Text)  # canonical JSON: entity ids looked at
    indices: Mapped[str] = mapped_column(Text)  # canonical JSON: {name: [n, m]}
    disposal: Mapped[str | None] = mapped_column(String(20))  # 约谈, 限期整改, 通报
    rectify_due: Mapped[date | None]
    rectified_on: Mapped[date | None]
    rectified_note: Mapped[str | None] = mapped_column(String(500))
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class Problem(Base):
    """问题: found at a visit or a supervision, handed to the 监管所 where due, closed at the end."""

    __tablename__ = "problem"
    __table_args__ = (
        CheckConstraint("visit IS NOT NULL OR supervision IS NOT NULL", name="source"),
        Index(None, "closed_on"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    visit: Mapped[str | None] = mapped_column(ForeignKey("visit.id"), index=True)
    supervision: Mapped[str | None] = mapped_column(ForeignKey("supervision.id"), index=True)
    entity: Mapped[str | None] = mapped_column(String(32), index=True)
    unit: Mapped[str] = mapped_column(String(12), index=True)  # the entity's, or the inspected unit
    item: Mapped[int | None]  # number in the task list
    text: Mapped[str] = mapped_column(String(500))
    severity: Mapped[str] = mapped_column(String(4))  # 一般, 较重, 严重
    found_on: Mapped[date]
    due_on: Mapped[date]
    provisional: Mapped[bool]  # due_on rests on a calendar year without data
    handed_to: Mapped[str | None] = mapped_column(String(40))  # 监管所
    handed_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    closed_by: Mapped[str | None] = mapped_column(String(64))
    remedy: Mapped[str | None] = mapped_column(String(500))  # what was done, as checked on closing


class Photo(Base):
    """A photo of a visit: its digest names it in the store; metadata was stripped before."""

    __tablename__ = "photo"
    __table_args__ = (UniqueConstraint("visit", "sha256"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # also the id of its entry in the log
    visit: Mapped[str] = mapped_column(ForeignKey("visit.id"))
    item: Mapped[int | None]
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    media: Mapped[str] = mapped_column(String(20))
    size: Mapped[int]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class DutyReport(Base):
    """履职报告: a cadre's yearly report as received by the own level, then reported on to the one above."""

    __tablename__ = "duty_report"
    __table_args__ = (UniqueConstraint("cadre", "year"), Index(None, "unit", "year"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    cadre: Mapped[str] = mapped_column(String(32))
    unit: Mapped[str] = mapped_column(String(12))
    year: Mapped[int]
    received_on: Mapped[date]
    received_by: Mapped[str] = mapped_column(String(60))  # 党委政府 or village 党组织
    sha256: Mapped[str | None] = mapped_column(String(64))  # the report's file in the store
    forwarded_on: Mapped[date | None]
    forwarded_to: Mapped[str | None] = mapped_column(String(60))  # the committee above
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class BusinessRecord(Base):
    """日管控, 周排查, 月调度: that an enterprise has made one for a day, week or month; it keeps the paper itself."""

    __tablename__ = "business_record"
    __table_args__ = (
        UniqueConstraint("entity", "kind", "begins"),
        CheckConstraint("kind IN ('日管控','周排查','月调度')", name="kind"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    entity: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(4))
    begins: Mapped[date]  # the day, the week's Monday, the month's first day
    made_on: Mapped[date]
    made_by: Mapped[str] = mapped_column(String(40))  # 食品安全员, 总监, 主要负责人
    hazards: Mapped[int]  # found; 0 is a 零风险报告
    closed: Mapped[bool]  # 停业: the enterprise did no business in that time and recorded so
    sha256: Mapped[str | None] = mapped_column(String(64))  # digest of its paper
    batch: Mapped[str] = mapped_column(String(32), index=True)  # the act of registering, and its log entry
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class RecordAct(Base):
    """Who did what to a list, submission, problem or supervision, when and why; rows are only added."""

    __tablename__ = "record_act"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    subject: Mapped[str] = mapped_column(String(64), index=True)
    what: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(String(500))
