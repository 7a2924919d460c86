"""清单审定: the states of a list version, who may move it, and what stands in the way."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.records import Cosign, ListReview
from service.db.tables import ListVersion
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import query

DRAFT, SUBMITTED, APPROVED = "draft", "submitted", "approved"
IN_FORCE, ADJUSTED, SUPERSEDED = "in_force", "adjusted", "superseded"
NAMES = {
    DRAFT: "草拟",
    SUBMITTED: "送审",
    APPROVED: "已审定",
    IN_FORCE: "执行中",
    ADJUSTED: "已调整",
    SUPERSEDED: "已被替代",
}
AGREE, OBJECT = "同意", "不同意"
OPINIONS = (AGREE, OBJECT)
OPEN = (DRAFT, SUBMITTED, APPROVED)


@dataclass(frozen=True, slots=True)
class Decision:
    """审定: which unit's committee decided, at which meeting, with which minutes (会议纪要)."""

    unit: str
    meeting_on: date
    minutes: str


def version(session: Session, list_id: str) -> ListVersion:
    """Return the list version, locked for the transaction; raise NotFoundError when there is none."""
    found = session.get(ListVersion, list_id, with_for_update=True)
    if found is None:
        raise NotFoundError("E-REG-602", f"没有编号为 {list_id} 的清单。")
    return found


def review(session: Session, list_id: str) -> ListReview:
    """Return the review of a list version, made empty where there was none."""
    found = session.get(ListReview, list_id)
    if found is None:
        found = ListReview(version=list_id)
        session.add(found)
    return found


def require_state(row: ListVersion, *allowed: str) -> None:
    """Raise ConflictError unless the version is in one of the states."""
    if row.state not in allowed:
        wanted = "或".join(NAMES[state] for state in allowed)
        raise ConflictError(
            "E-REG-767",
            f"包保{row.tier}级清单第{row.version}版现为“{NAMES.get(row.state, row.state)}”，须为“{wanted}”。",
        )


def require_newest(session: Session, row: ListVersion) -> None:
    """Raise ConflictError where a newer version of the same list is there: an old one goes no further."""
    newer = select(ListVersion.version).where(
        ListVersion.unit == row.unit, ListVersion.tier == row.tier, ListVersion.version > row.version
    )
    if (found := session.scalars(newer.order_by(ListVersion.version.desc())).first()) is not None:
        raise ConflictError("E-REG-767", f"已有更新的第{found}版，第{row.version}版不再办理。")


def cosigns(session: Session, list_id: str) -> list[Cosign]:
    """Return the departments asked about a version, in the order in which they were."""
    return list(session.scalars(select(Cosign).where(Cosign.version == list_id).order_by(Cosign.id)))


def require_cosigned(asked: Iterable[Cosign]) -> None:
    """Raise ConflictError, naming the departments, unless every one of them agreed."""
    waiting = [one.department for one in asked if one.opinion is None]
    against = [f"{one.department}（{one.note}）" for one in asked if one.opinion == OBJECT]
    if waiting or against:
        parts = [f"未回复：{'、'.join(waiting)}"] if waiting else []
        parts += [f"不同意：{'、'.join(against)}"] if against else []
        raise ConflictError("E-REG-768", f"会签未完成，不能送审；{'；'.join(parts)}。")


def approving_unit(session: Session, unit: str, on: date) -> str:
    """Return the unit whose committee approves the lists of `unit`: its own; for a village, the street's."""
    place = query.unit(session, unit, on)
    return place.parent if place.level == "village" and place.parent else place.code


def require_decision(
    session: Session, row: ListVersion, found: ListReview, decision: Decision, who: str, today: date
) -> None:
    """Raise unless the right committee decided at a meeting held, and the drafter has no hand in it."""
    due = approving_unit(session, row.unit, today)
    if decision.unit != due:
        name, other = (query.unit(session, code, today).name for code in (due, decision.unit))
        raise ForbiddenError("E-REG-769", f"该清单应由{name}食（药）安委审定，不能由{other}审定。")
    if who in {row.created_by, found.submitted_by}:
        raise ForbiddenError("E-REG-769", f"{who}是该清单的拟稿人或送审人，不能审定；请由他人办理。")
    if not decision.minutes.strip():
        raise InputError("E-REG-769", "审定须写明会议纪要的名称或编号。")
    if not china_day(row.created_at) <= decision.meeting_on <= today:
        raise InputError("E-REG-769", f"会议日期{decision.meeting_on}早于清单编制日，或还没到；请核对。")


def in_force(session: Session, unit: str, tier: str) -> ListVersion | None:
    """Return the version in force, if there is one."""
    found = select(ListVersion).where(
        ListVersion.unit == unit, ListVersion.tier == tier, ListVersion.state == IN_FORCE
    )
    return session.scalars(found).first()


def left_behind(session: Session, row: ListVersion) -> list[ListVersion]:
    """Return the older versions that never came into force and never will."""
    older = select(ListVersion).where(
        ListVersion.unit == row.unit,
        ListVersion.tier == row.tier,
        ListVersion.version < row.version,
        ListVersion.state.in_(OPEN),
    )
    return list(session.scalars(older))
