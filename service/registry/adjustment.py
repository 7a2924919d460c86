"""清单调整单: changes and the moves they ask for, drafted by one, approved in one act by another, then in force."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.core import Entropy, Sha256Hex, canonical_json, new_id, sha256_hex
from service.db.changes import Adjustment, Move
from service.db.changes import Change as ChangeRow
from service.db.tables import Assignment, Entity
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import clocks, query
from service.registry.assignment import MAIN, Assigned
from service.registry.dated import Change, Writer, as_of
from service.registry.followed import SHEET

DRAFT, APPROVED, DROPPED = "draft", "approved", "dropped"


@dataclass(frozen=True, slots=True)
class MoveLine:
    """From whom an entity goes to whom; None for nobody."""

    entity: str
    old: str | None
    new: str | None
    level: str | None
    reason: str
    duty: str = MAIN


def moves(session: Session, assigned: Assigned, on: date, *, below: str | None = None) -> list[MoveLine]:
    """Return how `assigned` differs from the bonds in force, for entities below the unit where given, by entity."""
    before = held(session, on)
    wanted = {(row.entity, row.duty, row.cadre): row for row in (*assigned.assignments, *assigned.beside)}
    left = {one.entity: one.reason for one in assigned.unassigned}
    holder = {entity: cadre for entity, duty, cadre in before if duty == MAIN}
    lines = {}
    for key, row in wanted.items():
        if key not in before:
            old = holder.get(row.entity) if row.duty == MAIN else None
            lines[key] = MoveLine(row.entity, old, row.cadre, row.level, row.reason, row.duty)
    replaced = {line.entity for line in lines.values() if line.duty == MAIN}
    for entity, duty, cadre in before.keys() - wanted.keys():
        if duty != MAIN or entity not in replaced:
            why = left.get(entity, "不再包保：已关闭、停业或不在本级")
            lines[entity, duty, cadre] = MoveLine(entity, cadre, None, None, why, duty)
    mine = None if below is None else _entities_below(session, below, on)
    return [lines[key] for key in sorted(lines) if mine is None or key[0] in mine]


def not_proposed(session: Session, lines: Sequence[MoveLine]) -> list[MoveLine]:
    """Return the moves that no draft proposes already: two sheets with one move could not both be approved."""
    waiting = select(Move.entity, Move.duty, Move.old, Move.new).join(
        Adjustment, Adjustment.id == Move.adjustment
    )
    proposed = {tuple(row) for row in session.execute(waiting.where(Adjustment.state == DRAFT))}
    return [line for line in lines if (line.entity, line.duty, line.old, line.new) not in proposed]


def digest(lines: Sequence[MoveLine]) -> Sha256Hex:
    """Return the hash that names a diff: what is applied must be what was shown."""
    return sha256_hex(canonical_json([asdict(line) for line in lines]))


def draft(
    session: Session,
    change: Change,
    entropy: Entropy,
    *,
    unit: str,
    kind: str,
    changes: Sequence[ChangeRow],
    lines: Sequence[MoveLine],
    details: str | None = None,
) -> Adjustment:
    """Write an adjustment down as a draft; raise InputError where there is nothing to adjust.

    A change can be in one draft at a time: ConflictError otherwise.
    """
    if not changes and not lines and details is None:
        raise InputError("E-REG-746", "没有需要调整的内容，或都已列入待批准的清单调整单；不必另行编制。")
    if any(row.adjustment is not None for row in changes):
        raise ConflictError("E-REG-747", "有变动已列入另一张清单调整单；请先批准或撤回那一张。")
    sheet = Adjustment(
        id=new_id(entropy),
        unit=unit,
        number=_number(session, unit, change.on),
        kind=kind,
        state=DRAFT,
        drafted_by=change.who,
        drafted_at=change.now,
        details=details,
    )
    session.add(sheet)
    session.flush()
    for row in changes:
        row.adjustment = sheet.id
    for line in lines:
        session.add(
            Move(
                adjustment=sheet.id,
                entity=line.entity,
                duty=line.duty,
                old=line.old,
                new=line.new,
                level=line.level,
                reason=line.reason[:200],
            )
        )
    session.flush()
    return sheet


def approve(session: Session, change: Change, sheets: Sequence[str], document: str) -> int:
    """Approve a batch of drafts and let their moves hold; return how many bonds changed.

    Whoever drafted one of them may not; one that the registry has overtaken stops the whole batch.
    """
    rows = [get(session, sheet) for sheet in sheets]
    changed = 0
    for sheet in rows:
        if sheet.state != DRAFT:
            raise ConflictError("E-REG-748", f"清单调整单“{sheet.number}”不是草稿，不能批准。")
        if sheet.drafted_by == change.who:
            raise ForbiddenError(
                "E-REG-749", f"编制人不能批准自己编制的清单调整单“{sheet.number}”；请由他人批准。"
            )
        changed += _carry_out(session, change, sheet)
        sheet.state, sheet.approved_by = APPROVED, change.who
        sheet.approved_on, sheet.document = change.on, document
        clocks.finish(changes_of(session, sheet.id), change.on, sheet.id)
        session.flush()
    return changed


def drop(session: Session, sheet_id: str) -> None:
    """Withdraw a draft; its changes wait for another."""
    sheet = get(session, sheet_id)
    if sheet.state != DRAFT:
        raise ConflictError("E-REG-748", f"清单调整单“{sheet.number}”不是草稿，不能撤回。")
    sheet.state = DROPPED
    for row in changes_of(session, sheet_id):
        row.adjustment = None
    session.flush()


def get(session: Session, sheet_id: str) -> Adjustment:
    """Return an adjustment by id or number; raise NotFoundError when there is none."""
    wanted = (Adjustment.id == sheet_id) | (Adjustment.number == sheet_id)
    sheet = session.scalars(select(Adjustment).where(wanted)).first()
    if sheet is None:
        raise NotFoundError("E-REG-750", f"没有编号为“{sheet_id}”的清单调整单。")
    return sheet


def moves_of(session: Session, sheet_id: str) -> Sequence[Move]:
    """Return the lines of an adjustment."""
    return session.scalars(select(Move).where(Move.adjustment == sheet_id).order_by(Move.id)).all()


def changes_of(session: Session, sheet_id: str) -> Sequence[ChangeRow]:
    """Return the changes that an adjustment deals with."""
    return session.scalars(
        select(ChangeRow).where(ChangeRow.adjustment == sheet_id).order_by(ChangeRow.due_on, ChangeRow.id)
    ).all()


def _carry_out(session: Session, change: Change, sheet: Adjustment) -> int:
    change = Change(change.who, f"{SHEET}{sheet.number}", change.on, change.now)
    return write(session, change, moves_of(session, sheet.id))


def write(session: Session, change: Change, lines: Iterable[MoveLine | Move]) -> int:
    """Let moves hold; raise ConflictError where the bonds are no longer as they were drawn up from."""
    rows = session.scalars(select(Assignment).where(Assignment.valid_to.is_(None)))
    bonds = {(row.entity, row.duty, row.cadre): row for row in rows}
    mains = {row.entity: row for row in bonds.values() if row.duty == MAIN}
    writer = Writer(Assignment, change)
    for move in lines:
        old = bonds.get((move.entity, move.duty, move.old or ""))
        now = mains.get(move.entity)
        overtaken = move.old is not None and old is None
        if overtaken or (move.duty == MAIN and now is not None and now.cadre != move.old):
            raise ConflictError("E-REG-751", f"{change.why}编制后包保关系已变；请撤回后重新编制。")
        if move.new is None:
            if old is not None:
                writer.close(old)
            continue
        facts = {"cadre": move.new, "entity": move.entity, "duty": move.duty, "level": move.level}
        writer.put(old, facts, why=f"{change.why}：{move.reason}")
    counts = writer.flush(session)
    return counts.new + counts.changed + counts.closed


def held(session: Session, on: date) -> dict[tuple[str, str, str], None]:
    """Return the bonds in force as (entity, duty, cadre)."""
    rows = session.execute(
        select(Assignment.entity, Assignment.duty, Assignment.cadre).where(as_of(Assignment, on))
    )
    return dict.fromkeys(rows)


def _entities_below(session: Session, unit: str, on: date) -> set[str]:
    """Return the entities that lie, or lay when they were last heard of, below the unit."""
    codes = query.codes_below(session, unit, on)
    return set(session.scalars(select(Entity.entity).where(Entity.unit.in_(codes))))


def _number(session: Session, unit: str, on: date) -> str:
    name = query.unit(session, unit, on).name
    start = f"{name}清单调整〔{on.year}〕"
    count = session.scalar(
        select(func.count()).select_from(Adjustment).where(Adjustment.number.startswith(start))
    )
    return f"{start}{(count or 0) + 1}号"


def drafts(session: Session, on: date, *, below: str | None = None) -> Iterable[Adjustment]:
    """Return the adjustments that wait for approval, of the unit and those below where it is given."""
    wanted = select(Adjustment).where(Adjustment.state == DRAFT)
    if below is not None:
        wanted = wanted.where(Adjustment.unit.in_(query.codes_below(session, below, on)))
    return session.scalars(wanted.order_by(Adjustment.drafted_at, Adjustment.number)).all()
