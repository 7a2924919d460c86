"""The stored form of a wrapped key: one form, read strictly."""

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core import canonical_json
from service.errors import CorruptError
from service.keys import record
from service.keys.record import Cost, Record
from service.keys.signer import Algorithm

SAMPLE = Record(
    Algorithm.ED25519, b"spki", "0123456789abcdef", Cost(8192, 2, 1), b"s" * 16, b"n" * 12, b"sealed" * 8
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 1 << 40) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


def test_a_record_reads_back_as_it_was_written() -> None:
    assert record.parse(SAMPLE.to_text()) == SAMPLE


def test_the_head_is_all_but_the_sealed_key() -> None:
    value = json.loads(SAMPLE.to_text())
    del value["sealed"]
    assert canonical_json(value) == SAMPLE.head()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(json.loads(SAMPLE.to_text()))), JSON)
def test_any_value_in_any_place_is_read_or_called_damaged(place: str, value: object) -> None:
    with suppress(CorruptError):
        record.parse(canonical_json(json.loads(SAMPLE.to_text()) | {place: value}).decode())


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_called_damaged(text: str) -> None:
    with suppress(CorruptError):
        record.parse(text)
