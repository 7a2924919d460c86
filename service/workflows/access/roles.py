"""Roles, who somebody is, and whether one of their grants reaches a target; denied by default."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """角色."""

    CLERK = "clerk"
    APPROVER = "approver"
    SEAL_KEEPER = "seal_keeper"
    CADRE = "cadre"
    LEADER = "leader"
    LIAISON = "liaison"
    INSPECTOR = "inspector"
    ENTERPRISE = "enterprise"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def words(self) -> str:
        """What people call it."""
        return TITLES[self]


TITLES = {
    Role.CLERK: "经办人",
    Role.APPROVER: "审定人",
    Role.SEAL_KEEPER: "印章保管人",
    Role.CADRE: "包保干部",
    Role.LEADER: "主要负责人",
    Role.LIAISON: "联络员",
    Role.INSPECTOR: "检查人员",
    Role.ENTERPRISE: "企业人员",
    Role.AUDITOR: "审计人员",
    Role.ADMIN: "系统管理员",
}
ROOT_UNIT = "*"
"""全部单位: stands above every unit, for who sets a deployment up before there is a registry."""
OFFICE = (Role.CLERK, Role.APPROVER, Role.SEAL_KEEPER, Role.LIAISON, Role.INSPECTOR, Role.AUDITOR, Role.ADMIN)
"""Roles of people who work with the whole of a unit."""
TWO_FACTORS = frozenset({Role.CLERK, Role.ADMIN})
"""Roles that need a second factor (TOTP)."""
OWN = frozenset({Role.CADRE, Role.ENTERPRISE})
"""Roles that reach only what is the person's own."""
APART = (frozenset({Role.CLERK, Role.APPROVER}), frozenset({Role.CLERK, Role.SEAL_KEEPER}))
"""Roles that one account may not hold together: who drafts neither approves nor seals."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A role in a unit and below; `subject` is the cadre or entity it is about."""

    role: Role
    unit: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about: the unit and those above it, and whose it is, where it is somebody's."""

    units: tuple[str, ...] = ()
    cadre: str | None = None
    entity: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in: account, session and roles as of this request."""

    account: str
    login: str
    name: str
    unit: str
    cadre: str | None
    session: str
    reaches: tuple[Reach, ...]
    since: datetime
    whole: bool = True
    must_change: bool = False
    needs_totp: bool = False
    method: str = ""
    """How the session began: password, oidc, link, desk."""

    @property
    def who(self) -> str:
        """How records of acts name this person: the name with what tells namesakes apart."""
        return f"{self.name}（{self.login or self.account[:8]}）"

    def wrote(self, recorded: str) -> bool:
        """Say whether a name on record is this person's, by login or name: who drafted does not decide."""
        own = {self.who, self.who[:64], self.name, self.login, self.account}
        return recorded in own or recorded.endswith(f"（{self.login or self.account[:8]}）")

    @property
    def roles(self) -> frozenset[Role]:
        """Every role of the person, wherever."""
        return frozenset(one.role for one in self.reaches)

    def has(self, *roles: Role) -> bool:
        """Say whether the person has one of these roles, wherever."""
        return not self.roles.isdisjoint(roles)

    def may(self, roles: Iterable[Role], target: Target) -> bool:
        """Say whether one of the person's grants for `roles` reaches `target`."""
        wanted = frozenset(roles)
        return any(_reaches(one, target) for one in self.reaches if one.role in wanted)

    def units(self, *roles: Role) -> tuple[str, ...]:
        """Return the units in and below which the person has one of these roles (any, where none is named)."""
        return tuple(dict.fromkeys(one.unit for one in self.reaches if not roles or one.role in roles))


def _reaches(reach: Reach, target: Target) -> bool:
    if reach.role is Role.CADRE:
        return reach.subject is not None and reach.subject == target.cadre
    if reach.role is Role.ENTERPRISE:
        return reach.subject is not None and reach.subject == target.entity
    return reach.unit in target.units
