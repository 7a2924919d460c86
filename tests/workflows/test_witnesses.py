"""District, city and province on one machine, with real HTTP between them; one of the witnesses lies, one is down."""

import base64
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.db.tables import Letter, LogEntry, LogHead
from service.errors import ConflictError, InputError, NotFoundError, SetupError, VerificationError
from service.settings import Settings
from service.tlog import cosignature, note, proof
from service.verification import trust as trusts
from service.verification import verdict
from service.verification.report import Report
from service.verification.trust import Trust
from service.web.witness import create_witness
from service.workflows import authority, enrolment, periodic, receipts, report_words, witnessing
from service.workflows import trust as bundles
from tests.serving import served
from tests.workflows.conftest import PIN, TOWN, HandClock
from tests.workflows.opening import make_schema


def _upper(home: Path, clock: HandClock) -> App:
    settings = Settings(home=home, workers=1)
    make_schema(settings)
    composition.initialise(settings, clock)
    return composition.build(settings, clock)


@pytest.fixture
def witness(tmp_path: Path, clock: HandClock, app: App) -> Iterator[Callable[[str], str]]:
    """Set up a witness of the district's log, have the district know it, and return its address."""
    with ExitStack() as open_:

        def make(level: str) -> str:
            upper = _upper(tmp_path / level, clock)
            cosigner = witnessing.create_key(upper.parts, f"witness.example/{level}")
            _, own = witnessing.own_witness(upper.parts)
            own.register(app.parts.log.vkey, clock())
            url = open_.enter_context(served(create_witness(own, clock)))
            witnessing.add(app.parts, cosigner.vkey, url)
            return url

        yield make


def test_two_levels_cosign_the_district_and_a_receipt_carries_both(
    app: App, witness: Callable[[str], str], issued: list[str]
) -> None:
    witness("city")
    witness("province")
    assert [(one.size > 0, one.fault) for one in witnessing.ask(app.parts)] == [(True, None)] * 2
    cosigners = witnessing.cosigners(app.parts)
    head = app.parts.log.kept.covering(0, cosigners, 2)
    assert head
    receipt = app.parts.log.receipt(0, head)
    found = proof.parse_proof(receipt)
    assert len(cosignature.require_quorum(found.checkpoint, cosigners, 2)) == 2
    proof.verify_receipt(receipt, None, [note.Verifier.parse(app.parts.log.vkey)])


def test_who_verifies_learns_how_many_witnesses_vouch(
    app: App, witness: Callable[[str], str], issued: list[str], clock: HandClock
) -> None:
    """Log-only receipts are given at once; policy makes them indeterminate until enough have cosigned."""
    witness("city")
    witness("province")
    with pytest.raises(InputError, match="E-SYS-127"):
        witnessing.set_quorum(app.parts, 3)
    assert witnessing.set_quorum(app.parts, 2) == 2
    with pytest.raises(ConflictError, match="E-SYS-128"):
        witnessing.remove(app.parts, "witness.example/city")

    def judge() -> Report:
        known = Trust.read_bundle(bundles.bundle(app.parts, clock()))
        (pdf, receipt) = _head_with_receipt(app, issued[0])
        return verdict.verify(pdf, known, clock(), receipt=receipt)

    report = judge()
    assert "RECEIPT_NOT_WITNESSED" in {one.code for one in report.reasons}
    assert report.verdict == "indeterminate"
    assert "见证方联署 0 个（没有，要求 2 个）" in report_words.receipt(report)
    witnessing.ask(app.parts)
    report = judge()
    assert "RECEIPT_NOT_WITNESSED" not in {one.code for one in report.reasons}
    assert report.receipt["witnesses"] == ["witness.example/city", "witness.example/province"]
    assert "联署 2 个（witness.example/city、witness.example/province，要求 2 个）" in report_words.receipt(
        report
    )


def test_a_false_line_of_a_known_witness_makes_a_receipt_invalid(
    app: App, witness: Callable[[str], str], issued: list[str], clock: HandClock
) -> None:
    witness("city")
    witnessing.ask(app.parts)
    known = Trust.read_bundle(bundles.bundle(app.parts, clock()))
    pdf, receipt = _head_with_receipt(app, issued[0])
    line = receipt.rstrip().rpartition(b"\n")[2]
    body = bytearray(base64.b64decode(line.rpartition(b" ")[2]))
    body[-1] ^= 1
    forged = receipt.replace(line.rpartition(b" ")[2], base64.b64encode(body))
    report = verdict.verify(pdf, known, clock(), receipt=forged)
    assert report.verdict == "invalid"
    assert "RECEIPT_INVALID" in {one.code for one in report.reasons}


def test_a_bundle_never_asks_for_more_witnesses_than_it_names(app: App, clock: HandClock) -> None:
    with app.parts.sessions.begin() as session:
        trust = replace(authority.trust(app.parts, session, clock()), quorum=1)
    with pytest.raises(InputError, match="E-VER-001"):
        trusts.bundle_bytes(trust, bundles.trust_vkey(app.parts), app.parts.trust_key.sign)


def _head_with_receipt(app: App, letter_id: str) -> tuple[bytes, bytes]:
    with app.parts.sessions.begin() as session:
        row = session.execute(
            select(Letter.head, LogEntry.index.label("place"), LogHead)
            .join(LogEntry, LogEntry.id == Letter.id)
            .join(LogHead, LogHead.origin == LogEntry.origin)
            .where(Letter.id == letter_id)
            .order_by(LogEntry.index.desc())
        ).first()
    assert row
    return app.parts.store.get(row.head), receipts.receipt(app.parts, row.LogHead, row.place)


def test_what_grows_later_is_cosigned_from_where_the_witness_stands(
    app: App, witness: Callable[[str], str]
) -> None:
    witness("city")
    witnessing.ask(app.parts)
    (row,) = witnessing.known(app.parts)
    before = row.size
    _append(app)
    periodic.run(app.parts)
    (row,) = witnessing.known(app.parts)
    assert row.size > before
    assert app.parts.log.kept.sizes() == [before, row.size]


def test_a_witness_that_is_down_blocks_nothing_and_catches_up(
    app: App, witness: Callable[[str], str], tmp_path: Path, clock: HandClock
) -> None:
    witness("city")
    upper = _upper(tmp_path / "late", clock)
    late = witnessing.create_key(upper.parts, "witness.example/late")
    _, own = witnessing.own_witness(upper.parts)
    own.register(app.parts.log.vkey, clock())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    witnessing.add(app.parts, late.vkey, url)
    faults = {one.name: one.fault for one in witnessing.ask(app.parts)}
    assert faults["witness.example/city"] is None
    assert faults["witness.example/late"] == "连接失败（ConnectError）。"
    assert app.parts.log.kept.covering(0, witnessing.cosigners(app.parts), 1)
    witnessing.remove(app.parts, "witness.example/late")
    with served(create_witness(own, clock)) as there:
        witnessing.add(app.parts, late.vkey, there)
        assert [one.fault for one in witnessing.ask(app.parts)] == [None, None]


def test_a_lying_witness_is_found_out_and_counts_for_nothing(
    app: App, witness: Callable[[str], str], tmp_path: Path, clock: HandClock
) -> None:
    witness("city")
    liar = FastAPI()

    @liar.post("/add-checkpoint")
    async def answer(request: Request) -> Response:
        body = (await request.body()).replace(b"log", b"l0g")
        text, _ = note.parse_note(body.partition(b"\n\n")[2])
        return Response(cosignature.cosign(text, cosigner, signer, clock()))

    upper = _upper(tmp_path / "liar", clock)
    cosigner = witnessing.create_key(upper.parts, "witness.example/liar")
    _, own = witnessing.own_witness(upper.parts)
    signer = own._sign
    with served(liar) as url:
        witnessing.add(app.parts, cosigner.vkey, url)
        faults = {one.name: one.fault for one in witnessing.ask(app.parts)}
    assert faults["witness.example/city"] is None
    assert "联署不成立" in (faults["witness.example/liar"] or "")
    cosigners = witnessing.cosigners(app.parts)
    assert app.parts.log.kept.covering(0, cosigners, 2) is None
    assert app.parts.log.kept.covering(0, cosigners, 1)


def test_a_witness_that_has_seen_more_tells_of_a_rollback(
    app: App, open_app: Callable[[], App], witness: Callable[[str], str], tmp_path: Path
) -> None:
    witness("city")
    early = app.parts.log.published()
    assert early
    _append(app)
    witnessing.ask(app.parts)
    (row,) = witnessing.known(app.parts)
    folder = app.parts.settings.archive
    (folder / "checkpoint").write_bytes(early.signed)  # someone puts the old checkpoint back
    fault = witnessing.ask(app.parts)[0].fault
    assert fault
    assert "日志被回退过" in fault
    assert row.size > early.checkpoint.size


def test_strange_witnesses_are_refused_at_the_door(app: App, witness: Callable[[str], str]) -> None:
    witness("city")
    (row,) = witnessing.known(app.parts)
    with pytest.raises(ConflictError, match="E-SYS-121"):
        witnessing.add(app.parts, row.vkey, "http://127.0.0.1:1")
    with pytest.raises(InputError, match="E-SYS-120"):
        witnessing.add(app.parts, row.vkey, "file:///etc/passwd")
    with pytest.raises(InputError):
        witnessing.add(app.parts, app.parts.log.vkey, "http://127.0.0.1:1")
    with pytest.raises(NotFoundError):
        witnessing.remove(app.parts, "witness.example/nobody")
    with pytest.raises(SetupError, match="E-SYS-125"):
        witnessing.own_witness(app.parts)


def test_an_answer_without_a_known_cosignature_is_no_answer(app: App, witness: Callable[[str], str]) -> None:
    witness("city")
    witnessing.ask(app.parts)
    head = app.parts.log.published()
    assert head
    with pytest.raises(VerificationError, match="E-ARC-044"):
        app.parts.log.kept.add(head, head.signed.partition(b"\n\n")[2], [])


def _append(app: App) -> None:
    """Let the log grow by the certificate of another seal."""
    seal = enrolment.register_seal(app.parts, TOWN, "五马街道食药安办印章", "DEMO002", None)
    enrolment.enrol_seal(app.parts, seal, PIN)
    app.drain()
