"""What was read is given back as it was read, also where asn1crypto would encode it anew."""

import pytest
from asn1crypto import core

from service.verification import der


@pytest.mark.parametrize("size", [0, 1, 0x7F, 0x80, 0x81, 0x180, 0x780, 0x8080])
def test_a_value_comes_back_as_it_stands(size: int) -> None:
    inner = b"\x05\x00" * (size // 2) if size % 2 == 0 else b"\x04\x01a" + b"\x05\x00" * ((size - 3) // 2)
    data = _tlv(inner if size > 1 else b"")
    assert der.written(core.Sequence.load(data)) == data


def test_what_is_no_der_is_not_encoded_anew() -> None:
    odd = b"\x04\x82\x00\x7c" + bytes(0x7C)  # its length in more bytes than it needs
    data = b"\x30\x81\x80" + odd
    assert len(odd) == 0x80 and der.written(core.Sequence.load(data)) == data


def _tlv(content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((0x30, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((0x30, 0x80 | len(length))) + length + content
