"""A list goes from draft to in force only through other hands, the right committee and everybody asked."""

import io
import re
import zipfile
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.db.records import ListReview
from service.db.tables import Job, ListVersion, Rendition
from service.documents import content
from service.errors import ConflictError, ForbiddenError, InputError
from service.registry import export
from service.registry.list_review import Decision
from service.workflows import acts, list_review, lists, paper_sources, submissions
from service.workflows.papers.desk import Desk
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE, DayClock

DAY = date(2026, 11, 10)
MEETING = Decision(TOWN, DAY, "五马街道食安委〔2026〕1号纪要")
CLERK, BOSS = "拟稿人", "审定人"


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


@pytest.fixture
def draft(app: App) -> str:
    return lists.compile_list(app.parts, VILLAGE, "D", who=CLERK)


def approved(app: App, draft: str) -> str:
    list_review.submit(app.parts, draft, who=CLERK)
    list_review.approve(app.parts, draft, MEETING, who=BOSS)
    return draft


def state(app: App, list_id: str) -> str:
    with app.parts.sessions.begin() as session:
        return session.get_one(ListVersion, list_id).state


def test_a_village_list_is_approved_by_the_streets_committee_and_comes_into_force(
    app: App, draft: str
) -> None:
    approved(app, draft)
    assert state(app, draft) == "approved"
    assert list_review.bring_into_force(app.parts, draft, who=CLERK) == []
    with app.parts.sessions.begin() as session:
        row, review = session.get_one(ListVersion, draft), session.get_one(ListReview, draft)
        assert (row.state, row.approved_on, review.minutes) == ("in_force", DAY, MEETING.minutes)
        assert row.approved_by is not None and "五马街道" in row.approved_by
        assert [one.what for one in acts.of(session, draft)] == ["送审", "审定", "执行"]
        assert {line[4] for line in export.lists(session, DAY).rows} == {"执行中"}


def test_an_approved_list_is_printed_again_with_its_date_and_the_draft_is_not_taken_for_it(
    app: App, draft: str
) -> None:
    lists.render(app.parts, draft)
    with app.parts.sessions.begin() as session:
        before = lists.renditions(session, draft)
    approved(app, draft)
    with app.parts.sessions.begin() as session:
        assert lists.renditions(session, draft) == {}, "the draft still prints 待审定"
        assert ("approved_list", draft) in {(row.task, row.target) for row in session.scalars(select(Job))}
    lists.render(app.parts, draft)
    lists.render(app.parts, draft)
    with app.parts.sessions.begin() as session:
        after = lists.renditions(session, draft)
        stages = sorted(session.scalars(select(Rendition.stage)))
    assert set(after) == set(before) == {"pdf", "docx"} and not set(after.values()) & set(before.values())
    assert stages == ["approved", "approved", "draft", "draft"]
    with zipfile.ZipFile(io.BytesIO(app.parts.store.get(after["docx"]))) as archive:
        text = re.sub("<[^>]+>", "", archive.read("word/document.xml").decode())
    assert "2026年11月10日" in text


def test_only_an_approved_list_is_posted_and_it_bears_nobodys_own_number(app: App, draft: str) -> None:
    with app.parts.sessions.begin() as session:
        desk = Desk(session, DAY, app.parts.rules)
        assert paper_sources.targets(desk, "posted_list", VILLAGE, None) == []
    approved(app, draft)
    lists.compile_list(app.parts, VILLAGE, "D", who=CLERK)
    with app.parts.sessions.begin() as session:
        desk = Desk(session, DAY, app.parts.rules)
        (target,) = paper_sources.targets(desk, "posted_list", VILLAGE, "D")
        posted = paper_sources.content(desk, "posted_list", target.id)
        whole = paper_sources.content(desk, "responsibility_list", target.id)
    fields = content.validate(app.parts.kind("posted_list"), posted.fields)
    assert len(fields["rows"]) == len(whole.fields["rows"]) > 0
    assert re.search(r"1[3-9]\d{9}", str(whole.fields)) and not re.search(r"1[3-9]\d{9}", str(fields))
    assert fields["hotline"] == "12315" and fields["approved_on"] == "2026年11月10日"
    assert posted.envelope.kind == "posted_list" and posted.envelope.letter != whole.envelope.letter


def test_who_drafted_or_submitted_may_not_approve(app: App, draft: str) -> None:
    list_review.submit(app.parts, draft, who="送审人")
    for who in (CLERK, "送审人"):
        with pytest.raises(ForbiddenError, match="E-REG-769"):
            list_review.approve(app.parts, draft, MEETING, who=who)
    assert state(app, draft) == "submitted"


def test_another_committee_may_not_approve(app: App, draft: str) -> None:
    list_review.submit(app.parts, draft, who=CLERK)
    for unit in (VILLAGE, DISTRICT):
        with pytest.raises(ForbiddenError, match="五马街道"):
            list_review.approve(app.parts, draft, Decision(unit, DAY, "纪要"), who=BOSS)


@pytest.mark.parametrize(
    "decision",
    [
        Decision(TOWN, DAY, " "),
        Decision(TOWN, date(2026, 11, 9), "纪要"),
        Decision(TOWN, date(2026, 11, 11), "纪要"),
    ],
)
def test_a_decision_needs_minutes_and_a_meeting_that_was_held(
    app: App, draft: str, decision: Decision
) -> None:
    list_review.submit(app.parts, draft, who=CLERK)
    with pytest.raises(InputError, match="E-REG-769"):
        list_review.approve(app.parts, draft, decision, who=BOSS)


def test_a_draft_cannot_skip_a_step(app: App, draft: str) -> None:
    with pytest.raises(ConflictError, match="草拟"):
        list_review.approve(app.parts, draft, MEETING, who=BOSS)
    with pytest.raises(ConflictError, match="草拟"):
        list_review.bring_into_force(app.parts, draft, who=BOSS)


def test_every_department_asked_must_agree_before_submission(app: App, draft: str) -> None:
    list_review.ask_departments(app.parts, draft, ["教育局", "民政局"], who=CLERK)
    list_review.answer(app.parts, draft, "教育局", "同意", who="教育局联络员")
    with pytest.raises(ConflictError, match="未回复：民政局"):
        list_review.submit(app.parts, draft, who=CLERK)
    with pytest.raises(InputError):
        list_review.answer(app.parts, draft, "民政局", "不同意", who="民政局联络员")
    list_review.answer(app.parts, draft, "民政局", "不同意", who="民政局联络员", note="缺一家养老机构")
    with pytest.raises(ConflictError, match="缺一家养老机构"):
        list_review.submit(app.parts, draft, who=CLERK)
    list_review.ask_departments(app.parts, draft, ["民政局"], who=CLERK)
    list_review.answer(app.parts, draft, "民政局", "同意", who="民政局联络员")
    list_review.submit(app.parts, draft, who=CLERK)
    assert state(app, draft) == "submitted"


def test_a_returned_list_is_a_draft_again_and_keeps_the_reason(app: App, draft: str) -> None:
    list_review.submit(app.parts, draft, who=CLERK)
    list_review.send_back(app.parts, draft, who=BOSS, why="地址不全")
    assert state(app, draft) == "draft"
    with app.parts.sessions.begin() as session:
        assert [(one.what, one.why) for one in acts.of(session, draft)][-1] == ("退回", "地址不全")
    approved(app, draft)


@pytest.mark.parametrize(
    ("adjustment", "ended"), [("五马街道调整单〔2026〕1号", "adjusted"), ("", "superseded")]
)
def test_a_new_version_in_force_ends_the_one_before(
    app: App, draft: str, adjustment: str, ended: str
) -> None:
    list_review.bring_into_force(app.parts, approved(app, draft), who=CLERK)
    new = another_version(app, draft)
    assert state(app, draft) == "in_force"
    approved(app, new)
    assert list_review.bring_into_force(app.parts, new, who=CLERK, adjustment=adjustment) == [draft]
    assert (state(app, draft), state(app, new)) == (ended, "in_force")


def test_an_old_version_goes_no_further_once_a_newer_is_there(app: App, draft: str) -> None:
    new = another_version(app, draft)
    with pytest.raises(ConflictError, match="第2版"):
        list_review.submit(app.parts, draft, who=CLERK)
    list_review.bring_into_force(app.parts, approved(app, new), who=CLERK)
    assert state(app, draft) == "superseded"


def test_units_hand_in_by_the_hour_and_are_sent_back(app: App, clock: DayClock, draft: str) -> None:
    due = submissions.parse_due("2026-11-17 12:00")
    assert submissions.open_round(app.parts, DISTRICT, 2026, due, who=CLERK) == 1
    with pytest.raises(ConflictError, match="还没有经审定的清单"):
        submissions.hand_in(app.parts, TOWN, 2026, who=CLERK)
    approved(app, draft)
    clock.set(date(2026, 11, 17), 11, 59)
    assert submissions.hand_in(app.parts, TOWN, 2026, who=CLERK)
    with pytest.raises(ConflictError, match="已经报送"):
        submissions.hand_in(app.parts, TOWN, 2026, who=CLERK)
    submissions.send_back(app.parts, TOWN, 2026, who=BOSS, why="缺街道本级清单")
    clock.set(date(2026, 11, 17), 12, 1)
    (standing,) = submissions.standings(app.parts, DISTRICT, 2026)
    assert (standing.state, standing.overdue, standing.why) == ("退回", True, "缺街道本级清单")
    assert "11-17 12:00" in str(standing)
    assert not submissions.hand_in(app.parts, TOWN, 2026, who=CLERK)
    (standing,) = submissions.standings(app.parts, DISTRICT, 2026)
    assert (standing.state, standing.late, standing.overdue) == ("已报", True, False)


def test_putting_together_names_what_no_list_holds_and_what_was_renewed(app: App, draft: str) -> None:
    submissions.open_round(app.parts, DISTRICT, 2026, submissions.parse_due("2026-11-17"), who=CLERK)
    assert submissions.consolidate(app.parts, DISTRICT, 2026).missing == ("五马街道",)
    approved(app, draft)
    submissions.hand_in(app.parts, TOWN, 2026, who=CLERK)
    first = submissions.consolidate(app.parts, DISTRICT, 2026)
    assert first.handed_in.to_json() == [1, 1] and first.rows > 0
    assert {one.code for one in first.conflicts} == {"E-REG-774"}
    approved(app, another_version(app, draft))
    again = submissions.consolidate(app.parts, DISTRICT, 2026)
    assert again.sha256 == first.sha256  # what was handed in stays what it was
    assert "E-REG-778" in {one.code for one in again.conflicts}


def another_version(app: App, old: str) -> str:
    """Let the registry change, so that compiling gives a new version."""
    from sqlalchemy import select, update  # noqa: PLC0415

    from service.db.tables import Entity  # noqa: PLC0415

    with app.parts.sessions.begin() as session:
        version = session.get_one(ListVersion, old)
        row = session.scalars(
            select(Entity.row).where(Entity.unit == version.unit, Entity.tier == "D")
        ).first()
        session.execute(update(Entity).where(Entity.row == row).values(address="样例新址1号"))
    return lists.compile_list(app.parts, VILLAGE, "D", who=CLERK)
