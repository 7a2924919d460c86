"""删除个人信息 reaches every text of the database, keeps hashes provable, is logged, and says what it cannot reach."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import String, select

from service.app import App
from service.archive import audit
from service.core import Event, parse_entry, sha256_hex
from service.db.changes import Erasure
from service.db.intake import PendingRow
from service.db.records import RecordAct
from service.db.tables import Base, Cadre, Letter, ListVersion, LogEntry, Salt
from service.errors import ConflictError, CorruptError, ForbiddenError, InputError
from service.registry import erasure, frozen, persons, query, traces
from service.registry.dated import Change, Writer
from service.workflows import acts, adjusting, erasing, letters, lists
from tests.workflows import opening
from tests.workflows.opening import VILLAGE, DayClock

DAY = date(2026, 3, 2)
CLERK, BOSS = "录入员", "审批人"
BASIS = "个人信息保护法第四十七条"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("erasure") / "var"
    opening.make_home(home, date(2026, 1, 5))
    return home


@pytest.fixture
def app(home: Path, tmp_path: Path) -> Iterator[App]:
    app = opening.open_copy(home, tmp_path / "var", DayClock(DAY))
    yield app
    opening.close(app)


@pytest.fixture
def leaver(app: App) -> Cadre:
    """A cadre with a frozen list, a void letter and texts that name them, who has left in good order."""
    parts = app.parts
    made = lists.compile_list(parts, VILLAGE, "D", who=CLERK)
    letters.plan_letters(parts, VILLAGE, who=CLERK)
    with parts.sessions.begin() as session:
        head = query.unit(session, VILLAGE, DAY).leader
        letter = next(row for row in session.scalars(select(Letter)) if row.cadre != head)
        person = query.cadre(session, letter.cadre, DAY)
        letter.state = "void"
        acts.note(session, made, "会签", by=person.name, now=parts.clock(), why=f"{person.name}答复同意")
        cells = {"name": person.name, "mobile": person.mobile, "unit": "某社区"}
        session.add(
            PendingRow(
                id="0" * 32,
                file="0" * 64,
                source="样例.xlsx",
                sheet="包保干部",
                row=3,
                name=person.name,
                cells=json.dumps(cells),  # as a careless program would escape it
                faults=json.dumps([f"现为“{person.name}”"], ensure_ascii=False),
                created_at=parts.clock(),
                created_by=CLERK,
                resolved_at=None,
            )
        )
    sheet, _ = adjusting.leave(parts, person.cadre, who=CLERK, why=f"{person.name}调离")
    adjusting.approve(parts, [sheet.number], who=BOSS, document="纪要")
    return person


def texts(app: App) -> Iterator[tuple[str, str]]:
    """Yield every text of the database with the table it stands in."""
    with app.parts.sessions.begin() as session:
        for table in Base.metadata.sorted_tables:
            columns = [column for column in table.columns if isinstance(column.type, String)]
            for row in session.execute(select(*columns)) if columns else ():
                yield from ((table.name, value) for value in row if value)


def test_nothing_of_the_person_is_left_in_the_database(app: App, leaver: Cadre) -> None:
    marks = [leaver.name, json.dumps(leaver.name)[1:-1], str(leaver.mobile)]
    before = {table for table, text in texts(app) if any(mark in text for mark in marks)}
    assert {"cadre", "list_version", "letter", "pending_row", "record_act", "change"} <= before
    asked = erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis=BASIS)
    done = erasing.approve_erasure(app.parts, asked, who=BOSS)
    assert {table for table, text in texts(app) if any(mark in text for mark in marks)} == set()
    assert done.doubtful == {}
    assert before <= set(done.removed) | {"change", "move"}
    with app.parts.sessions.begin() as session:
        assert session.get(Salt, leaver.cadre) is None
        assert session.scalars(select(PendingRow.name)).one() == frozen.ERASED


def test_the_hash_of_a_frozen_list_is_proved_before_and_after(app: App, leaver: Cadre) -> None:
    with app.parts.sessions.begin() as session:
        version = session.scalars(select(ListVersion)).one()
        salt = session.get_one(Salt, leaver.cadre).salt
        row = next(one for one in json.loads(version.rows) if one["cadre_id"] == leaver.cadre)
        assert row["cadre_seal"] == frozen.seal(salt, leaver.name)
        assert leaver.name.encode() not in app.parts.store.get(version.sha256)
        own = frozen.own_digest(json.loads(version.rows), leaver.cadre)
    asked = erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis=BASIS)
    erasing.approve_erasure(app.parts, asked, who=BOSS)
    with app.parts.sessions.begin() as session:
        after = session.scalars(select(ListVersion)).one()
    frozen.require_intact(after.rows, version.sha256)
    assert frozen.ERASED in after.rows and frozen.own_digest(json.loads(after.rows), leaver.cadre) == own
    with pytest.raises(CorruptError, match="E-REG-604"):
        frozen.require_intact(after.rows.replace(row["entity_id"], "f" * 32), version.sha256)
    lists.render(app.parts, version.id)  # and it still prints


def test_the_act_is_logged_without_anybody_s_name(app: App, leaver: Cadre) -> None:
    with app.parts.sessions.begin() as session:
        subject = persons.subject(session, leaver.cadre)
    asked = erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis=BASIS)
    erasing.approve_erasure(app.parts, asked, who=BOSS)
    with app.parts.sessions.begin() as session:
        entry = parse_entry(session.scalars(select(LogEntry).where(LogEntry.id == asked)).one().entry)
        kept = json.loads(session.get_one(Erasure, asked).removed or "{}")
    assert (entry.kind, entry.event, entry.subject) == ("erasure", Event.RECORD, subject)
    assert entry.file is not None
    statement = app.parts.store.get(entry.file.sha256)
    assert sha256_hex(statement) == entry.file.sha256 and json.loads(statement)["removed"] == kept
    for name in (leaver.name, CLERK, BOSS):
        assert name.encode() not in statement
    report = audit.audit(app.parts.settings.archive, app.parts.log.vkey)
    assert report.ok and not report.findings


def test_the_name_of_a_namesake_stays_and_is_told(app: App, leaver: Cadre) -> None:
    with app.parts.sessions.begin() as session:
        other = next(one for one in query.all_cadres(session, DAY) if one.unit != leaver.unit)
        change = Change(CLERK, "更名", DAY, app.parts.clock())
        writer = Writer(Cadre, change)
        writer.put(other, {"name": leaver.name})
        writer.flush(session)
    asked = erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis=BASIS)
    done = erasing.approve_erasure(app.parts, asked, who=BOSS)
    assert done.doubtful["record_act"] == 1
    with app.parts.sessions.begin() as session:
        assert query.cadre(session, other.cadre, DAY).name == leaver.name
        assert session.scalars(select(RecordAct.by).where(RecordAct.what == "会签")).one() == leaver.name
        assert session.scalars(select(PendingRow.name)).one() == frozen.ERASED  # it bears their number


def test_whoever_asked_may_not_approve_and_a_basis_names_nobody(app: App, leaver: Cadre) -> None:
    with pytest.raises(InputError, match="E-REG-788"):
        erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis=f"{leaver.name}申请")
    asked = erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis=BASIS)
    with pytest.raises(ForbiddenError, match="E-REG-786"):
        erasing.approve_erasure(app.parts, asked, who=CLERK)


def test_a_letter_still_at_work_comes_first(app: App, leaver: Cadre) -> None:
    with app.parts.sessions.begin() as session:
        session.scalars(select(Letter).where(Letter.cadre == leaver.cadre)).one().state = "issued"
    asked = erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis=BASIS)
    with pytest.raises(ConflictError, match="E-REG-789"):
        erasing.approve_erasure(app.parts, asked, who=BOSS)


def test_what_cannot_be_reached_is_said() -> None:
    assert any("PDF" in one for one in erasure.KEPT) and any("备份" in one for one in erasure.KEPT)
    docs = (Path(__file__).resolve().parents[2] / "docs" / "erasure.md").read_text(encoding="utf-8")
    assert all(re.split("[：（]", one)[0] in docs for one in erasure.KEPT)


def test_every_table_passed_over_exists() -> None:
    assert {*traces.EXEMPT, *traces.BY_ID} <= set(Base.metadata.tables)
