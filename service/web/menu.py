"""The menu: which pages a person is offered. It decides nothing; routes do."""

from dataclasses import dataclass

from service.workflows.access.roles import Person, Role


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: its path, its words, and for whom."""

    path: str
    title: str
    roles: tuple[Role, ...]


LOOKS = (Role.CLERK, Role.APPROVER, Role.SEAL_KEEPER, Role.INSPECTOR, Role.AUDITOR, Role.ADMIN)
"""Roles that may look through the registry of their units."""
ITEMS = [
    Item("/units", "机构", LOOKS),
    Item("/cadres", "干部", LOOKS),
    Item("/entities", "包保主体", LOOKS),
    Item("/tasks", "待办", (Role.CLERK, Role.APPROVER, Role.SEAL_KEEPER, Role.ADMIN)),
    Item("/imports", "导入", (Role.CLERK,)),
    Item("/lists", "责任清单", LOOKS),
    Item("/adjustments", "清单调整", LOOKS),
    Item("/approvals", "审批申请", (Role.APPROVER,)),
    Item("/texts", "核定文本", LOOKS),
    Item("/campaigns", "承诺签订", (Role.CLERK, Role.APPROVER, Role.SEAL_KEEPER)),
    Item("/seal", "用印", (Role.SEAL_KEEPER,)),
    Item("/board", "签订进度", LOOKS),
    Item("/liaison", "联络", (Role.LIAISON,)),
    Item("/desks", "现场签订", (Role.CLERK,)),
    Item("/changes", "途中变更", (Role.CLERK,)),
    Item("/accounts", "账号", (Role.ADMIN,)),
    Item("/acts", "操作记录", (Role.ADMIN, Role.AUDITOR)),
]
"""Every entry in its order; a page module adds its own line here."""


def of(person: Person | None) -> list[Item]:
    """Return what a person is offered; nothing before sign-in is complete."""
    if person is None or not person.whole or person.must_change or person.needs_totp:
        return []
    return [one for one in ITEMS if person.has(*one.roles)]
