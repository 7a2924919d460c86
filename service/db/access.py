"""Who may come in and what was done, as tables: accounts, roles, sessions, devices, links, the audit trail.

Secrets are digests (tokens), MACs (codes), argon2id (passwords) or encrypted under the pepper (TOTP). The trail names
nobody: it points to accounts and records by id, so that a person can be erased without touching it.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base


class Account(Base):
    """Somebody who may come in: of the office (by password), or a signer (by link), who is a cadre."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("login"), UniqueConstraint("cadre"), UniqueConstraint("outside"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    login: Mapped[str | None] = mapped_column(String(40))  # 登录名; null: comes by link only
    name: Mapped[str] = mapped_column(String(40))
    unit: Mapped[str] = mapped_column(String(12))
    cadre: Mapped[str | None] = mapped_column(String(32))
    outside: Mapped[str | None] = mapped_column(String(300))  # issuer and subject at an OIDC provider
    password: Mapped[str | None] = mapped_column(String(200))  # argon2id, PHC string
    must_change: Mapped[bool]
    totp: Mapped[str | None] = mapped_column(String(200))  # encrypted under the pepper
    totp_step: Mapped[int] = mapped_column(BigInteger)  # of the last code used: none works twice
    failures: Mapped[int]
    locked_until: Mapped[datetime | None]
    identity: Mapped[str | None] = mapped_column(String(10))  # 已当面核对, 已电话核对
    identity_by: Mapped[str | None] = mapped_column(String(64))
    identity_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    disabled_at: Mapped[datetime | None]


class Grant(Base):
    """A role (角色) that an account has in a unit and below; `subject` is whom a liaison or enterprise stands for."""

    __tablename__ = "role_grant"
    __table_args__ = (Index(None, "account"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    account: Mapped[str] = mapped_column(ForeignKey("account.id"))
    role: Mapped[str] = mapped_column(String(12))
    unit: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str | None] = mapped_column(String(32))  # leader's cadre id, entity id
    granted_at: Mapped[datetime]
    granted_by: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime | None]


class Device(Base):
    """A phone or computer on which a signer's link was opened; two signers on one phone have two rows."""

    __tablename__ = "device"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token: Mapped[str] = mapped_column(String(64), index=True)  # SHA-256 of the cookie
    account: Mapped[str] = mapped_column(ForeignKey("account.id"))
    agent: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Login(Base):
    """A session: from signing in to signing out, running out or being revoked."""

    __tablename__ = "login"
    __table_args__ = (UniqueConstraint("token"), Index(None, "account", "ended_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token: Mapped[str] = mapped_column(String(64))  # SHA-256 of the cookie
    account: Mapped[str] = mapped_column(ForeignKey("account.id"))
    device: Mapped[str | None] = mapped_column(ForeignKey("device.id"))
    method: Mapped[str] = mapped_column(String(10))  # password, link, oidc
    whole: Mapped[bool]  # false while the second factor is still to come
    agent: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(20))


class SignLink(Base):
    """A one-time link: a signer's (with a code that goes another way), or one to set a first password."""

    __tablename__ = "sign_link"
    __table_args__ = (
        UniqueConstraint("token"),
        Index(None, "account"),
        CheckConstraint("purpose IN ('sign','password')", name="purpose"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token: Mapped[str] = mapped_column(String(64))  # SHA-256 of what is in the address
    account: Mapped[str] = mapped_column(ForeignKey("account.id"))
    purpose: Mapped[str] = mapped_column(String(10))
    code: Mapped[str | None] = mapped_column(String(64))  # MAC under the pepper
    failures: Mapped[int]
    device: Mapped[str | None] = mapped_column(ForeignKey("device.id"))  # on which it was opened, for good
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime]
    redeemed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class LoginTry(Base):
    """A wrong password, code or link, by what was tried and from where; old ones are removed."""

    __tablename__ = "login_try"
    __table_args__ = (Index(None, "target", "at"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    target: Mapped[str] = mapped_column(String(64))  # digest of the address it came from
    at: Mapped[datetime]


class Request(Base):
    """A changing request of the API and its answer, by its Idempotency-Key: a repetition gets the same answer."""

    __tablename__ = "request"
    __table_args__ = (Index(None, "at"),)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # digest of session and key
    fingerprint: Mapped[str] = mapped_column(String(64))  # digest of method, path, query and body
    status: Mapped[int | None]  # null: still being done
    media: Mapped[str] = mapped_column(String(80))
    answer: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class Act(Base):
    """操作记录 (audit trail): who did what to which record; rows are only added, and name nobody."""

    __tablename__ = "audit_trail"
    __table_args__ = (Index(None, "at"), Index(None, "unit", "id"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    account: Mapped[str | None] = mapped_column(String(32))  # null: nobody is known (a wrong link)
    unit: Mapped[str | None] = mapped_column(String(12))
    act: Mapped[str] = mapped_column(String(40))
    target: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[str] = mapped_column(Text)  # canonical JSON
