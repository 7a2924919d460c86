"""Content is checked before anything is rendered; each fault names its field in Chinese."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.documents.content import Content, china_date, validate, validate_envelope
from service.documents.kinds import Kind
from service.errors import InputError

Make = Callable[..., Content]


def test_complete_fields_come_back_in_the_kinds_order(letter_kind: Kind, commitment: Make) -> None:
    fields = dict(commitment().fields)
    shuffled = dict(reversed(fields.items()))
    assert list(validate(letter_kind, shuffled)) == [field.name for field in letter_kind.fields]
    assert validate(letter_kind, shuffled) == fields


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cadre_name", "", "“包保干部姓名”（cadre_name）不能为空"),
        ("cadre_name", None, "“包保干部姓名”（cadre_name）不能为空"),
        ("cadre_name", 7, "“包保干部姓名”（cadre_name）应为文字"),
        ("cadre_name", "张\n三", r"“包保干部姓名”（cadre_name）含有控制字符 U\+000A"),
        ("cadre_name", "张\u202e三", r"含有控制字符 U\+202E"),
        ("cadre_name", "张" * 41, "超过 40 个字"),
        ("level", "省级", "“层级”（level）应为市级、县级、乡级、村级之一"),
        ("entity_count", "12", "“包保主体户数”（entity_count）应为不小于零的整数"),
        ("entity_count", -1, "应为不小于零的整数"),
        ("entity_count", True, "应为不小于零的整数"),
        ("valid_until", "2026-12-31", "“有效期止”（valid_until）“2026-12-31”不合规定的格式"),
        ("surprise", "x", "没有名为“surprise”的字段"),
    ],
)
def test_a_wrong_field_is_named(
    letter_kind: Kind, commitment: Make, field: str, value: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        validate(letter_kind, {**commitment().fields, field: value})


def test_a_wrong_cell_is_named_with_its_row(list_kind: Kind, responsibility_list: Make) -> None:
    fields = dict(responsibility_list(rows=3).fields)
    fields["rows"][1]["tier"] = "甲"
    with pytest.raises(InputError, match="“清单第2行·包保层级”（tier）"):
        validate(list_kind, fields)


def test_absent_optional_fields_become_empty(list_kind: Kind, responsibility_list: Make) -> None:
    fields = dict(responsibility_list(rows=1).fields)
    del fields["approved_on"]
    fields["rows"][0].pop("risk")
    complete = validate(list_kind, fields)
    assert complete["approved_on"] == "" and complete["rows"][0]["risk"] == ""


def test_an_envelope_of_another_kind_or_with_other_parties_is_refused(
    letter_kind: Kind, commitment: Make
) -> None:
    envelope = commitment().envelope
    validate_envelope(letter_kind, envelope)
    with pytest.raises(InputError, match="不是“commitment”类文书"):
        validate_envelope(letter_kind, replace(envelope, kind="other"))
    with pytest.raises(InputError, match="签署各方"):
        validate_envelope(letter_kind, replace(envelope, parties=envelope.parties[:2]))
    with pytest.raises(InputError, match="不是有效日期"):
        validate_envelope(letter_kind, replace(envelope, date="2026-02-30"))


def test_dates_are_printed_without_leading_zeros() -> None:
    assert china_date("2026-01-05") == "2026年1月5日"
