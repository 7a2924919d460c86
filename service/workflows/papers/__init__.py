"""Papers from the registry: which can be made of a kind (`targets`), and the content of one (`build`).

    desk = Desk(session, on, parts.rules)
    for target in targets(desk, "task_list", unit="330302001"):
        content = build(desk, "task_list", target.id)

A desk keeps what many papers of one day share, so a batch asks the database once; make one per session. What the
registry cannot know (the words of a report, the reason of an application) is given to `build` as `extra` fields.
The content is the same each time for the same records and day, its letter id too; a workflow that issues the paper
gives its own `letter` and `number`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.core import Json, LetterId
from service.documents.content import Content
from service.errors import InputError
from service.workflows.papers import (
    adjustment,
    approval_form,
    delegation,
    disposal,
    duty_report,
    duty_summary,
    enterprise,
    notice_board,
    plan,
    raise_form,
    rectification_notice,
    supervision_list,
    task_list,
    team_roster,
    visit_record,
)
from service.workflows.papers.desk import Desk, Paper, Target

__all__ = ["KINDS", "Desk", "Target", "build", "targets"]


@dataclass(frozen=True, slots=True)
class _Builder:
    """How the papers of one kind are found and made."""

    targets: Callable[[Desk, str | None, str | None], Sequence[Target]]
    build: Callable[[Desk, str], Paper]


_BUILDERS: Mapping[str, _Builder] = {
    "adjustment": _Builder(adjustment.targets, adjustment.build),
    "approval_form": _Builder(approval_form.targets, approval_form.build),
    "delegation": _Builder(delegation.targets, delegation.build),
    "duty_report": _Builder(duty_report.targets, duty_report.build),
    "duty_summary": _Builder(duty_summary.targets, duty_summary.build),
    "raise_form": _Builder(raise_form.targets, raise_form.build),
    "supervision_list": _Builder(supervision_list.targets, supervision_list.build),
    "task_list": _Builder(task_list.targets, task_list.build),
    "visit_record": _Builder(visit_record.targets, visit_record.build),
    "rectification_notice": _Builder(rectification_notice.targets, rectification_notice.build),
    "interview_notice": _Builder(disposal.interviews, disposal.build_interview),
    "circular": _Builder(disposal.circulars, disposal.build_circular),
    "plan": _Builder(plan.targets, plan.build),
    "team_roster": _Builder(team_roster.targets, team_roster.build),
    "notice_board": _Builder(notice_board.targets, notice_board.build),
    "notice_board_a3": _Builder(notice_board.targets, notice_board.build),
    **{kind: _Builder(enterprise.targets_of(kind), enterprise.builder_of(kind)) for kind in enterprise.KINDS},
}
KINDS = tuple(_BUILDERS)
"""The kinds that can be made from the registry alone."""


def targets(desk: Desk, kind: str, *, unit: str | None = None, tier: str | None = None) -> list[Target]:
    """Return what can be made of `kind` on the desk's day, by file name; only below a unit or of a tier where given.

    Raise InputError for a kind that is not made from the registry, NotFoundError for an unknown unit.
    """
    if unit is not None:
        desk.unit(unit)
    return sorted(_builder(kind).targets(desk, unit, tier), key=lambda target: target.file_name)


def build(
    desk: Desk,
    kind: str,
    target: str,
    *,
    extra: Mapping[str, Json] | None = None,
    letter: LetterId | None = None,
    number: str | None = None,
) -> Content:
    """Return the content of one paper; raise NotFoundError for a target that is not there on the desk's day."""
    paper = _builder(kind).build(desk, target)
    envelope = desk.envelope(kind, target, paper)
    envelope = replace(envelope, letter=letter or envelope.letter, number=number or envelope.number)
    return Content(envelope, {**paper.fields, **(extra or {})})


def _builder(kind: str) -> _Builder:
    found = _BUILDERS.get(kind)
    if found is None:
        raise InputError(
            "E-REG-890", f"“{kind}”类文书不能由名册直接生成；可以生成的有：{'、'.join(_BUILDERS)}。"
        )
    return found
