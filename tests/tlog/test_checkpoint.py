"""Checkpoints: one canonical form, and only from the log itself."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from service.errors import InputError, VerificationError
from service.tlog import checkpoint as checkpoints
from service.tlog.checkpoint import Checkpoint
from service.tlog.merkle import Hash
from service.tlog.note import Verifier

ROOT = Hash(bytes(range(32)))


def test_a_checkpoint_of_the_go_checksum_database_opens(vectors: Callable[[str], Any]) -> None:
    known = vectors("checkpoints.json")
    key = Verifier.parse(known["vkey"])
    found = checkpoints.open_checkpoint(known["signed"].encode(), [key], known["origin"])
    assert found == Checkpoint(known["origin"], known["size"], Hash(b64decode(known["root"])))


def test_a_checkpoint_of_another_log_is_refused(vectors: Callable[[str], Any]) -> None:
    known = vectors("checkpoints.json")
    for origin in (None, "another log"):  # its key doesn't bear the name of the origin
        with pytest.raises(VerificationError, match="E-TLG-031"):
            checkpoints.open_checkpoint(known["signed"].encode(), [Verifier.parse(known["vkey"])], origin)


@pytest.mark.parametrize("origin", ["a", "a" * 255, "é" * 127 + "a", "example log+origin"])
@pytest.mark.parametrize("extensions", [(), ("one", "two")])
def test_a_checkpoint_reads_back_as_written(origin: str, extensions: tuple[str, ...]) -> None:
    written = Checkpoint(origin, 7, ROOT, extensions)
    assert checkpoints.parse_checkpoint(written.text) == written


@pytest.mark.parametrize(
    "text",
    [
        Checkpoint("", 1, ROOT).text,
        Checkpoint("a" * 256, 1, ROOT).text,
        Checkpoint("é" * 128, 1, ROOT).text,
        Checkpoint("a", -42, ROOT).text,
        Checkpoint("a", 2**63, ROOT).text,
        Checkpoint("a", 1, Hash(bytes(31))).text,
        Checkpoint("a", 1, ROOT, ("",)).text,
        Checkpoint("a", 1, ROOT).text[:-1],
        Checkpoint("a", 1, ROOT).text.replace("\n1\n", "\n01\n"),
        Checkpoint("a", 1, ROOT).text.replace("\n1\n", "\n+1\n"),
        Checkpoint("a", 1, ROOT).text.replace("Hh8=", "Hh9="),
        Checkpoint("a", 1, ROOT).text.replace("\n", "\r\n"),
        "42\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n",
        "a\n42\nthisisnotright\n",
        "",
    ],
)
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="E-TLG-030"):
        checkpoints.parse_checkpoint(text)
