"""Not one changed byte of a completed letter is valid; the signature's own hole is tried byte by byte."""

import random
from collections.abc import Callable

from service.verification import chain, cms, signature_field, structure
from service.verification.guard import ProofError
from service.verification.report import Report, Verdict
from service.verification.trust import Anchor, Trust

Check = Callable[[bytes], Report]


def last_hole(data: bytes) -> tuple[int, int]:
    signature = structure.read_document(data).signatures[-1]
    end = len(data) - signature.end
    first = len(data[: signature.end]) - end
    start = data.rindex(b"/Contents <", 0, first) + len(b"/Contents ")
    return start, data.index(b">", start) + 1


def changed(data: bytes, position: int, value: int) -> bytes:
    return data[:position] + bytes([value]) + data[position + 1 :]


def survives(data: bytes, hole: tuple[int, int], signed: bytes, anchors: tuple[Anchor, ...]) -> bool:
    """Say whether the hole alone, judged as the verifier judges it, would still pass."""
    try:
        contents, canonical, _ = signature_field.read_contents(data[slice(*hole)])
        token = cms.read_token(contents, canonical=True)
        cms.require_digest(token.imprint_name, token.imprint, signed)
        path = chain.build(token.signed.certificate, token.signed.others, anchors, "time")
        chain.require_belonging(token.signed.others, path)
    except ProofError:
        return False
    return canonical


def test_every_byte_of_the_last_contents_matters(final: bytes, trust: Trust, check: Check) -> None:
    start, end = last_hole(final)
    signed = final[:start] + final[end:]
    assert survives(final, (start, end), signed, trust.anchors)
    chosen = random.Random(7)
    kept = []
    for position in (
        each + chosen.randrange(2) for each in range(start, end - 1, 2)
    ):  # one digit of each byte
        other = chosen.choice([one for one in b"0123456789abcdefABCDEF>" if one != final[position]])
        data = changed(final, position, other)
        if survives(data, (start, end), signed, trust.anchors):
            kept.append((position, data))
    assert len(kept) < 5
    for position, data in kept:
        assert check(data).verdict is not Verdict.VALID, position


def test_the_case_of_one_hex_digit_matters(final: bytes, check: Check) -> None:
    start, end = last_hole(final)
    position = next(at for at in range(start, end) if final[at : at + 1].isalpha())
    report = check(changed(final, position, final[position] ^ 0x20))
    assert report.verdict is Verdict.INVALID
    assert "SIG_ENCODING" in {one.code for one in report.reasons}


def test_upper_case_throughout_is_one_case_too(final: bytes, check: Check) -> None:
    start, end = last_hole(final)
    assert check(final[:start] + final[start:end].upper() + final[end:]).verdict is Verdict.VALID


def test_padding_must_be_zero(final: bytes, check: Check) -> None:
    _, end = last_hole(final)
    assert final[end - 11 : end - 1] == b"0" * 10
    assert check(changed(final, end - 2, ord("1"))).verdict is Verdict.INVALID


def test_no_byte_elsewhere_may_change(final: bytes, check: Check) -> None:
    chosen = random.Random(11)
    for position in chosen.sample(range(len(final)), 20):
        data = changed(final, position, final[position] ^ chosen.randrange(1, 256))
        assert check(data).verdict is not Verdict.VALID, position


def test_no_byte_of_an_unfinished_letter_may_change(revisions: list[bytes], check: Check) -> None:
    chosen = random.Random(13)
    data = revisions[-2]
    for position in chosen.sample(range(len(data)), 10):
        report = check(changed(data, position, data[position] ^ chosen.randrange(1, 256)))
        assert report.verdict is not Verdict.VALID, position
