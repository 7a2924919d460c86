"""Visits, problems, photos, supervision and reports: recorded as they were, counted only where they fulfil."""

import io
import json
from datetime import date
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from service.app import App
from service.archive import audit
from service.core import Sha256Hex
from service.db.records import Photo, Problem, Supervision, Visit
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import rules, task_lists, visiting
from service.registry.supervision import Inspection, Shortcoming
from service.registry.task_lists import BAD, OUT
from service.registry.visits import Found
from service.verification.trust import Trust
from service.verification.verdict import verify
from service.workflows import acts, duty_reports, site_checks, supervision, visits
from service.workflows.site_checks import Circumstances
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE, DayClock

DAY = date(2026, 11, 10)
WHO = "录入员"
GOOD = Found({})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("street") / "var"
    opening.make_home(home, DAY)
    return home


@pytest.fixture
def clock() -> DayClock:
    clock = DayClock(DAY)
    clock.set(DAY, 10)
    return clock


@pytest.fixture
def app(home: Path, tmp_path: Path, clock: DayClock) -> App:
    return opening.open_copy(home, tmp_path / "var", clock)


def pair(app: App, *, on_site: bool, tier: str | None = None) -> tuple[str, str]:
    """Return a cadre and an entity of theirs that must (or need not) be visited on site."""
    book, bonds = rules.shipped(), opening.bonds(app, DAY)
    for entity in opening.entities_of(app, DAY, tier):
        due = visiting.on_site_reason(entity, book.on_site, DAY) is not None
        if due is on_site and entity.entity in bonds:
            return bonds[entity.entity], entity.entity
    raise AssertionError("the sample has no such entity")


def visit_row(app: App, recorded: visits.Recorded) -> Visit:
    with app.parts.sessions.begin() as session:
        return session.get_one(Visit, next(iter(recorded.visits.values())))


def photo_bytes(form: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(out, form, **options)
    return out.getvalue()


def test_the_shipped_lists_have_23_items_for_streets_and_16_for_villages() -> None:
    lists = task_lists.shipped()
    assert lists.status == "参考"
    assert len(lists.of("town", DAY).items) == 23
    assert len(lists.of("village", DAY).items) == 16


def test_a_visit_answers_every_item_and_its_problems_have_a_deadline(app: App) -> None:
    cadre, entity = pair(app, on_site=False, tier="D")
    found = Found({12: (BAD, "过期食品两件"), 10: (OUT, "")})
    done = visits.record(app.parts, cadre, entity, DAY, "现场", found, who=WHO)
    row = visit_row(app, done)
    items = {item["no"]: item["result"] for item in json.loads(row.items)}
    assert (row.period, len(items), items[12], items[10], items[1]) == (
        "2026Q4",
        16,
        "不符合",
        "不适用",
        "符合",
    )
    with app.parts.sessions.begin() as session:
        (problem,) = session.scalars(select(Problem))
        assert (problem.text, problem.item, problem.due_on) == ("过期食品两件", 12, date(2026, 12, 1))


def test_an_online_visit_where_on_site_is_due_is_kept_but_does_not_count(app: App) -> None:
    cadre, entity = pair(app, on_site=True)
    online = visits.record(app.parts, cadre, entity, DAY, "线上", GOOD, who=WHO)
    assert online.not_counted == (entity,)
    row = visit_row(app, online)
    assert row.on_site_due and not row.counts
    there = visits.record(app.parts, cadre, entity, DAY, "现场", GOOD, who=WHO)
    assert there.not_counted == () and visit_row(app, there).counts


def test_an_online_visit_counts_where_on_site_is_not_due(app: App) -> None:
    cadre, entity = pair(app, on_site=False)
    assert visit_row(app, visits.record(app.parts, cadre, entity, DAY, "线上", GOOD, who=WHO)).counts


@pytest.mark.parametrize("went_in", [False, True])
def test_one_act_visits_many_entities_and_a_meeting_room_is_no_site(app: App, went_in: bool) -> None:
    cadre, entity = pair(app, on_site=True)
    own = [one for one, held in opening.bonds(app, DAY).items() if held == cadre]
    done = visits.record_together(app.parts, cadre, dict.fromkeys(own, GOOD), DAY, went_in=went_in, who=WHO)
    assert set(done.visits) == set(own)
    assert (entity in done.not_counted) is not went_in
    with app.parts.sessions.begin() as session:
        assert {row.group for row in session.scalars(select(Visit))} == {done.group}


def test_one_wrong_entity_leaves_nothing_of_a_common_visit(app: App) -> None:
    cadre, _ = pair(app, on_site=False)
    bonds = opening.bonds(app, DAY)
    own = next(one for one, held in bonds.items() if held == cadre)
    foreign = next(one for one, held in bonds.items() if held != cadre)
    with pytest.raises(ForbiddenError, match="E-REG-764"):
        visits.record_together(app.parts, cadre, {own: GOOD, foreign: GOOD}, DAY, went_in=True, who=WHO)
    with app.parts.sessions.begin() as session:
        assert session.scalars(select(Visit)).all() == []


@pytest.mark.parametrize(
    ("on", "mode", "found", "code"),
    [
        (date(2026, 11, 11), "现场", GOOD, "E-REG-858"),
        (DAY, "电话", GOOD, "E-REG-761"),
        (DAY, "现场", Found({99: (BAD, "x")}), "E-REG-761"),
        (DAY, "现场", Found({1: (BAD, " ")}), "E-REG-761"),
        (DAY, "现场", Found({1: ("还行", "x")}), "E-REG-761"),
        (DAY, "现场", Found({1: (BAD, "x")}, severity="很重"), "E-REG-761"),
    ],
)
def test_what_does_not_fit_is_refused(app: App, on: date, mode: str, found: Found, code: str) -> None:
    cadre, entity = pair(app, on_site=False)
    with pytest.raises(InputError, match=code):
        visits.record(app.parts, cadre, entity, on, mode, found, who=WHO)


def test_the_same_visit_is_not_recorded_twice(app: App) -> None:
    cadre, entity = pair(app, on_site=False)
    visits.record(app.parts, cadre, entity, DAY, "现场", GOOD, who=WHO)
    with pytest.raises(ConflictError, match="E-REG-860"):
        visits.record(app.parts, cadre, entity, DAY, "现场", GOOD, who=WHO)


def test_a_serious_problem_goes_to_the_station_before_it_is_closed(app: App, clock: DayClock) -> None:
    cadre, entity = pair(app, on_site=False)
    found = Found({1: (BAD, "无证经营")}, severity="严重")
    (problem,) = visits.record(app.parts, cadre, entity, DAY, "现场", found, who=WHO).problems
    with pytest.raises(ConflictError, match="须先移交"):
        visits.close(app.parts, problem, on=DAY, remedy="已办证", who=WHO)
    visits.hand_over(app.parts, problem, on=DAY, who=WHO, station="五马市场监管所")
    clock.set(date(2026, 11, 20))
    with pytest.raises(InputError, match="整改情况"):
        visits.close(app.parts, problem, on=date(2026, 11, 20), remedy="", who=WHO)
    visits.close(app.parts, problem, on=date(2026, 11, 20), remedy="已办证", who=WHO)
    with pytest.raises(ConflictError, match="已于2026-11-20销号"):
        visits.close(app.parts, problem, on=date(2026, 11, 20), remedy="已办证", who=WHO)


def test_a_photo_is_kept_once_without_metadata_and_named_by_the_log(app: App) -> None:
    cadre, entity = pair(app, on_site=False)
    visit = next(iter(visits.record(app.parts, cadre, entity, DAY, "现场", GOOD, who=WHO).visits.values()))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x9286] = "SecretPhone", 6, "SecretPlace"
    taken = photo_bytes("JPEG", exif=exif, comment=b"SecretNote") + b"SecretTail"
    digest = visits.add_photo(app.parts, visit, taken, who=WHO, item=3)
    assert visits.add_photo(app.parts, visit, taken, who=WHO, item=3) == digest
    kept = app.parts.store.get(digest)
    assert b"Secret" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert image.size == (20, 40) and not image.getexif()  # upright, as the phone had it
    with app.parts.sessions.begin() as session:
        assert [row.sha256 for row in session.scalars(select(Photo))] == [digest]
    report = audit.audit(app.parts.settings.archive, app.parts.log.vkey)
    assert report.ok and not report.findings


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\xff\xd8\xff", photo_bytes("PNG")[:60], photo_bytes("GIF")]
)
def test_what_is_no_whole_jpeg_or_png_is_refused(app: App, data: bytes) -> None:
    cadre, entity = pair(app, on_site=False)
    visit = next(iter(visits.record(app.parts, cadre, entity, DAY, "现场", GOOD, who=WHO).visits.values()))
    with pytest.raises(InputError, match="E-REG-765"):
        visits.add_photo(app.parts, visit, data, who=WHO)


def inspection(**changes: object) -> Inspection:
    facts = {"inspecting": DISTRICT, "inspected": TOWN, "on": DAY, "team": ["张样", "李样"]}
    return Inspection(**{**facts, **changes})  # type: ignore[arg-type]


def test_supervision_counts_its_indices_and_follows_its_problems(app: App, clock: DayClock) -> None:
    cadre, entity = pair(app, on_site=False)
    visits.record(app.parts, cadre, entity, DAY, "现场", GOOD, who=WHO)
    made = supervision.record(
        app.parts,
        inspection(
            shortcomings=[Shortcoming("督导记录不全")], disposal="限期整改", rectify_due=date(2026, 11, 30)
        ),
        who=WHO,
    )
    with app.parts.sessions.begin() as session:
        row = session.get_one(Supervision, made)
        (problem,) = session.scalars(select(Problem))
        indices = json.loads(row.indices)
    assert set(indices) == {"承诺书签订率", "督导完成率", "现场督导率", "问题闭环率", "调整及时率"}
    assert indices["督导完成率"][0] == 1 and indices["督导完成率"][1] > 10
    assert problem.due_on == date(2026, 11, 30)
    clock.set(date(2026, 11, 28))
    on = date(2026, 11, 28)
    with pytest.raises(ConflictError, match="1 个问题未销号"):
        supervision.rectified(app.parts, made, on=on, note="已补", who=WHO)
    visits.close(app.parts, problem.id, on=on, remedy="已补记录", who=WHO)
    supervision.rectified(app.parts, made, on=on, note="已补", who=WHO)
    with pytest.raises(ConflictError, match="整改完成"):
        supervision.rectified(app.parts, made, on=on, note="已补", who=WHO)


def test_supervision_goes_exactly_one_level_down(app: App) -> None:
    for upper, lower in ((DISTRICT, VILLAGE), (TOWN, DISTRICT), (TOWN, TOWN)):
        with pytest.raises(ForbiddenError, match="下督一级"):
            supervision.record(app.parts, inspection(inspecting=upper, inspected=lower), who=WHO)


@pytest.mark.parametrize(
    "changes",
    [
        {"team": []},
        {"disposal": "罚款", "shortcomings": [Shortcoming("x")]},
        {"disposal": "限期整改", "shortcomings": [Shortcoming("x")]},
        {"disposal": "约谈"},
        {"on": date(2026, 11, 11)},
    ],
)
def test_an_incomplete_inspection_is_refused(app: App, changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="E-REG-761"):
        supervision.record(app.parts, inspection(**changes), who=WHO)


def test_the_sample_is_drawn_below_the_unit_without_repetition(app: App) -> None:
    drawn = supervision.draw(app.parts, VILLAGE, 3, DAY)
    inside = {one.entity for one in opening.entities_of(app, DAY) if one.unit == VILLAGE}
    assert len(set(drawn)) == 3 and set(drawn) <= inside


def test_reports_are_received_once_and_forwarded_together_with_who_is_missing(
    app: App, clock: DayClock
) -> None:
    village = {one.entity for one in opening.entities_of(app, DAY, "D")}
    cadres = sorted({cadre for entity, cadre in opening.bonds(app, DAY).items() if entity in village})
    clock.set(date(2026, 12, 20))
    on = date(2026, 12, 20)
    duty_reports.receive(app.parts, cadres[0], 2026, on=on, who=WHO, file=b"%PDF report")
    with pytest.raises(ConflictError, match="已于2026-12-20收到"):
        duty_reports.receive(app.parts, cadres[0], 2026, on=on, who=WHO)
    with pytest.raises(InputError, match="街镇"):
        duty_reports.forward(app.parts, VILLAGE, 2026, on=on, who=WHO)
    first = duty_reports.forward(app.parts, TOWN, 2026, on=on, who=WHO)
    assert (first.now, first.total) == (1, 1) and "鹿城区" in first.to
    assert len(first.missing) >= len(cadres) - 1
    duty_reports.receive(app.parts, cadres[1], 2026, on=on, who=WHO)
    second = duty_reports.forward(app.parts, TOWN, 2026, on=on, who=WHO)
    assert (second.now, second.total, len(second.missing)) == (1, 2, len(first.missing) - 1)


def test_a_record_of_checked_files_is_filed_with_a_visit_once_and_logged(app: App) -> None:
    cadre, entity = pair(app, on_site=True)
    visit = next(iter(visits.record(app.parts, cadre, entity, DAY, "现场", GOOD, who=WHO).visits.values()))
    report = verify(b"%PDF-1.7 torn", Trust(), app.parts.clock(), file="承诺书.pdf")
    around = Circumstances("周样例", "五马街道示例路1号", app.parts.clock(), ("墙上无公示牌",))
    data = site_checks.record(around, [report])
    digest = site_checks.file(app.parts, visit, data, who=WHO)
    assert app.parts.store.get(Sha256Hex(digest)) == data
    with app.parts.sessions.begin() as session:
        assert "查验 1 份" in acts.of(session, visit)[-1].why
    assert audit.audit(app.parts.settings.archive, app.parts.log.vkey, audit.Scope()).ok
    for subject, content, code in ((visit, data, "173"), ("0" * 32, data, "172"), (visit, b"{}", "171")):
        with pytest.raises((ConflictError, InputError, NotFoundError), match=f"E-VER-{code}"):
            site_checks.file(app.parts, subject, content, who=WHO)
    with pytest.raises(InputError, match="E-VER-170"):
        site_checks.record(Circumstances("", "某处", app.parts.clock()), [report])
