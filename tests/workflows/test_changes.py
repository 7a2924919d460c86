"""What changes in a district starts a clock, becomes an adjustment, and holds once another person approved it."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.core import parse_canonical
from service.db.changes import Adjustment, Raise
from service.db.changes import Change as ChangeRow
from service.db.tables import Assignment, Cadre, Entity, Salt, Unit
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import adjustment, clocks, handover, merging, persons, query
from service.registry.records import CadreRow
from service.verification.trust import Trust
from service.workflows import (
    adjusting,
    arrangements,
    changes,
    erasing,
    in_force,
    intake,
    reorganising,
    tiers,
    trust,
)
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE, DayClock

DAY = date(2022, 11, 10)
CLERK, BOSS = "拟稿人", "审定人"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("street") / "var"
    opening.make_home(home, date(2022, 11, 1), entities=120)
    return home


@pytest.fixture
def clock() -> DayClock:
    return DayClock(DAY)


@pytest.fixture
def app(home: Path, tmp_path: Path, clock: DayClock) -> App:
    return opening.open_copy(home, tmp_path / "var", clock)


def cadre_with_work(app: App, unit: str, on: date = DAY) -> Cadre:
    """Return the cadre of the unit with most entities who isn't its leader."""
    loads = Counter(opening.bonds(app, on).values())
    with app.parts.sessions.begin() as session:
        place = query.unit(session, unit, on)
        team = [
            one for one in query.cadres(session, unit, on) if one.cadre not in {place.leader, place.stand_in}
        ]
    return max(team, key=lambda one: loads[one.cadre])


def entity_of(app: App, tier: str, on: date = DAY) -> Entity:
    return opening.entities_of(app, on, tier)[0]


def running(app: App, on: date) -> list[ChangeRow]:
    with app.parts.sessions.begin() as session:
        return list(clocks.running(session, on))


def test_a_leaving_cadre_hands_over_evenly_within_twenty_working_days(app: App, clock: DayClock) -> None:
    leaver = cadre_with_work(app, TOWN)
    before = opening.bonds(app, DAY)
    sheet, proposed = adjusting.leave(app.parts, leaver.cadre, who=CLERK, why="调离")
    (row,) = running(app, DAY)
    with app.parts.sessions.begin() as session:
        (head,) = {one.leader for one in query.units(session, DAY) if one.code == TOWN}
        lost = handover.headless(session, {head or ""}, DAY)
    assert [line.partition("须")[2][:5] for line in lost] == ["另定主要负", "另定负责人"], (
        "and of villages the other side"
    )
    assert (row.what, row.due_on, row.provisional) == ("离任", date(2022, 12, 8), False)
    assert opening.bonds(app, DAY) == before, "nothing holds before it is approved"
    clock.set(date(2022, 11, 20))
    with pytest.raises(ForbiddenError, match="E-REG-749"):
        adjusting.approve(app.parts, [sheet.number], who=CLERK, document="纪要1号")
    adjusting.approve(app.parts, [sheet.number], who=BOSS, document="纪要1号")
    after = opening.bonds(app, date(2022, 11, 20))
    assert {entity for entity in before if before[entity] != after[entity]} == {
        entity for entity, cadre in before.items() if cadre == leaver.cadre
    }
    assert leaver.cadre not in after.values()
    taken = Counter(line.new for line in proposed.lines)
    assert (
        max(Counter(after.values())[one] for one in taken if one)
        <= max(Counter(before.values()).values()) + 1
    )
    assert running(app, date(2022, 11, 20)) == []
    with app.parts.sessions.begin() as session:
        assert adjustment.get(session, sheet.number).approved_by == BOSS
        on_the_old_day = query.cadre_rows(session, leaver.cadre, DAY)
    assert len(on_the_old_day) == Counter(before.values())[leaver.cadre], "the past stays as it was"


def test_a_named_successor_takes_all_and_one_of_another_level_is_refused(app: App) -> None:
    leaver = cadre_with_work(app, TOWN)
    with app.parts.sessions.begin() as session:
        heir = next(one for one in query.cadres(session, TOWN, DAY) if one.cadre != leaver.cadre).cadre
        stranger = query.cadres(session, VILLAGE, DAY)[0].cadre
    with pytest.raises(InputError, match="指定接任"):
        adjusting.leave(app.parts, leaver.cadre, who=CLERK, why="调离", to=stranger)
    _, proposed = adjusting.leave(app.parts, leaver.cadre, who=CLERK, why="调离", to=heir)
    assert {line.new for line in proposed.lines} == {heir}


def test_a_closed_entity_has_thirty_working_days_and_leaves_the_list_in_a_batch(app: App) -> None:
    one, other = opening.entities_of(app, DAY, "D")[:2]
    made = changes.change_entity(app.parts, one.entity, {"status": "注销"}, who=CLERK, why="注销")
    made += changes.change_entity(app.parts, other.entity, {"address": "样例新路9号"}, who=CLERK, why="搬迁")
    assert [(row.what, row.due_on) for row in made] == [
        ("关闭", date(2022, 12, 22)),
        ("迁址", date(2022, 12, 22)),
    ]
    sheet = adjusting.draft_adjustment(app.parts, DISTRICT, who=CLERK)
    assert sheet.changes == 2
    adjusting.approve(app.parts, [sheet.number], who=BOSS, document="纪要2号")
    assert one.entity not in opening.bonds(app, DAY)
    assert running(app, DAY) == []
    with pytest.raises(ConflictError, match="E-REG-748"):
        adjusting.approve(app.parts, [sheet.number], who=BOSS, document="纪要2号")


def test_an_adjustment_that_the_registry_has_overtaken_is_refused_and_nothing_is_written(app: App) -> None:
    leaver = cadre_with_work(app, TOWN)
    sheet, _ = adjusting.leave(app.parts, leaver.cadre, who=CLERK, why="调离")
    intake.assign(app.parts, who="另一人")
    before = opening.bonds(app, DAY)
    with pytest.raises(ConflictError, match="E-REG-751"):
        adjusting.approve(app.parts, [sheet.number], who=BOSS, document="纪要3号")
    assert opening.bonds(app, DAY) == before
    adjusting.withdraw(app.parts, sheet.number)
    again = adjusting.draft_adjustment(app.parts, TOWN, who=CLERK)
    adjusting.approve(app.parts, [again.number], who=BOSS, document="纪要4号")
    assert running(app, DAY) == []


def test_a_raise_needs_another_persons_approval_and_survives_import_and_regrading(app: App) -> None:
    one = entity_of(app, "D")
    asked = tiers.apply_for_raise(app.parts, who=CLERK, why="网红店", entity=one.entity)
    with pytest.raises(ForbiddenError, match="E-REG-743"):
        tiers.approve_raise(app.parts, asked, who=CLERK, document="温食安委〔2022〕9号")
    assert "五马街道申请，待批准，申请人 拟稿人" in "".join(in_force.sentences(app.parts))
    (row,) = tiers.approve_raise(app.parts, asked, who=BOSS, document="温食安委〔2022〕9号")
    assert row.what == "提级"
    raised = next(other for other in opening.entities_of(app, DAY) if other.entity == one.entity)
    assert raised.tier == "C"
    assert "温食安委〔2022〕9号" in raised.tier_reason
    assert raised.tier_rule == one.tier_rule
    assert tiers.show_regrade(app.parts)[0] == []
    sheet = adjusting.draft_adjustment(app.parts, DISTRICT, who=CLERK)
    adjusting.approve(app.parts, [sheet.number], who=BOSS, document="纪要")
    with app.parts.sessions.begin() as session:
        holder = opening.bonds(app, DAY)[one.entity]
        assert query.cadre(session, holder, DAY).level == "town"
    (back,), _ = tiers.end_raise(app.parts, asked, who=BOSS, why="期满")
    assert back.what == "降级"
    assert entity_of(app, "D").entity == one.entity or one.entity in {
        other.entity for other in opening.entities_of(app, DAY, "D")
    }


def test_a_sector_of_a_street_is_raised_as_one(app: App) -> None:
    meant = {one.entity for one in opening.entities_of(app, DAY, "D") if one.sector == "小餐饮"}
    asked = tiers.apply_for_raise(
        app.parts,
        who=CLERK,
        why="专项",
        sector="小餐饮",
        unit=TOWN,
        from_tier="D",
        applicant="样例商务局",
    )
    with app.parts.sessions.begin() as session:
        assert session.scalars(select(Raise.applicant).where(Raise.id == asked)).one() == "样例商务局"
    made = tiers.approve_raise(app.parts, asked, who=BOSS, document="批复1号")
    assert {row.subject for row in made} == meant
    assert meant <= {one.entity for one in opening.entities_of(app, DAY, "C")}


def test_a_resized_entity_is_graded_anew_and_a_diff_is_applied_only_as_it_was_shown(
    app: App, tmp_path: Path
) -> None:
    one = next(one for one in opening.entities_of(app, DAY, "D") if one.sector == "餐饮")
    made = changes.change_entity(
        app.parts, one.entity, {"employees": 150, "revenue": 3000}, who=CLERK, why="扩大经营"
    )
    assert [row.what for row in made] == ["规模变化"]
    assert one.entity in {other.entity for other in opening.entities_of(app, DAY, "B")}
    shipped = Path(changes.__file__).parents[1] / "registry" / "rules" / "grading.toml"
    strict = shipped.read_text(encoding="utf-8").replace(
        'id = "G-三小"\npriority = 10\ntier = "D"', 'id = "G-三小"\npriority = 10\ntier = "C"'
    )
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "grading.toml").write_text(strict, encoding="utf-8")
    ruled = opening.with_rules(app, tmp_path / "rules").parts
    lines, seen = tiers.show_regrade(ruled)
    assert lines
    assert all((line.old_tier, line.new_tier) == ("D", "C") for line in lines)
    with pytest.raises(ConflictError, match="E-REG-745"):
        tiers.apply_regrade(ruled, "0" * 64, who=CLERK)
    done = tiers.apply_regrade(ruled, seen, who=CLERK)
    assert done == lines
    down, seen = tiers.show_regrade(app.parts)
    assert all(line.lowers for line in down)
    with pytest.raises(ForbiddenError, match="E-REG-855"):
        tiers.apply_regrade(app.parts, seen, who=CLERK)
    tiers.apply_regrade(app.parts, seen, who=CLERK, approved_by=BOSS)
    assert tiers.show_regrade(app.parts)[0] == []


def test_only_a_district_committee_delegates_and_only_between_two_days(app: App, clock: DayClock) -> None:
    head = cadre_with_work(app, DISTRICT)
    until = DAY + timedelta(days=30)
    theirs = entity_of(app, "B")

    def delegate(unit: str) -> None:
        arrangements.delegate(
            app.parts,
            unit,
            head.cadre,
            who=CLERK,
            body="区教育局",
            document="授权1号",
            until=until,
            sector=theirs.sector,
        )

    with pytest.raises(ForbiddenError, match="E-REG-752"):
        delegate(TOWN)
    with pytest.raises(ForbiddenError, match="E-REG-753"):
        delegate(DISTRICT)
    with app.parts.sessions.begin() as session:
        session.get_one(Cadre, head.row).kind = "委托授权"
    intake.assign(app.parts, who=CLERK)
    assert head.cadre not in opening.bonds(app, DAY).values(), "without delegation they carry nothing"
    delegate(DISTRICT)
    intake.assign(app.parts, who=CLERK)
    assert opening.bonds(app, DAY)[theirs.entity] == head.cadre
    assert f"至{until}，授权1号" in "".join(in_force.sentences(app.parts))
    clock.set(until)
    intake.assign(app.parts, who=CLERK)
    assert opening.bonds(app, until)[theirs.entity] == head.cadre, "its last day is a day of it"
    clock.set(until + timedelta(days=1))
    intake.assign(app.parts, who=CLERK)
    assert head.cadre not in opening.bonds(app, until + timedelta(days=1)).values()


def test_a_new_roster_is_matched_all_successors_proposed_and_approved_in_one_act(app: App) -> None:
    with app.parts.sessions.begin() as session:
        team = query.cadres(session, TOWN, DAY)
        villager = query.cadres(session, VILLAGE, DAY)[-1]
    rows = [_row(number, one) for number, one in enumerate(team[:-2], start=2)]
    rows.append(_row(90, villager, unit=TOWN, level="town", post="副主任"))
    rows.append(CadreRow(91, TOWN, "新样一", "副主任", "town", "班子成员", "19900009991"))
    sheet, matched = adjusting.draft_roster(app.parts, rows, TOWN, who=CLERK, why="换届")
    assert [len(matched.of(how)) for how in ("留任", "调任", "新任")] == [len(team) - 2, 1, 1]
    assert set(matched.leaving) == {one.cadre for one in team[-2:]}
    assert "新样一" in sheet.letters
    assert set(opening.bonds(app, DAY).values()) & set(matched.leaving)
    with pytest.raises(ForbiddenError, match="E-REG-749"):
        adjusting.approve(app.parts, [sheet.number], who=CLERK, document="换届1号")
    with app.parts.sessions.begin() as session:
        assert len(query.cadres(session, TOWN, DAY)) == len(team), "a refused approval writes nothing"
    adjusting.approve(app.parts, [sheet.number], who=BOSS, document="换届1号")
    bonds = opening.bonds(app, DAY)
    assert not set(bonds.values()) & set(matched.leaving)
    assert matched.of("新任")[0].cadre in bonds.values()
    loads = Counter(bonds.values())
    with app.parts.sessions.begin() as session:
        now = query.cadres(session, TOWN, DAY)
        assert {one.name for one in now} == {row.name for row in rows}
        counts = [loads[one.cadre] for one in now]
        assert max(counts) - min(counts) <= 1
        kept = parse_canonical((adjustment.get(session, sheet.id).details or "").encode())
        assert "新样一" not in str(kept), "names stay in the registry alone"
    assert running(app, DAY) == []


def test_erasing_a_person_takes_name_phone_and_salt_and_nothing_else(app: App) -> None:
    leaver = cadre_with_work(app, TOWN)
    sheet, _ = adjusting.leave(app.parts, leaver.cadre, who=CLERK, why="调离")
    asked = erasing.request_erasure(app.parts, leaver.cadre, who=CLERK, basis="个人信息保护法第四十七条")
    with pytest.raises(ForbiddenError, match="E-REG-786"):
        erasing.approve_erasure(app.parts, asked, who=CLERK)
    with pytest.raises(ConflictError, match="E-REG-787 此人仍包保主体（请先批准交接）；"):
        erasing.approve_erasure(app.parts, asked, who=BOSS)
    adjusting.approve(app.parts, [sheet.number], who=BOSS, document="纪要")
    assert erasing.find_former(app.parts, TOWN, leaver.name) == leaver.cadre
    counts = _counts(app)
    assert erasing.approve_erasure(app.parts, asked, who=BOSS).removed["cadre"] == 2
    assert {table: before - _counts(app)[table] for table, before in counts.items()} == {
        "cadre": 0,
        "assignment": 0,
        "salt": 1,
    }
    with app.parts.sessions.begin() as session:
        rows = session.scalars(select(Cadre).where(Cadre.cadre == leaver.cadre)).all()
        assert {(row.name, row.mobile, row.post) for row in rows} == {("（已依法删除）", None, leaver.post)}
        assert session.get(Salt, leaver.cadre) is None
        with pytest.raises(NotFoundError, match="E-REG-404"):
            persons.subject(session, leaver.cadre)


def test_merged_villages_keep_their_bonds_and_their_past(app: App, clock: DayClock) -> None:
    other = "330302001002"
    before = opening.bonds(app, DAY)
    done, _ = reorganising.merge(
        app.parts, [VILLAGE, other], {"code": "330302001099", "name": "五马联合社区"}, who=CLERK, why="撤并"
    )
    assert done.cadres and done.entities and len(done.notes) == 3
    assert done.notes[-1] == "五马联合社区须登记主要负责人"
    assert opening.bonds(app, DAY) == before
    with app.parts.sessions.begin() as session:
        new = query.unit(session, "330302001099", DAY)
        assert (new.parent, new.level, new.predecessor) == (TOWN, "village", VILLAGE)
        assert [one.code for one in merging.predecessors(session, new.code)] == [VILLAGE, other]
        assert query.unit(session, VILLAGE, DAY - timedelta(days=1)).name == "五马一社区"
        with pytest.raises(NotFoundError):
            query.unit(session, VILLAGE, DAY)
        ends = session.scalars(select(Unit.valid_to).where(Unit.code == VILLAGE)).all()
        assert ends == [DAY]
    assert changes.note(app.parts, who=CLERK) == [], "a merged unit moves nobody"


def test_a_unit_that_was_there_for_no_whole_day_keeps_no_bundle_from_being_written(app: App) -> None:
    for codes, new in (
        ([VILLAGE, "330302001002"], "330302001099"),
        (["330302001099", "330302001003"], "330302001098"),
    ):
        facts = {"code": new, "name": f"五马样{new[-2:]}社区"}
        reorganising.merge(app.parts, codes, facts, who=CLERK, why="撤并")
    bundle = Trust.read_bundle(trust.bundle(app.parts, app.parts.clock()))
    assert ("鹿城区五马街道五马一社区", "鹿城区五马街道五马样98社区") in bundle.successors
    assert not any("样99" in before for before, _ in bundle.successors)


def test_a_due_day_in_a_year_without_a_calendar_is_provisional_and_counted_again(
    app: App, clock: DayClock, tmp_path: Path
) -> None:
    clock.set(date(2026, 12, 25))
    one = entity_of(app, "D", date(2026, 12, 25))
    (row,) = changes.change_entity(app.parts, one.entity, {"status": "注销"}, who=CLERK, why="注销")
    assert row.provisional
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "calendar.toml").write_text(
        '[[years]]\nyear = 2027\nholidays = [2027-01-01, 2027-02-05]\nworkdays = []\nsource = "样例通知"\n',
        encoding="utf-8",
    )
    assert changes.recompute(opening.with_rules(app, tmp_path / "rules").parts) == 1
    (again,) = running(app, date(2026, 12, 25))
    assert not again.provisional
    assert again.due_on > row.due_on


def test_an_import_starts_clocks_for_what_it_changed_once(app: App) -> None:
    with app.parts.sessions.begin() as session:
        assert session.scalars(select(ChangeRow)).all() == [], "the first list is no change"
        assert session.scalars(select(Adjustment)).all() == []
    one = entity_of(app, "D")
    with app.parts.sessions.begin() as session:
        row = session.get_one(Entity, one.row)
        facts = {one.key: getattr(row, one.key) for one in Entity.__table__.columns}
        row.valid_to = DAY
        session.add(
            Entity(**facts | {"row": None, "valid_from": DAY, "valid_to": None, "address": "别处1号"})
        )
    assert [row.what for row in changes.note(app.parts, who=CLERK)] == ["迁址"]
    assert changes.note(app.parts, who=CLERK) == []


def _row(number: int, one: Cadre, **changed: str) -> CadreRow:
    facts = {
        name: getattr(one, name)
        for name in ("unit", "name", "post", "level", "kind", "mobile", "sector", "since", "status")
    }
    return CadreRow(number, **facts | changed)


def _counts(app: App) -> dict[str, int]:
    with app.parts.sessions.begin() as session:
        return {
            table.__tablename__: len(session.scalars(select(table)).all())
            for table in (Cadre, Assignment, Salt)
        }
