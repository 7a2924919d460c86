"""A receipt counts only for the file, the log and the letter it was given for."""

import hashlib
from typing import Any

import pytest

from service.core import Entry, Event, FileDigest, Sha256Hex
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.tlog import merkle, note, proof
from service.tlog.checkpoint import Checkpoint
from service.verification import receipts
from service.verification.guard import ProofError
from service.verification.report import Report, Status, Verdict
from service.verification.verdict import verify

TIME = "2026-11-24T03:00:00Z"


class Log:
    """A log of one entry, the smallest there is."""

    def __init__(self, name: str) -> None:
        self.key = LocalSigner(
            private.generate(Algorithm.ED25519, lambda size: hashlib.shake_256(name.encode()).digest(size))
        )
        self.name = name
        self.vkey = note.vkey(name, self.key.public_key)

    def receipt(self, entry: Entry) -> bytes:
        leaf = entry.to_bytes()
        text = Checkpoint(self.name, 1, merkle.leaf_hash(leaf)).text
        signed = note.sign_note(text, self.name, self.key.sign, self.key.public_key)
        return proof.format_proof(leaf, 0, [], signed)


def entry(data: bytes, letter: str, event: Event = Event.COMPLETED) -> Entry:
    return Entry("letter", event, letter, TIME, FileDigest.of(data), None, None, None, Sha256Hex("0" * 64))


def judged(lab: Any, data: bytes, receipt: bytes, *logs: Log) -> Report:
    return verify(data, lab.trust(logs=tuple(one.vkey for one in logs)), lab.t0, receipt=receipt)


def codes(report: Report) -> set[str]:
    return {one.code for one in report.reasons}


@pytest.fixture(scope="module")
def log() -> Log:
    return Log("log.example/lucheng")


def test_a_good_receipt_is_reported(lab: Any, final: bytes, log: Log) -> None:
    report = judged(lab, final, log.receipt(entry(final, lab.letter)), log)
    assert (report.verdict, report.status) == (Verdict.VALID, Status.IN_FORCE)
    assert report.receipt is not None and report.receipt["prefix"] is False


def test_a_receipt_of_an_earlier_revision_holds_for_its_prefix(
    lab: Any, revisions: list[bytes], log: Log
) -> None:
    report = judged(
        lab, revisions[-1], log.receipt(entry(revisions[-2], lab.letter, Event.COUNTERSIGNED)), log
    )
    assert report.verdict is Verdict.VALID and "RECEIPT_PREFIX" in codes(report)


def test_a_receipt_of_another_file_is_refused(lab: Any, revisions: list[bytes], log: Log) -> None:
    changed = revisions[-1][:50] + b"x" + revisions[-1][51:]
    for data in (changed, revisions[-1] + b"x"):
        report = judged(lab, revisions[-1], log.receipt(entry(data, lab.letter)), log)
        assert report.verdict is Verdict.INVALID and "RECEIPT_OTHER_FILE" in codes(report)


def test_a_receipt_of_another_letter_is_refused(lab: Any, final: bytes, log: Log) -> None:
    report = judged(lab, final, log.receipt(entry(final, "0" * 32)), log)
    assert "RECEIPT_OTHER_FILE" in codes(report)


def test_a_receipt_of_an_unknown_log_is_refused(lab: Any, final: bytes, log: Log) -> None:
    receipt = log.receipt(entry(final, lab.letter))
    assert "RECEIPT_INVALID" in codes(judged(lab, final, receipt, Log("other.example/log")))
    report = judged(lab, final, receipt)
    assert report.verdict is Verdict.INDETERMINATE and "RECEIPT_LOG_UNKNOWN" in codes(report)


def test_not_one_byte_of_a_receipt_may_change(lab: Any, final: bytes, log: Log) -> None:
    receipt = log.receipt(entry(final, lab.letter))
    receipts.require_receipt(receipt, final, (log.vkey,))
    for position in range(len(receipt)):
        changed = receipt[:position] + bytes([receipt[position] ^ 1]) + receipt[position + 1 :]
        with pytest.raises(ProofError, match="RECEIPT_"):
            receipts.require_receipt(changed, final, (log.vkey,))


def test_the_receipt_of_a_voiding_entry_says_void(lab: Any, final: bytes, log: Log) -> None:
    void = Entry("letter", Event.VOID, lab.letter, TIME)
    report = judged(lab, final, log.receipt(void), log)
    assert (report.verdict, report.status) == (Verdict.VALID, Status.VOID)
    assert not report.is_good
