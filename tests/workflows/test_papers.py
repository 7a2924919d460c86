"""What the registry knows is written by nobody twice: papers made from a street that has lived for two weeks."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from service.app import App
from service.db.tables import Cadre, Entity
from service.documents.content import Content, validate, validate_envelope
from service.documents.docx import render_docx
from service.errors import InputError, NotFoundError
from service.registry import query, rules, task_lists
from service.registry.list_review import Decision
from service.registry.supervision import Inspection, Item, Shortcoming
from service.registry.visits import Found
from service.workflows import (
    adjusting,
    arrangements,
    changes,
    duty_reports,
    list_review,
    lists,
    papers,
    supervision,
    tiers,
    visits,
)
from service.workflows.papers import Desk
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE, DayClock

OPENED, DAY = date(2022, 11, 10), date(2022, 11, 24)
CLERK, BOSS = "拟稿人", "审定人"
KINDS = (
    "adjustment",
    "approval_form",
    "delegation",
    "duty_report",
    "duty_summary",
    "raise_form",
    "supervision_list",
    "task_list",
)


@dataclass
class Lived:
    """The street, and what happened in it by name."""

    app: App
    clock: DayClock
    ids: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Visit, supervise, adjust, raise, delegate, approve and report, each once."""
    home = tmp_path_factory.mktemp("papers") / "var"
    opening.make_home(home, OPENED, entities=120)
    clock = DayClock(date(2022, 11, 14))
    made = Lived(opening.open_copy(home, home.parent / "copy", clock), clock)
    _list(made)
    _visit(made)
    _raise(made)
    _delegate(made)
    _adjust(made)
    clock.set(DAY)
    _supervise(made)
    _report(made)
    return made


def _visit(made: Lived) -> None:
    parts = made.app.parts
    bonds = opening.bonds(made.app, date(2022, 11, 14))
    cadre = next(one for one in bonds.values() if _cadre(made, one).level == "village")
    first, second = [entity for entity, other in bonds.items() if other == cadre][:2]
    found = Found({2: ("不符合", "未公示监督电话")})
    recorded = visits.record(parts, cadre, first, date(2022, 11, 14), "现场", found, who=CLERK)
    visits.record(parts, cadre, second, date(2022, 11, 14), "线上", Found({}), who=CLERK)
    visits.close(parts, recorded.problems[0], on=date(2022, 11, 14), remedy="已张贴", who=CLERK)
    made.ids |= {"cadre": cadre, "visited": first, "online": second}


def _list(made: Lived) -> None:
    parts = made.app.parts
    made.ids["list"] = version = lists.compile_list(parts, VILLAGE, "D", who=CLERK)
    list_review.ask_departments(parts, version, ["示例监管所"], who=CLERK)
    list_review.answer(parts, version, "示例监管所", "同意", who=BOSS, note="已核对")
    list_review.submit(parts, version, who=CLERK)
    decision = Decision(TOWN, date(2022, 11, 14), "示例会议纪要1号")
    list_review.approve(parts, version, decision, who=BOSS)


def _raise(made: Lived) -> None:
    one = opening.entities_of(made.app, date(2022, 11, 14), "D")[0]
    parts = made.app.parts
    made.ids["raise"] = tiers.apply_for_raise(parts, who=CLERK, why="示例网红店", entity=one.entity)
    made.ids["raised"] = one.entity
    tiers.approve_raise(parts, made.ids["raise"], who=BOSS, document="示例委〔2022〕9号")
    sector = opening.entities_of(made.app, date(2022, 11, 14), "D")[1].sector
    made.ids["sector"] = tiers.apply_for_raise(
        parts, who=CLERK, why="示例业态风险高", sector=sector, unit=TOWN, from_tier="D"
    )


def _delegate(made: Lived) -> None:
    with made.app.parts.sessions.begin() as session:
        head = query.cadres(session, DISTRICT, date(2022, 11, 14))[-1]
        row = session.get_one(Cadre, head.row)
        row.kind, row.post = "委托授权", "区教育局局长"
    made.ids["delegate"] = head.cadre
    made.ids["delegation"], _ = arrangements.delegate(
        made.app.parts,
        DISTRICT,
        head.cadre,
        who=CLERK,
        body="鹿城区教育局",
        document="示例委〔2022〕12号",
        until=date(2023, 12, 31),
    )


def _adjust(made: Lived) -> None:
    parts = made.app.parts
    with parts.sessions.begin() as session:
        place = query.unit(session, TOWN, date(2022, 11, 14))
        people = query.cadres(session, TOWN, date(2022, 11, 14))
    held = set(opening.bonds(made.app, date(2022, 11, 14)).values())
    leaver = next(
        one for one in people if one.cadre in held and one.cadre not in {place.leader, place.stand_in}
    )
    made.ids["leaver"] = leaver.name
    sheet, _ = adjusting.leave(parts, leaver.cadre, who=CLERK, why="调离")
    made.ids["draft"] = sheet.id
    adjusting.approve(parts, [sheet.number], who=BOSS, document="示例纪要2号")
    made.ids["sheet"] = made.ids.pop("draft")
    one = opening.entities_of(made.app, date(2022, 11, 14), "D")[5]
    changes.change_entity(parts, one.entity, {"status": "注销"}, who=CLERK, why="注销")
    made.ids["draft"] = adjusting.draft_adjustment(parts, DISTRICT, who=CLERK).id


def _supervise(made: Lived) -> None:
    sample = [made.ids["visited"], made.ids["online"]]
    inspection = Inspection(
        TOWN,
        VILLAGE,
        DAY,
        ("张示例", "李示例"),
        (Item("责任清单", "一户未列入"),),
        sample,
        (Shortcoming("漏列一户"), Shortcoming("记录不全", made.ids["visited"], "较重")),
        "限期整改",
        date(2022, 12, 9),
    )
    made.ids["supervision"] = supervision.record(made.app.parts, inspection, who=CLERK)


def _report(made: Lived) -> None:
    duty_reports.receive(made.app.parts, made.ids["cadre"], 2022, on=DAY, who=CLERK)


def _cadre(made: Lived, cadre: str) -> Cadre:
    with made.app.parts.sessions.begin() as session:
        return query.cadre(session, cadre, date(2022, 11, 14))


def _build(made: Lived, kind: str, target: str, **more: Any) -> Content:
    with made.app.parts.sessions.begin() as session:
        return papers.build(Desk(session, DAY, rules.shipped()), kind, target, **more)


def _targets(made: Lived, kind: str, **scope: str) -> list[papers.Target]:
    with made.app.parts.sessions.begin() as session:
        return papers.targets(Desk(session, DAY, rules.shipped()), kind, **scope)


@pytest.mark.parametrize("kind", KINDS)
def test_every_target_of_every_kind_can_be_made_and_fits_its_template(lived: Lived, kind: str) -> None:
    found = _targets(lived, kind)
    assert found
    template = lived.app.parts.kind(kind)
    with lived.app.parts.sessions.begin() as session:
        desk = Desk(session, DAY, rules.shipped())
        for target in found:
            content = papers.build(desk, kind, target.id)
            validate(template, content.fields)
            validate_envelope(template, content.envelope)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_of_every_kind_prints_and_prints_the_same_again(lived: Lived, kind: str) -> None:
    target = _targets(lived, kind)[0]
    template, parts = lived.app.parts.kind(kind), lived.app.parts
    first, second = (_build(lived, kind, target.id) for _ in range(2))
    assert first == second
    assert parts.renderer.render(template, first, specimen=True).startswith(b"%PDF")
    assert render_docx(template, first, specimen=True) == render_docx(template, second, specimen=True)


@pytest.mark.parametrize("kind", KINDS)
def test_file_names_sort_are_unique_and_stay_in_their_folder(lived: Lived, kind: str) -> None:
    names = [target.file_name for target in _targets(lived, kind)]
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w（）〔〕-]{1,60}", name) for name in names)


def test_a_cadres_task_list_has_the_days_items_and_their_entities_with_due_days(lived: Lived) -> None:
    content = _build(lived, "task_list", lived.ids["cadre"])
    fields, names = content.fields, _names(lived)
    items = task_lists.shipped().of("village", DAY).items
    assert [(row["no"], row["content"]) for row in fields["checks"]] == [
        (one.no, one.content) for one in items
    ]
    assert (fields["level"], fields["period"], fields["due"]) == ("村级", "2022年第4季度", "2022-12-31")
    assert fields["frequency"] == "每户每季度不少于1次"
    done = {row["entity"]: row["done"] for row in fields["entities"]}
    assert done[names[lived.ids["visited"]]] == "2022-11-14"
    assert all(row["due"] == "2022-12-31" for row in fields["entities"])
    with lived.app.parts.sessions.begin() as session:
        held = query.cadre_rows(session, lived.ids["cadre"], DAY)
    assert len(fields["entities"]) == len(held)
    high = {row.entity for row in held if row.high_risk}
    assert {row["entity"] for row in fields["entities"] if row["mode"] == "须到现场"} >= high


def test_a_whole_levels_task_list_names_nobody(lived: Lived) -> None:
    content = _build(lived, "task_list", VILLAGE)
    assert content.fields["entities"] == []
    assert "cadre_name" not in content.fields
    assert len(content.fields["checks"]) == 16


def test_task_lists_can_be_chosen_by_unit_and_tier(lived: Lived) -> None:
    assert {target.unit for target in _targets(lived, "task_list", unit=VILLAGE)} == {VILLAGE}
    assert {target.unit for target in _targets(lived, "task_list", unit=TOWN, tier="C")} == {TOWN}
    assert all(len(target.unit) == 12 for target in _targets(lived, "task_list", tier="D"))


def test_a_supervision_list_has_the_records_indices_sample_and_problems(lived: Lived) -> None:
    fields, names = _build(lived, "supervision_list", lived.ids["supervision"]).fields, _names(lived)
    assert fields["scope"] == "街镇对村"
    assert fields["team"] == "张示例、李示例"
    assert [row["name"] for row in fields["indices"]] == [
        "承诺书签订率",
        "督导完成率",
        "现场督导率",
        "问题闭环率",
        "调整及时率",
    ]
    visited = next(row for row in fields["indices"] if row["name"] == "督导完成率")
    assert 0 < visited["done"] < visited["total"]
    assert [row["entity"] for row in fields["sample"]] == [
        names[lived.ids["visited"]],
        names[lived.ids["online"]],
    ]
    assert fields["sample"][0]["cadre"] == _cadre(lived, lived.ids["cadre"]).name
    assert fields["findings"] == [{"item": "责任清单", "finding": "一户未列入"}]
    assert {(row["text"], row["severity"], row["due"]) for row in fields["problems"]} == {
        ("漏列一户", "一般", "2022-12-09"),
        ("记录不全", "较重", "2022-12-09"),
    }
    assert (fields["disposal"], fields["rectify_due"]) == ("限期整改", "2022-12-09")


def test_a_duty_report_counts_the_cadres_own_records(lived: Lived) -> None:
    content = _build(lived, "duty_report", lived.ids["cadre"])
    fields = content.fields
    assert (fields["visit_count"], fields["on_site_count"]) == (2, 1)
    assert (fields["problem_count"], fields["closed_count"], fields["handed_count"]) == (1, 1, 0)
    figures = {row["name"]: (row["done"], row["total"]) for row in fields["figures"]}
    assert figures["督导（按季度累计，户次）"][1] == fields["entity_count"]
    assert 1 <= figures["督导（按季度累计，户次）"][0] <= 2
    assert fields["commitment"] == "本年度未签发"
    assert fields["report_to"].endswith("党组织")
    (party,) = content.envelope.parties
    assert (party.role, party.name) == ("cadre", fields["cadre_name"])


def test_the_words_of_a_report_are_the_cadres_own(lived: Lived) -> None:
    own = {"practice": [{"text": "示例做法。"}]}
    content = _build(lived, "duty_report", lived.ids["cadre"], extra=own)
    assert content.fields["practice"] == own["practice"]


def test_an_adjustment_shows_its_changes_their_clocks_and_who_takes_over(lived: Lived) -> None:
    fields = _build(lived, "adjustment", lived.ids["sheet"]).fields
    (change,) = fields["changes"]
    assert (change["subject"], change["sort"], change["what"]) == (lived.ids["leaver"], "人员", "离任")
    assert (change["due_on"], change["timely"]) == ("2022-12-12", "按时")
    assert (fields["personnel_days"], fields["entity_days"]) == (20, 30)
    assert fields["moves"]
    assert all(row["old"] == lived.ids["leaver"] and row["new"] for row in fields["moves"])
    assert (fields["approved_on"], fields["document"]) == ("2022-11-14", "示例纪要2号")
    draft = _build(lived, "adjustment", lived.ids["draft"]).fields
    assert draft["approved_on"] == ""
    assert {row["timely"] for row in draft["changes"]} == {"待批准"}
    assert any(row["new"] == "" for row in draft["moves"])


def test_an_approval_form_binds_the_list_by_its_digest(lived: Lived) -> None:
    content = _build(lived, "approval_form", lived.ids["list"])
    with lived.app.parts.sessions.begin() as session:
        version = lists.get(session, lived.ids["list"])
        committee = query.unit(session, TOWN, DAY).committee
    fields = content.fields
    assert fields["digest"] == version.sha256 == content.envelope.list_sha256
    assert fields["approved_by"] == committee, "a village's list is approved by its street"
    assert fields["cosigns"] == [
        {"department": "示例监管所", "opinion": "同意", "note": "已核对", "answered_on": "2022-11-14"}
    ]
    assert (fields["meeting_on"], fields["minutes"]) == ("2022-11-14", "示例会议纪要1号")


def test_a_raise_is_shown_for_one_entity_and_for_a_sector(lived: Lived) -> None:
    one = _build(lived, "raise_form", lived.ids["raise"]).fields
    assert (one["sort"], one["from_tier"], one["to_tier"], one["count"]) == ("单户主体", "D", "C", 1)
    assert one["subject"] == _names(lived)[lived.ids["raised"]]
    assert (one["reason"], one["document"]) == ("示例网红店", "示例委〔2022〕9号")
    many = _build(lived, "raise_form", lived.ids["sector"], extra={"applicant": "示例区教育局"}).fields
    assert (many["sort"], many["approved_on"], many["applicant"]) == ("行业业态", "", "示例区教育局")
    assert many["count"] > 1


def test_a_delegation_names_the_member_body_once(lived: Lived) -> None:
    fields = _build(lived, "delegation", lived.ids["delegation"]).fields
    assert (fields["body"], fields["cadre_post"]) == ("鹿城区教育局", "局长")
    assert (fields["from"], fields["until"]) == ("2022-11-14", "2023-12-31")
    assert fields["committee"] == fields["office"].removesuffix("办公室")


def test_a_summary_adds_up_to_its_units_and_names_who_has_not_reported(lived: Lived) -> None:
    fields = _build(lived, "duty_summary", TOWN).fields
    reports = [tuple(map(int, row["reports"].split("/"))) for row in fields["units"]]
    assert sum(done for done, _ in reports) == fields["received_count"] == 1
    assert sum(total for _, total in reports) == fields["cadre_count"]
    named = [name for row in fields["missing"] for name in row["names"].split("、")]
    assert len(named) == fields["missing_count"] == fields["cadre_count"] - fields["received_count"]
    (own,) = [row for row in fields["missing"] if row["unit"].endswith(_unit_of(lived))]
    assert _cadre(lived, lived.ids["cadre"]).name not in own["names"].split("、")
    assert fields["units"][0]["unit"].endswith("（本级）")


def test_no_paper_carries_a_personal_mobile(lived: Lived) -> None:
    for kind in KINDS:
        fields = _build(lived, kind, _targets(lived, kind)[0].id).fields
        assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", repr(fields))


def test_a_kind_or_target_that_is_not_there_is_named(lived: Lived) -> None:
    with pytest.raises(InputError, match="E-REG-890"):
        _targets(lived, "official_letter")
    for kind in ("supervision_list", "approval_form", "raise_form", "delegation"):
        with pytest.raises(NotFoundError, match="E-REG-891"):
            _build(lived, kind, "f" * 32)


def _unit_of(made: Lived) -> str:
    with made.app.parts.sessions.begin() as session:
        return query.unit(session, _cadre(made, made.ids["cadre"]).unit, DAY).name


def _names(made: Lived) -> dict[str, str]:
    with made.app.parts.sessions.begin() as session:
        return {row.entity: row.name for row in session.query(Entity)}
