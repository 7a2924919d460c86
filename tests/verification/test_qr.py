"""QR codes on paper: one form only, and whatever is changed in one is never taken for genuine."""

import base64
import random
from datetime import UTC, date, datetime, timedelta

import cbor2
import pytest

from service.core import Sha256Hex
from service.errors import InputError, VerificationError
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.verification import cose, known, qr
from service.verification.known import Known, State
from service.verification.qr import Finished, Issued, Signed

SIGNER = LocalSigner(private.generate(Algorithm.ECDSA_P256_SHA256, random.Random(9).randbytes))
OTHER = LocalSigner(private.generate(Algorithm.ECDSA_P256_SHA256, random.Random(10).randbytes))
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CONTENT = "00112233445566778899aabbccddeeff"
LONG = Issued(
    *("五马街道食安诺〔2026〕12号", "commitment", "阿卜杜热合曼·买买提明", "党工委委员、办事处副主任"),
    *("浙江省温州市鹿城区五马街道办事处", date(2026, 11, 24), CONTENT),
)
FINISHED = Finished(
    *("五马街道食安诺〔2026〕12号", "commitment", date(2026, 11, 24), CONTENT, Sha256Hex("ab" * 32)),
    (Signed("cadre", "五马街道办事处", "张样例", NOW), Signed("leader", "五马街道食安委", None, NOW)),
    *("liangze.example/demo-log", 41, "cd" * 16),
)
KEY = base64.b64encode(SIGNER.public_key).decode()


def write(claim: qr.Claim, signer: LocalSigner = SIGNER) -> str:
    return qr.write(claim, signer.public_key, signer.sign)


def lists(**changes: object) -> Known:
    values = {
        **{"origin": "liangze.example/demo-log", "issued": NOW, "expires": NOW + timedelta(days=7)},
        **{"keys": (KEY,), "kinds": {"commitment": "承诺书"}, "void": frozenset(), "superseded": frozenset()},
        "files": {},
    }
    return Known(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("claim", [LONG, FINISHED])
def test_a_code_says_again_what_was_written_the_same_each_time(claim: qr.Claim) -> None:
    code = write(claim)
    assert code == write(claim)
    for text in (code, qr.address("https://spaq.example.gov.cn", code)):
        answer = known.judge(text, lists(), NOW)
        assert (answer.state, answer.claim) == (State.GENUINE, claim)


def test_other_people_can_read_the_code_as_an_ordinary_cose_message() -> None:
    message = base64.urlsafe_b64decode(write(LONG) + "==")
    tag = cbor2.loads(message)
    assert tag.tag == 18 and cbor2.loads(tag.value[0]) == {1: -7, 4: cose.key_id(SIGNER.public_key)}
    assert cbor2.loads(tag.value[2])[:3] == [1, LONG.number, "commitment"]


def test_ten_thousand_changed_codes_are_never_genuine() -> None:
    """Bits, characters, cuts, repeats, and parts of another genuine code, changed under the signature and in it."""
    chance, keys = random.Random(3), qr.key_texts((KEY,))
    codes = [write(LONG), write(FINISHED)]
    genuine = set(codes)
    for _ in range(10_000):
        text = _changed(chance.choice(codes), codes, chance)
        if text in genuine:
            continue
        try:
            mark, _ = qr.read(text, keys)
        except InputError as fault:
            assert fault.code == "E-VER-160"
        else:
            assert mark is not cose.Mark.GENUINE, text


def _changed(code: str, codes: list[str], chance: random.Random) -> str:
    way = chance.randrange(6)
    at = chance.randrange(len(code))
    if way == 0:
        return code[:at] + chance.choice("ABCxyz019-_=%#") + code[at + 1 :]
    if way == 1:
        data = bytearray(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))
        data[at % len(data)] ^= 1 << chance.randrange(8)
        return base64.urlsafe_b64encode(bytes(data)).decode().rstrip("=")
    if way == 2:
        return code[:at]
    if way == 3:
        return code[:at] + code[at:][chance.randrange(1, 9) :]
    if way == 4:
        return code[:at] + chance.choice(codes)[at:]
    return code + chance.choice(["A", "AA", "AAAA", code])


def test_the_other_value_that_verifies_is_refused() -> None:
    """ECDSA accepts s and n - s alike: a second text for one code would be a changed code that shows green."""
    protected, unprotected, payload, signature = cbor2.loads(
        base64.urlsafe_b64decode(write(LONG) + "==")
    ).value
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = signature[:32] + (order - int.from_bytes(signature[32:])).to_bytes(32)
    message = cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected, payload, other]), canonical=True)
    text = base64.urlsafe_b64encode(message).decode().rstrip("=")
    assert known.judge(text, lists(), NOW).state is State.FORGED


def test_a_longer_encoding_of_the_same_message_is_refused() -> None:
    message = base64.urlsafe_b64decode(write(LONG) + "==")
    assert message[:2] == b"\xd2\x84"
    longer = b"\xd8\x12\x84" + message[2:]  # the tag in two bytes
    assert (
        known.judge(base64.urlsafe_b64encode(longer).decode().rstrip("="), lists(), NOW).state
        is State.UNREADABLE
    )


@pytest.mark.parametrize(
    ("code", "changes", "late", "state"),
    [
        (write(LONG), {}, 0, State.GENUINE),
        (write(LONG), {}, 8, State.STALE),
        (write(LONG), {"void": frozenset([CONTENT])}, 8, State.VOID),
        (write(LONG), {"superseded": frozenset([CONTENT])}, 0, State.SUPERSEDED),
        (write(FINISHED), {"void": frozenset([CONTENT])}, 0, State.VOID),
        (write(LONG, OTHER), {}, 0, State.UNKNOWN_KEY),
        ("weixin://abc", {}, 0, State.UNREADABLE),
        ("", {}, 0, State.UNREADABLE),
        ("A" * 5000, {}, 0, State.UNREADABLE),
    ],
)
def test_every_state(code: str, changes: dict[str, object], late: int, state: State) -> None:
    answer = known.judge(code, lists(**changes), NOW + timedelta(days=late))
    assert answer.state is state and answer.as_of == NOW
    assert (answer.claim is None) == (state in (State.UNKNOWN_KEY, State.UNREADABLE))


def test_the_signed_lists_come_back_and_a_change_or_another_key_is_refused() -> None:
    data = known.known_bytes(lists(void=frozenset([CONTENT])), SIGNER.public_key, SIGNER.sign)
    assert known.read_known(data).void == {CONTENT}
    with pytest.raises(VerificationError, match="E-VER-163"):
        known.read_known(data.replace(CONTENT.encode(), CONTENT[::-1].encode()))
    with pytest.raises(VerificationError, match="E-VER-163"):
        known.read_known(data, (base64.b64encode(OTHER.public_key).decode(),))
    with pytest.raises(InputError, match="E-VER-162"):
        known.read_known(b'{"v":1}')
