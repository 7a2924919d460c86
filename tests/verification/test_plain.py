"""What the quick reader returns is what pyHanko returns; what is not plain it leaves to pyHanko."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic as stock_generic
from pyhanko.pdf_utils.reader import PdfFileReader

from service.verification import outlines, plain

generic: Any = stock_generic  # untyped

SPACES = st.sampled_from([b" ", b"\n", b"\r\n", b"  ", b"\t", b"\x0c", b"\0"])
NUMBERS = b"+7|007|-.5|5.|1.250|.|+|1.2.3|--1|1-2|12 0|1 0 R|0 0 R|12\n0\nR|3 0 R/X|3 0 Rx|12 0 0 R".split(
    b"|"
)
WORDS = b"true|false|null|nullx|trues|% a\n7".split(b"|")
NAMES = b"/A /  /A#20B /#41 /A#zz /A#e9 /zh-CN /A|~^` /A\x80 /A'*+;".split(b" ")
TEXTS = b"(a)|()|(\\055)|(\\55)|(a(b)c)|(\\n)|(\\777)|(\xfe\xffN\x00)|(\\(a)|(\r)|(\\400)".split(b"|")
HEX = b"<>|<4E>|<4>|<fEfF4e00>|<4 E>|<zz>".split(b"|")
ATOMS = st.one_of(
    st.integers(-(10**12), 10**12).map(lambda n: b"%d" % n),
    st.sampled_from([*NUMBERS, *WORDS]),
    st.sampled_from([*NAMES, *TEXTS, *HEX]),
    st.binary(max_size=3),
)


def nest(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    keys = st.sampled_from([b"/A", b"/B", b"/C#41", b"/Length", b"7"])
    pairs = st.lists(st.tuples(keys, SPACES, inner).map(b"".join), max_size=3)
    return st.one_of(
        st.tuples(st.lists(inner, max_size=4), SPACES).map(lambda one: b"[" + one[1].join(one[0]) + b"]"),
        st.tuples(pairs, SPACES).map(lambda one: b"<<" + one[1].join(one[0]) + one[1] + b">>"),
    )


VALUES = st.recursive(ATOMS, nest, max_leaves=12)


def same(one: Any, other: Any) -> bool:
    """Say whether two objects are of the same types and values all through, and belong to the same object."""
    if type(one) is not type(other) or one.container_ref != other.container_ref:
        return False
    if isinstance(one, dict):
        payload = getattr(one, "_encoded_data", None) == getattr(other, "_encoded_data", None)
        keys = [type(key) for key in one] == [type(key) for key in other] and list(one) == list(other)
        return payload and keys and all(same(dict.get(one, key), dict.get(other, key)) for key in one)
    if isinstance(one, list):
        pairs = zip(list.__iter__(one), list.__iter__(other), strict=False)
        return len(one) == len(other) and all(same(a, b) for a, b in pairs)
    if isinstance(one, generic.TextStringObject):
        return bool(one == other) and one.autodetected_encoding == other.autodetected_encoding
    return bool(one == other) and (isinstance(one, generic.NullObject) or str(one) == str(other))


@pytest.fixture(scope="module")
def reader(final: bytes) -> PdfFileReader:
    return PdfFileReader(io.BytesIO(final))


def read_by_pyhanko(data: bytes, reference: Any) -> Any:
    """Return what pyHanko reads, None for a fault of any kind."""
    try:
        return generic.read_object(io.BytesIO(data), reference)
    except Exception:
        return None


@given(VALUES, st.sampled_from([b" ", b"\nendobj ", b" /X", b"]", b" stream\n", b"s"]))
def test_a_value_is_read_as_pyhanko_reads_it_or_left(
    reader: PdfFileReader, value: bytes, rest: bytes
) -> None:
    reference = generic.Reference(7, 0, reader)
    quick = plain.read_packed(value + rest, 0, reference)
    if quick is not None:
        slow = read_by_pyhanko(value + rest, reference)
        assert same(quick, slow), (value, quick, slow)


@given(VALUES)
def test_an_outline_names_what_the_value_names_or_there_is_none(reader: PdfFileReader, value: bytes) -> None:
    outline = plain.outline(value)
    if outline is not None:
        slow = read_by_pyhanko(value, generic.Reference(7, 0, reader))
        assert tuple(outlines.edges_in(outline, ())) == tuple(outlines.edges_in(slow, ())), value


@pytest.mark.parametrize(
    "plainly",
    [
        b"<</A 1/B[1 0 R(a)<fe>/N#2f]/C<</D null>>>>",
        b"[true -3 1.5 (zh\\055CN)]",
        b"(\\376\\377N\\000)",
        b"<</A <4e>   \n>>",
    ],
)
def test_what_our_letters_are_made_of_is_plain(reader: PdfFileReader, plainly: bytes) -> None:
    assert plain.read_packed(plainly + b" ", 0, generic.Reference(7, 0, reader)) is not None


def test_every_object_of_a_letter_is_the_same(final: bytes) -> None:
    data = final
    stock: Any = PdfFileReader(io.BytesIO(data))
    read = 0
    for number in range(1, int(stock.trailer["/Size"])):
        reference = generic.Reference(number, 0, stock)
        try:
            place = stock.xrefs[reference]
        except KeyError:
            continue
        quick = plain.read_indirect(data, place, reference) if type(place) is int else None
        if quick is not None:
            read += 1
            assert same(quick, stock.get_object(reference)), number
    assert read > 20


def test_another_object_at_the_place_is_left(final: bytes) -> None:
    stock: Any = PdfFileReader(io.BytesIO(final))
    place = stock.xrefs[generic.Reference(2, 0, stock)]
    assert plain.read_indirect(final, place, generic.Reference(3, 0, stock)) is None
