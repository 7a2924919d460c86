"""The letters of a unit and those below, one line each: number, cadre, state, and why it ended."""

from sqlalchemy import select

from service.clock import CHINA, china_day
from service.db.tables import Cadre, Letter
from service.registry import query
from service.workflows import ending, letters
from service.workflows.parts import Parts

STATES = {
    "draft": "草拟，待盖章",
    "issued": "已制发，待承诺人签署",
    "signed": "承诺人已签，待监督方签署",
    "extended": "承诺人已签，待监督方签署",
    "countersigned": "双方已签，待办结",
    "completed": "办结",
    "renewed": "办结，时间戳已续期",
    "paper": "纸质签署",
    "void": "已作废",
    "superseded": "已被替代",
    "disposed": "已销毁",
}


def lines(parts: Parts, unit: str | None = None) -> list[str]:
    """Return the letters by number, of all units or of one and those below it."""
    with parts.sessions.begin() as session:
        rows = select(Letter).order_by(Letter.unit, Letter.number)
        if unit is not None:
            on = china_day(parts.clock())
            code = query.find_unit(session, unit, on).code
            rows = rows.where(Letter.unit.in_(query.codes_below(session, code, on)))
        found = session.scalars(rows).all()
        names = dict(session.execute(select(Cadre.cadre, Cadre.name).order_by(Cadre.row)).all())
    return [f"{one.number}　{names.get(one.cadre, '—')}　{_state(parts, one)}" for one in found]


def number_of(parts: Parts, letter_id: str) -> str:
    """Return the number of a letter."""
    with parts.sessions.begin() as session:
        return letters.get(session, letter_id).number


def _state(parts: Parts, letter: Letter) -> str:
    said = STATES.get(letter.state, letter.state)
    kept = ending.record_of(parts, letter.id) if letter.state in letters.OVER else None
    if kept is None:
        return said
    decision, _ = kept
    after = f"，新件 {decision.successor_number}" if decision.successor_number else ""
    return (
        f"{said}（{decision.time.astimezone(CHINA):%Y-%m-%d}，{decision.by}：{decision.why}，"
        f"依据 {decision.basis}{after}）"
    )
