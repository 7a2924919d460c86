"""What a signer agrees to, and that only this is signed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import cms, core, tsp

from service.core import Role, canonical_json, parse_canonical
from service.errors import ConflictError, CorruptError, ForbiddenError, InputError, UsageError
from service.keys.signer import Algorithm
from service.signing import approvals, ceremony
from service.signing import cms as containers
from service.verification import policy
from tests.signing.conftest import DOT, T0, World, make_statement


class Unused:
    """A key that must not be used."""

    algorithm = Algorithm.ECDSA_P256_SHA256

    def __init__(self, public_key: bytes) -> None:
        self.public_key = public_key

    def sign(self, data: bytes) -> bytes:
        raise AssertionError("the key was used")


@pytest.fixture
def statement(letter: bytes) -> approvals.Statement:
    return make_statement(b"prepared", letter, Role.CADRE)


def test_statement_survives_its_canonical_json(statement: approvals.Statement) -> None:
    assert approvals.parse_statement(statement.to_bytes()) == statement
    value = parse_canonical(statement.to_bytes())
    assert value["v"] == 1
    assert value["letters"][0]["number"] == "五食安承〔2026〕1号"
    assert "同意" in value["consent"]


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"extra": "x"},
        {"letters": {}},
        {"letters": [{"letter": "x"}]},
        {"person": 7},
        {"time": "2026-11-24"},
    ],
)
def test_any_other_statement_is_refused(statement: approvals.Statement, change: dict[str, Any]) -> None:
    value = parse_canonical(statement.to_bytes()) | change
    with pytest.raises(InputError):
        approvals.parse_statement(canonical_json(value))


def test_statement_is_redeemable_until_it_expires(statement: approvals.Statement) -> None:
    approvals.require_redeemable(statement, T0)
    approvals.require_redeemable(statement, T0 + timedelta(minutes=9))
    for late in (T0 + timedelta(minutes=10), T0 - timedelta(seconds=1)):
        with pytest.raises(ConflictError, match="过期"):
            approvals.require_redeemable(statement, late)


def test_statement_ends_with_its_chinese_day(statement: approvals.Statement) -> None:
    before_midnight = datetime(2026, 11, 24, 15, 58, tzinfo=UTC)  # 23:58 in China
    late = replace(statement, time=before_midnight, expires=before_midnight + timedelta(minutes=10))
    approvals.require_redeemable(late, before_midnight + timedelta(minutes=1))
    with pytest.raises(ConflictError, match="当日"):
        approvals.require_redeemable(late, before_midnight + timedelta(minutes=3))


def test_empty_and_double_lists_are_refused(statement: approvals.Statement) -> None:
    for letters in ((), (statement.letters[0], statement.letters[0])):
        with pytest.raises(InputError):
            approvals.require_redeemable(replace(statement, letters=letters), T0)


def test_only_the_revision_that_was_shown_can_be_signed(world: World, letter: bytes) -> None:
    shown = ceremony.prepare(letter, Role.OFFICE, DOT, signer_name="甲", when=T0)
    other = ceremony.prepare(letter, Role.OFFICE, DOT, signer_name="乙", when=T0)
    statement = make_statement(shown.pdf, letter, Role.OFFICE)
    approvals.require_shown(statement, iter([shown]))
    with pytest.raises(CorruptError, match="与确认时所见不同"):
        approvals.require_shown(statement, [other])
    for count in ([], [shown, shown]):
        with pytest.raises(CorruptError, match="份数"):
            approvals.require_shown(statement, count)
    painted = replace(shown, pdf=shown.pdf.replace(b"/Name", b"/Nane"))
    with pytest.raises(CorruptError):
        approvals.require_shown(statement, [painted])


def test_attributes_are_der_and_say_what_pades_wants(world: World) -> None:
    certificate = world.parties[Role.CADRE].certificate
    blob = ceremony.signed_attributes(b"d" * 32, certificate, b"a" * 32)
    parsed = cms.CMSAttributes.load(blob, strict=True)
    assert parsed.dump(force=True) == blob  # asn1crypto's own DER
    found = {item["type"].dotted: item["values"] for item in parsed}
    assert set(found) == {
        "1.2.840.113549.1.9.3",
        "1.2.840.113549.1.9.4",
        "1.2.840.113549.1.9.16.2.47",
        policy.APPROVAL_OID,
    }
    assert found["1.2.840.113549.1.9.3"][0].native == "data"
    assert found["1.2.840.113549.1.9.4"][0].native == b"d" * 32
    assert isinstance(found["1.2.840.113549.1.9.16.2.47"][0], tsp.SigningCertificateV2)
    assert found[policy.APPROVAL_OID][0].parse(core.OctetString).native == b"a" * 32


def test_one_approval_signs_all_letters_of_a_list(world: World) -> None:
    party = world.parties[Role.CADRE]
    digests = [bytes([number]) * 32 for number in range(5)]
    signed = approvals.approve(party.signer, digests, party.certificate, b"a" * 32, chain=world.chain)
    assert [attributes for attributes, _ in signed] == [
        ceremony.signed_attributes(digest, party.certificate, b"a" * 32) for digest in digests
    ]
    for attributes, signature in signed:
        containers.verify_raw(attributes, signature, party.certificate)


def test_a_key_of_another_certificate_is_not_used(world: World) -> None:
    cadre, leader = world.parties[Role.CADRE], world.parties[Role.LEADER]
    with pytest.raises(ForbiddenError, match="不是一对"):
        approvals.approve(leader.signer, [b"d" * 32], cadre.certificate, b"a" * 32)


def test_a_container_that_would_not_fit_is_refused_before_the_key_is_used(world: World) -> None:
    party = world.parties[Role.CADRE]
    key = Unused(party.signer.public_key)
    long_chain = [world.issuing + bytes([number]) for number in range(8)]
    with pytest.raises(InputError, match="放不进"):
        approvals.approve(key, [b"d" * 32], party.certificate, b"a" * 32, chain=long_chain)
    with pytest.raises(InputError, match="放不进"):
        approvals.approve(key, [b"d" * 32], party.certificate, b"a" * 32, token_bytes=6000)


def test_a_closed_key_signs_nothing(world: World) -> None:
    from service.keys import private  # noqa: PLC0415

    key = private.LocalSigner(private.generate(Algorithm.ECDSA_P256_SHA256, lambda size: b"\x07" * size))
    key.close()
    with pytest.raises(UsageError):
        key.sign(b"")
