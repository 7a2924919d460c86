"""An enterprise's papers, visit records, notices and notice boards, made from a street that has lived for two weeks."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

import pytest
from sqlalchemy.orm import Session

from service.app import App
from service.db.tables import Cadre, Entity
from service.documents.content import Content, validate, validate_envelope
from service.documents.docx import render_docx
from service.documents.text import docx_words
from service.errors import InputError, NotFoundError
from service.registry import query, rules, staffing
from service.registry.supervision import Inspection, Item, Shortcoming
from service.registry.visits import Found
from service.workflows import papers, supervision, visits
from service.workflows.papers import Desk, enterprise
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, DayClock

OPENED, DAY, LATER = date(2022, 11, 10), date(2022, 11, 24), date(2026, 11, 24)
WHO = "录入员"
KINDS = (*enterprise.KINDS, "visit_record", "rectification_notice", "notice_board", "notice_board_a3")
INTERVIEW = {
    "day": "2022-11-30",
    "clock": "9时",
    "place": "示例会议室",
    "reply_by": "2022-11-28",
    "contact": "示例科，0000-0000000",
}


@dataclass
class Lived:
    """The street, and what happened in it by name."""

    app: App
    session: Session
    ids: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Visit two entities of a village cadre, one with a problem, and supervise the street."""
    home = tmp_path_factory.mktemp("firms") / "var"
    opening.make_home(home, OPENED, entities=120)
    clock = DayClock(date(2022, 11, 14))
    app = opening.open_copy(home, home.parent / "copy", clock)
    parts, bonds = app.parts, opening.bonds(app, OPENED)
    with parts.sessions.begin() as session:
        village = [one for one in set(bonds.values()) if query.cadre(session, one, OPENED).level == "village"]
    cadre = min(village)
    first, second = [entity for entity, other in bonds.items() if other == cadre][:2]
    found = Found({2: ("不符合", "未公示监督电话"), 12: ("不符合", "过期食品两件")})
    wrong = visits.record(parts, cadre, first, date(2022, 11, 14), "现场", found, who=WHO)
    good = visits.record(parts, cadre, second, date(2022, 11, 14), "现场", Found({}), who=WHO)
    visits.close(parts, wrong.problems[0], on=date(2022, 11, 14), remedy="已张贴", who=WHO)
    clock.set(DAY)
    inspection = Inspection(
        inspecting=DISTRICT,
        inspected=TOWN,
        on=date(2022, 11, 21),
        team=("陈演示",),
        items=(Item("督导频次与覆盖率", "两个村进度偏慢"),),
        sample=(first,),
        shortcomings=(Shortcoming("一个村未按时完成督导", first, "较重"),),
        disposal="约谈",
        rectify_due=date(2022, 12, 15),
    )
    ids = {
        "visit": wrong.visits[first],
        "good": good.visits[second],
        "visited": first,
        "cadre": cadre,
        "supervision": supervision.record(parts, inspection, who=WHO),
        "named": supervision.record(
            parts, replace(inspection, on=date(2022, 11, 22), disposal="通报"), who=WHO
        ),
    }
    with parts.sessions() as session:
        yield Lived(app, session, ids)


def desk_of(lived: Lived, on: date = DAY) -> Desk:
    return Desk(lived.session, on, rules.shipped())


def made(lived: Lived, desk: Desk, kind: str, target: str, **extra: str) -> Content:
    """Return the content of a paper as the kind accepts it."""
    content = papers.build(desk, kind, target, extra=extra)
    found = lived.app.parts.kind(kind)
    validate_envelope(found, content.envelope)
    return Content(content.envelope, validate(found, content.fields))


@pytest.mark.parametrize("kind", KINDS)
def test_every_target_of_a_kind_can_be_made_and_lies_in_the_scope(lived: Lived, kind: str) -> None:
    desk = desk_of(lived)
    found = papers.targets(desk, kind, unit=TOWN)
    assert found and len({target.file_name for target in found}) == len(found)
    assert all(target.unit.startswith(TOWN) for target in found)
    for target in found[:25]:
        made(lived, desk, kind, target.id)


def test_a_director_is_asked_of_those_of_whom_the_rules_ask_one(lived: Lived) -> None:
    desk, book = desk_of(lived, LATER), rules.shipped()
    listed = {target.id for target in papers.targets(desk, "director_duties")}
    for entity in query.entities(desk.session, LATER):
        rule = staffing.needed(entity, staffing.DIRECTOR, book.staffing, book.grading, LATER)
        wanted = entity.status == "在营" and (rule is not None or bool(entity.director))
        assert (entity.entity in listed) is wanted


def test_a_paper_cites_the_text_in_force_on_its_day(lived: Lived) -> None:
    target = next(one.id for one in papers.targets(desk_of(lived), "officer_rules"))
    old = made(lived, desk_of(lived, DAY), "officer_rules", target).fields
    new = made(lived, desk_of(lived, LATER), "officer_rules", target).fields
    assert (old["edition"], new["edition"]) == ("2022", "2025")
    assert "令第60号" in old["basis"] and "令第60号" not in new["basis"]


def test_a_school_canteen_gets_the_schools_words_and_since_2025_the_canteens_text(lived: Lived) -> None:
    desk = desk_of(lived, LATER)
    school = next(
        one
        for one in query.entities(desk.session, LATER)
        if one.format == "学校食堂" and one.status == "在营"
    )
    fields = made(lived, desk, "risk_list", school.entity).fields
    assert fields["sector"] == "学校食堂" and "集中用餐单位" in fields["basis"]
    assert "集中用餐单位" not in made(lived, desk_of(lived), "risk_list", school.entity).fields["basis"]


def test_without_a_director_the_officer_answers_to_the_head(lived: Lived) -> None:
    desk = desk_of(lived)
    for target in papers.targets(desk, "weekly_review"):
        entity = desk.entities([target.id])[target.id]
        firm = enterprise.firm(desk, entity)
        fields = made(lived, desk, "daily_check", target.id).fields
        assert fields["reviewer"] == ("食品安全总监" if firm.has_director else "主要负责人")
    assert made(lived, desk, "weekly_review", target.id).fields["begins"] == "2022-11-21"


def test_each_named_person_is_appointed_to_the_own_post(lived: Lived) -> None:
    desk = desk_of(lived)
    for target in papers.targets(desk, "appointment"):
        identity, role = target.id.split("/")
        entity = desk.entities([identity])[identity]
        fields = made(lived, desk, "appointment", target.id).fields
        named = entity.director if role == "食品安全总监" else entity.officer
        assert fields["appointees"] == named
    with pytest.raises(NotFoundError):
        made(lived, desk, "appointment", f"{identity}/店长")


def test_a_visit_record_says_item_by_item_what_was_recorded(lived: Lived) -> None:
    fields = made(lived, desk_of(lived), "visit_record", lived.ids["visit"]).fields
    results = {row["no"]: row["result"] for row in fields["checks"]}
    assert len(results) == 16 and results[2] == results[12] == "不符合" and results[1] == "符合"
    assert [row["item"] for row in fields["problems"]] == ["第2项", "第12项"]
    assert all(row["criterion"] for row in fields["checks"])
    assert made(lived, desk_of(lived), "visit_record", lived.ids["good"]).fields["problems"] == []


def test_an_entity_gets_an_empty_record_with_boxes_to_tick(lived: Lived) -> None:
    kind = lived.app.parts.kind("visit_record")
    content = papers.build(desk_of(lived), "visit_record", lived.ids["visited"])
    words = docx_words(render_docx(kind, content, specimen=False)).text
    assert "□符合□不符合□不适用" in words and "■" not in words


def test_a_notice_demands_only_what_is_still_open(lived: Lived) -> None:
    content = made(lived, desk_of(lived), "rectification_notice", lived.ids["visit"])
    (row,) = content.fields["problems"]
    assert row["text"] == "过期食品两件" and "货架和冰箱" in row["demand"]
    assert content.fields["issuer"] == content.envelope.parties[0].unit
    with pytest.raises(NotFoundError):
        made(lived, desk_of(lived), "rectification_notice", lived.ids["good"])


def test_a_supervision_leads_to_a_notice_and_to_a_talk(lived: Lived) -> None:
    desk = desk_of(lived)
    notice = made(lived, desk, "rectification_notice", lived.ids["supervision"]).fields
    assert notice["source"] == "督查" and notice["report_by"] == "2022-12-15"
    assert [one.id for one in papers.targets(desk, "interview_notice")] == [lived.ids["supervision"]]
    talk = made(lived, desk, "interview_notice", lived.ids["supervision"], **INTERVIEW).fields
    assert talk["to"] == notice["to"] and "两个村进度偏慢" in talk["reasons"]
    with pytest.raises(InputError, match="约谈日期"):
        made(lived, desk, "interview_notice", lived.ids["supervision"])


def test_a_circular_names_the_unit_and_its_problems(lived: Lived) -> None:
    desk = desk_of(lived)
    assert [one.id for one in papers.targets(desk, "circular")] == [lived.ids["named"]]
    fields = made(lived, desk, "circular", lived.ids["named"]).fields
    (row,) = fields["problems"]
    assert row["text"] == "一个村未按时完成督导" and row["unit"] in str(fields["title"])
    with pytest.raises(NotFoundError):
        made(lived, desk, "circular", lived.ids["supervision"])


def test_an_entity_whose_problems_are_overdue_is_called_and_the_quarter_told_of(lived: Lived) -> None:
    desk = Desk(lived.session, date(2023, 1, 9), rules.shipped())
    assert lived.ids["visit"] in [one.id for one in papers.targets(desk, "interview_notice")]
    talk = made(lived, desk, "interview_notice", lived.ids["visit"], **INTERVIEW).fields
    assert talk["object"] == "主体" and "过期食品两件：2022年11月14日督导发现" in str(talk["reasons"])
    with pytest.raises(NotFoundError):
        made(lived, desk, "interview_notice", lived.ids["good"], **INTERVIEW)
    quarters = [one.id for one in papers.targets(desk, "circular") if one.id.endswith("/2022Q4")]
    assert quarters == [f"{DISTRICT}/2022Q4", f"{TOWN}/2022Q4"]
    fields = made(lived, desk, "circular", f"{TOWN}/2022Q4").fields
    totals = [sum(int(row[key]) for row in fields["indices"]) for key in ("entities", "visited", "problems")]
    assert totals[0] > totals[1] >= 2 and totals[2] == 2
    assert any("超过整改期限" in row["text"] for row in fields["problems"])
    with pytest.raises(NotFoundError):
        made(lived, desk, "circular", f"{TOWN}/2022Q3")


def test_a_plan_has_the_days_of_the_rules_and_a_roster_those_who_went(lived: Lived) -> None:
    desk = desk_of(lived)
    assert f"{TOWN}/督查方案" in [one.id for one in papers.targets(desk, "plan", unit=TOWN)]
    plan = made(lived, desk, "plan", f"{DISTRICT}/实施方案").fields
    assert (plan["year"], plan["list_due"], plan["supervision_due"]) == (2023, "2023-01-31", "2023-12-31")
    assert "2023-01-31" < plan["commitment_due"] < "2023-03-15"
    assert plan["frequency"] == "每户每季度不少于1次" and plan["lower_units"] == "各街道（镇）"
    with pytest.raises(NotFoundError):
        made(lived, desk, "plan", f"{TOWN}/方案")
    (target,) = papers.targets(desk, "team_roster")
    (member,) = made(lived, desk, "team_roster", target.id).fields["members"][:1]
    assert (target.id, member["name"], member["duty"]) == (DISTRICT, "陈演示", "组长")
    assert member["post"] and member["task"] == desk.unit(TOWN).name


def test_a_notice_board_bears_no_number_of_a_person(lived: Lived) -> None:
    desk = desk_of(lived)
    mobiles = {row.mobile for row in desk.session.query(Cadre)} | {
        row.mobile for row in desk.session.query(Entity)
    }
    assert len(mobiles) > 10
    for target in papers.targets(desk, "notice_board"):
        fields = made(lived, desk, "notice_board", target.id).fields
        assert not set(re.findall(r"1\d{10}", json.dumps(fields, ensure_ascii=False))) & mobiles
        assert fields["hotline"] == "12315" and fields["posted_by"].endswith("办公室")


def test_a_board_says_of_a_firm_that_lacks_its_director_that_it_lacks_one(lived: Lived) -> None:
    desk, seen = desk_of(lived, LATER), set()
    for target in papers.targets(desk, "notice_board"):
        entity = desk.entities([target.id])[target.id]
        shown = made(lived, desk, "notice_board", target.id).fields["director"]
        needs = enterprise.firm(desk, entity).needs_director
        assert shown == (entity.director or ("待配备" if needs else "按规定无需配备"))
        seen.add(shown if entity.director is None else "named")
    assert {"named", "按规定无需配备"} <= seen
