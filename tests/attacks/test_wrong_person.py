"""Good signatures by the wrong people: names, units, roles and order are those the office certified."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from service.core import Party, Role
from service.verification.report import Report, Verdict

Check = Callable[[bytes], Report]


def signed(lab: Any, parties: tuple[Party, ...] | None = None, **people: Any) -> bytes:
    head = lab.draft(parties)
    for role in Role:
        head = lab.sign(head, role, people.get(role.value, getattr(lab, role.value)))
    return bytes(head)


def judged(lab: Any, data: bytes, *extra: Any) -> Report:
    return lab.check(data, extra)  # type: ignore[no-any-return]


def codes(report: Report) -> set[str]:
    return {one.code for one in report.reasons}


def test_another_person_of_the_same_unit_signs_for_the_cadre(lab: Any) -> None:
    other = lab.person("王小明", lab.unit)
    report = judged(lab, signed(lab, cadre=other), other)
    assert report.verdict is Verdict.INVALID and "PARTY_WRONG" in codes(report)


def test_a_namesake_with_another_pseudonym_signs_for_the_cadre(lab: Any) -> None:
    parties = lab.parties()
    wrong = (parties[0], replace(parties[1], subject="0" * 64), parties[2])
    report = judged(lab, signed(lab, wrong))
    assert report.verdict is Verdict.INVALID and "PARTY_WRONG" in codes(report)


def test_the_leader_of_another_unit_countersigns(lab: Any) -> None:
    other = lab.person("陈国华", "温州市鹿城区南汇街道食品安全委员会")
    report = judged(lab, signed(lab, leader=other), other)
    assert report.verdict is Verdict.INVALID and "PARTY_WRONG" in codes(report)


def test_nobody_countersigns_their_own_letter(lab: Any) -> None:
    committee_hat = lab.person(lab.cadre.name, lab.committee)
    report = judged(lab, signed(lab, leader=committee_hat), committee_hat)
    assert report.verdict is Verdict.INVALID and "PARTY_SELF" in codes(report)


def test_a_person_does_not_seal_for_the_office(lab: Any) -> None:
    clerk = lab.person("文书", lab.committee)
    report = judged(lab, signed(lab, office=clerk), clerk)
    assert report.verdict is Verdict.INVALID and "PARTY_WRONG" in codes(report)


def test_content_that_is_not_canonical_is_refused(lab: Any) -> None:
    data = lab.sign(lab.draft(content=b'{ "envelope": {} }'), Role.OFFICE, lab.office)
    report = judged(lab, data)
    assert report.verdict is Verdict.INVALID and "PARTY_CONTENT" in codes(report)


def test_a_stranger_content_json_is_no_fault(lab: Any) -> None:
    data = lab.sign(lab.draft(content=b'{"hello":1}'), Role.OFFICE, lab.office)
    report = judged(lab, data)
    assert (report.verdict, report.status.value) == (Verdict.VALID, "unknown")
