"""The rule files: shipped as reference, replaced file by file, refused with the line that is wrong."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from service.errors import InputError, NotFoundError, ServiceError, SetupError
from service.registry import deadlines, rules, staffing, visiting
from service.registry.calendar import Due
from service.registry.visiting import Period

ON = date(2026, 11, 24)
HEAD = 'jurisdiction = "330302"\nsource = "测试"\nstatus = "正式"\n'
RULE = '[[rules]]\nid = "F-1"\npriority = 10\nvalid_from = 2025-01-01\ntimes = 2\nperiod = "半年"\n'
CLASS = '[[classes]]\nid = "S-1"\nvalid_from = 2025-01-01\nnote = "测试类"\n'
LIMIT = '[[deadlines]]\nwhat = "entity"\nname = "调整"\nvalid_from = 2025-01-01\n'
REQUIREMENT = '[[requirements]]\nid = "Z-1"\nrole = "总监"\nvalid_from = 2025-01-01\nnote = "测试"\n'


@dataclass
class Shop:
    kind: str = "企业"
    sector: str = "餐饮"
    format: str | None = None
    employees: int | None = None
    revenue: int | None = None
    diners: int | None = None
    tier: str = "C"
    risk: str | None = None
    high_risk: bool = False


def test_shipped_numbers_are_marked_as_reference() -> None:
    book = rules.shipped()
    assert {head.status for head in book.heads} == {"参考"}
    assert all(head.source for head in book.heads)
    assert book.note.startswith("所用规则为参考值，非官方数字")


def test_without_a_folder_the_shipped_rules_hold() -> None:
    assert rules.load() is rules.shipped()


def test_a_file_in_the_folder_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "frequency.toml").write_text(HEAD + RULE, encoding="utf-8")
    book = rules.load(tmp_path)
    rule = visiting.frequency_of(Shop(), book.frequencies, ON)
    assert rule is not None
    assert (rule.id, rule.times, rule.period) == ("F-1", 2, "半年")
    assert book.deadlines == rules.shipped().deadlines
    assert "督导频次" not in book.note
    assert "时限" in book.note


def test_a_folder_that_is_none_or_holds_a_stranger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="不存在"):
        rules.load(tmp_path / "none")
    (tmp_path / "frequenzy.toml").write_text(HEAD + RULE, encoding="utf-8")
    with pytest.raises(SetupError, match=r"frequenzy\.toml.*frequency\.toml"):
        rules.load(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "onsite.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"E-REG-705.*UTF-8"):
        rules.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("frequency", RULE, "jurisdiction"),
        (
            "frequency",
            HEAD + RULE.replace("正式", "x").replace("times = 2", "times = 0"),
            "第4行起的 .*times",
        ),
        ("frequency", HEAD + RULE.replace("半年", "月"), "period.*只能取季、半年、年"),
        ("frequency", HEAD + RULE + RULE, "第10行起的 .*id.*重复"),
        ("frequency", HEAD + RULE + "risk = 1\n", "risk.*不是已知的项"),
        ("frequency", HEAD + RULE + "high_risk = 1\n", "high_risk.*true"),
        ("frequency", HEAD + RULE + "valid_to = 2025-01-01\n", "valid_to.*晚于"),
        (
            "frequency",
            HEAD + '[[rounds]]\nid = "R"\nname = "x"\nbegins = 2026-02-01\nby = 2026-01-01\n',
            "by",
        ),
        ("onsite", HEAD + CLASS, "没有写条件"),
        ("onsite", HEAD.replace("正式", "暂行") + CLASS, "status.*只能取参考、正式"),
        ("deadlines", HEAD + LIMIT, "须写且只写一种"),
        ("deadlines", HEAD + LIMIT + "workdays = 1\ndays = 1\n", "须写且只写一种"),
        ("deadlines", HEAD + LIMIT + "workdays = 0\n", "workdays"),
        ("deadlines", HEAD + LIMIT + 'by = "02-29"\n', "不是每年都有"),
        ("deadlines", HEAD + LIMIT + 'by = "13-01"\n', "月-日"),
        ("deadlines", HEAD + LIMIT + "days = 3\n" + LIMIT + "days = 4\n", "第9行起的 .*同一段日期"),
        ("deadlines", HEAD + LIMIT.replace("entity", "entities") + "days = 3\n", "what.*只能取"),
        ("director", HEAD + REQUIREMENT.replace("总监", "经理"), "role"),
        ("director", HEAD + REQUIREMENT + 'sizes = ["特大型"]\n', "sizes"),
        ("legal_basis", HEAD + '[[bases]]\nid = "L"\ntitle = ""\nvalid_from = 2025-01-01\n', "title"),
        ("counterpart", HEAD + '[[rules]]\nlevel = "省"\ntitle = "x"\nvalid_from = 2025-01-01\n', "level"),
        ("calendar", "[[years]]\nyear = 2027\n", "第1行起的 .*holidays"),
        ("grading", "rules = 1", "rules"),
        ("deadlines", "x = [", "TOML"),
    ],
)
def test_a_wrong_rule_file_is_refused_with_its_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ServiceError, match=words) as caught:
        rules.load(tmp_path)
    assert caught.value.code == "E-REG-203"


@pytest.mark.parametrize(
    ("shop", "reason"),
    [
        (Shop(high_risk=True), "高风险主体，规则 S-高风险"),
        (Shop(risk="D"), "风险等级D级，规则 S-风险D级"),
        (Shop(format="学校食堂"), "学校食堂，规则 S-学校"),
        (Shop(format="托幼机构食堂"), "托幼机构食堂，规则 S-托幼"),
        (Shop(format="养老机构食堂"), "养老机构食堂，规则 S-养老"),
        (Shop(format="集体用餐配送"), "集体用餐配送、中央厨房，规则 S-集中用餐"),
        (Shop(risk="A"), None),
    ],
)
def test_the_shipped_classes_say_which_visits_must_be_on_site(shop: Shop, reason: str | None) -> None:
    assert visiting.on_site_reason(shop, rules.shipped().on_site, ON) == reason


def test_a_visit_a_quarter_is_due_from_the_plan_on_and_not_before() -> None:
    book = rules.shipped()
    rule = visiting.frequency_of(Shop(), book.frequencies, date(2022, 11, 10))
    assert rule is not None
    assert (rule.times, rule.period) == (1, "季")
    assert visiting.frequency_of(Shop(), book.frequencies, date(2022, 11, 9)) is None
    assert [one.by for one in visiting.rounds_on(book.rounds, date(2022, 12, 1))] == [date(2022, 11, 30)]
    assert visiting.rounds_on(book.rounds, date(2023, 1, 1)) == []


@pytest.mark.parametrize(
    ("day", "name", "expected", "quarters"),
    [
        (
            date(2026, 11, 24),
            "季",
            Period("2026年第4季度", date(2026, 10, 1), date(2026, 12, 31)),
            ["2026Q4"],
        ),
        (date(2024, 2, 29), "季", Period("2024年第1季度", date(2024, 1, 1), date(2024, 3, 31)), ["2024Q1"]),
        (
            date(2026, 6, 30),
            "半年",
            Period("2026年上半年", date(2026, 1, 1), date(2026, 6, 30)),
            ["2026Q1", "2026Q2"],
        ),
        (
            date(2026, 7, 1),
            "年",
            Period("2026年", date(2026, 1, 1), date(2026, 12, 31)),
            ["2026Q1", "2026Q2", "2026Q3", "2026Q4"],
        ),
    ],
)
def test_a_day_lies_in_its_period(day: date, name: str, expected: Period, quarters: list[str]) -> None:
    found = visiting.period_of(day, name)
    assert found == expected
    assert list(found.quarters) == quarters


@pytest.mark.parametrize(
    ("shop", "text_of_2022", "text_of_2025"),
    [
        (Shop(employees=100, revenue=2000), "Z22-大中型企业", "Z25-大中型企业"),
        (Shop(employees=99, revenue=2000), None, None),
        (Shop(kind="个体户", employees=100, revenue=2000), None, None),
        (Shop(format="学校食堂", diners=500), "Z22-学校", "Z25-学校"),
        (Shop(format="学校食堂", diners=499), None, None),
        (Shop(format="托幼机构食堂", diners=300), "Z22-托幼", "Z25-幼儿园"),
        (Shop(format="养老机构食堂", diners=300), None, "Z25-养老"),
        (Shop(format="单位食堂", diners=1000), None, "Z25-单位食堂"),
        (Shop(format="单位食堂", diners=1001), "Z22-千人", "Z25-单位食堂"),
        (Shop(format="中央厨房"), None, "Z25-中央厨房"),
        (Shop(sector="生产", format="特殊食品"), "Z22-特殊食品生产", "Z25-特殊食品生产"),
    ],
)
def test_who_needs_a_director_follows_the_text_of_the_day(
    shop: Shop, text_of_2022: str | None, text_of_2025: str | None
) -> None:
    book = rules.shipped()
    for day, expected in ((date(2025, 4, 14), text_of_2022), (date(2025, 4, 15), text_of_2025)):
        rule = staffing.needed(shop, staffing.DIRECTOR, book.staffing, book.grading, day)
        assert (rule and rule.id) == expected


def test_every_enterprise_needs_an_officer_and_a_vendor_does_not() -> None:
    book = rules.shipped()
    for shop, expected in ((Shop(), "Y22-企业"), (Shop(kind="小餐饮", sector="小餐饮"), None)):
        rule = staffing.needed(shop, staffing.OFFICER, book.staffing, book.grading, ON)
        assert (rule and rule.id) == expected


def test_a_document_cites_the_text_of_its_day() -> None:
    book = rules.shipped()
    assert "《企业落实食品安全主体责任监督管理规定》（国家市场监督管理总局令第60号）" in map(
        str, book.bases_on(date(2025, 4, 14))
    )
    later = [basis.id for basis in book.bases_on(date(2025, 4, 15))]
    assert "L-令60" not in later
    assert "L-令60-2025" in later


def test_the_counterpart_follows_the_level() -> None:
    book = rules.shipped()
    assert book.counterpart_title("village", ON) == "“两委”主要负责人"
    assert book.counterpart_title("town", ON) == "食品安全委员会主要负责人"
    with pytest.raises(NotFoundError, match="E-REG-703"):
        book.counterpart_title("town", date(2020, 1, 1))


def test_deadlines_count_working_days_days_or_name_a_day_of_the_year(tmp_path: Path) -> None:
    text = HEAD + LIMIT + "days = 7\n" + LIMIT.replace("entity", "duty_report") + 'by = "12-31"\n'
    (tmp_path / "deadlines.toml").write_text(text, encoding="utf-8")
    book = rules.load(tmp_path)
    assert deadlines.due("entity", date(2026, 9, 25), book.deadlines, book.calendar) == Due(date(2026, 10, 8))
    assert deadlines.due("duty_report", ON, book.deadlines, book.calendar) == Due(date(2026, 12, 31))
    assert [str(rule) for rule in book.deadlines] == ["7日内", "每年12月31日前"]
    with pytest.raises(NotFoundError, match=r"人事变动.*deadlines\.toml"):
        deadlines.due("personnel", ON, book.deadlines, book.calendar)
