"""A campaign on its way, as tables: deadlines, tasks and notices, letters held back, paper, uploads, desks.

No message is kept: what a notice says is written when it is sent. Codes are MACs, tokens digests.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class Deadline(Base):
    """截止时间 of a year's letters of a unit that is in no campaign, and of such units below it."""

    __tablename__ = "campaign_deadline"

    unit: Mapped[str] = mapped_column(String(12), primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    due_at: Mapped[datetime]
    remind: Mapped[str] = mapped_column(String(60))  # days from the due day, e.g. "-3,-1,1"
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(64))


class Hold(Base):
    """A letter taken out of every queue until the office has decided: refused, its cadre gone, a name wrong."""

    __tablename__ = "hold"
    __table_args__ = (
        Index(None, "letter", "ended_at"),
        CheckConstraint("kind IN ('leader','cadre','left','typo')", name="kind"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"))
    kind: Mapped[str] = mapped_column(String(8))
    why: Mapped[str] = mapped_column(String(200))
    basis: Mapped[str | None] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(64))  # who, as records of acts name them
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(20))


class Task(Base):
    """待办: what waits for one person, or (`person` null) for the office of a unit."""

    __tablename__ = "task"
    __table_args__ = (
        Index(None, "person", "closed_at"),
        Index(None, "unit", "closed_at"),
        Index(None, "letter"),
        CheckConstraint("what IN ('sign','countersign','void','reissue','talk','guess')", name="what"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    what: Mapped[str] = mapped_column(String(12))
    letter: Mapped[str | None] = mapped_column(ForeignKey("letter.id"))
    unit: Mapped[str] = mapped_column(String(12))
    person: Mapped[str | None] = mapped_column(String(32))
    told: Mapped[bool]  # a notice has told the person of it
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_why: Mapped[str | None] = mapped_column(String(20))


class Notice(Base):
    """通知: one message to one person on one Chinese day, whatever is told in it."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("person", "day"),
        CheckConstraint("why IN ('new','reminder')", name="why"),
        CheckConstraint("state IN ('pending','sent','dropped','failed')", name="state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    person: Mapped[str] = mapped_column(String(32))
    day: Mapped[date]
    why: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(8))
    way: Mapped[str | None] = mapped_column(String(10))  # file, smtp, webhook
    fault: Mapped[str | None] = mapped_column(String(200))  # why it can't be delivered
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    sent_at: Mapped[datetime | None]


class Contact(Base):
    """Where notices go: a signer's e-mail address (the phone number is the registry's), an office account's both."""

    __tablename__ = "contact"

    person: Mapped[str] = mapped_column(String(32), primary_key=True)  # cadre or account
    email: Mapped[str] = mapped_column(String(120))  # empty: none
    mobile: Mapped[str | None] = mapped_column(String(20))  # of an office account
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class Remark(Base):
    """What a 联络员 prepared of a letter for their leader: looked at, or a word about it."""

    __tablename__ = "remark"

    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"), primary_key=True)
    leader: Mapped[str] = mapped_column(String(32), primary_key=True)
    ready: Mapped[bool]  # false: the leader should look at it first
    words: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(64))


class Preparation(Base):
    """Letters that a signer chose, being prepared by a worker with one drawn signature, until the PIN is asked for."""

    __tablename__ = "preparation"
    __table_args__ = (UniqueConstraint("signer"),)

    id: Mapped[str] = mapped_column(
        String(32), primary_key=True
    )  # of each list another: a job is of one list
    signer: Mapped[str] = mapped_column(String(32))
    letters: Mapped[str] = mapped_column(Text)  # canonical JSON: ids
    strokes: Mapped[str | None] = mapped_column(Text)  # the drawing, until every letter bears it
    left: Mapped[str] = mapped_column(Text)  # why letters could not be prepared, one a line
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class PaperCopy(Base):
    """纸质签订: the scan of a letter signed by hand, registered by one person and confirmed by another."""

    __tablename__ = "paper_copy"
    __table_args__ = (
        Index(None, "letter"),
        CheckConstraint("state IN ('registered','confirmed','rejected')", name="state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"))
    state: Mapped[str] = mapped_column(String(10))
    signed_on: Mapped[date]  # the day written on the paper
    sha256: Mapped[str] = mapped_column(String(64))
    media: Mapped[str] = mapped_column(String(20))
    pages: Mapped[int]
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(String(32))  # account
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(32))


class PlatformUpload(Base):
    """已上传: a letter's file was uploaded to the national platform on that day."""

    __tablename__ = "platform_upload"

    letter: Mapped[str] = mapped_column(ForeignKey("letter.id"), primary_key=True)
    on: Mapped[date]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(64))


class Desk(Base):
    """现场签订: an office PC or tablet on which named persons sign, one after another."""

    __tablename__ = "desk"
    __table_args__ = (UniqueConstraint("token"), Index(None, "unit"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token: Mapped[str] = mapped_column(String(64))  # SHA-256 of what is in its address
    device: Mapped[str | None] = mapped_column(String(64), index=True)  # SHA-256 of the browser's cookie
    unit: Mapped[str] = mapped_column(String(12))
    opened_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class DeskSeat(Base):
    """A person who may sign at a desk, with a code of their own."""

    __tablename__ = "desk_seat"
    __table_args__ = (UniqueConstraint("desk", "account"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    desk: Mapped[str] = mapped_column(ForeignKey("desk.id"))
    account: Mapped[str] = mapped_column(ForeignKey("account.id"))
    code: Mapped[str] = mapped_column(String(64))  # MAC under the pepper
    failures: Mapped[int]
    ended_at: Mapped[datetime | None]
