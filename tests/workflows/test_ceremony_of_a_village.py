"""One village's letters from plan to final: who may sign, what is logged, what is left behind."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.archive import audit
from service.archive.store import shard
from service.clock import china_day
from service.core import parse_entry, sha256_hex
from service.db.tables import Approval, Key, Letter, LogEntry, Step
from service.errors import ConflictError, ForbiddenError, NotFoundError, VerificationError
from service.registry import persons
from service.verification import known, qr, verdict
from service.workflows import (
    authority,
    checking,
    enrolment,
    lasting,
    letters,
    marks,
    proof_pages,
    signing,
    steps,
)
from tests.workflows.conftest import PIN, VILLAGE, HandClock, people
from tests.workflows.test_marks import codes

ORDER = ["issued", "signed", "countersigned", "completed"]


def letter(app: App, letter_id: str) -> Letter:
    with app.parts.sessions.begin() as session:
        return letters.get(session, letter_id)


def leader_of(app: App) -> str:
    with app.parts.sessions.begin() as session:
        return persons.leader(session, VILLAGE, china_day(app.parts.clock())).cadre


def test_every_letter_is_completed_once_and_everything_agrees(
    signed_app: App, signed_home: tuple[Path, list[str]]
) -> None:
    app, issued = signed_app, signed_home[1]
    finals = checking.finals(app.parts)
    assert sorted(final.id for final in finals) == sorted(issued)
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
        for letter_id in issued:
            rows = session.scalars(
                select(LogEntry.entry).where(LogEntry.id == letter_id).order_by(LogEntry.index)
            )
            assert [parse_entry(row).event for row in rows] == ORDER
    for final in finals:
        report = verdict.verify(final.pdf, trust, app.parts.clock(), receipt=final.receipt)
        assert (report.verdict, report.status) == ("valid", "in_force"), report.reasons
        assert report.voucher == "demo"
        assert [one.role for one in report.signatures[:3]] == ["office", "cadre", "leader"]
    assert list(app.parts.work.digests()) == []
    found = audit.audit(app.parts.settings.archive, app.parts.log.vkey, audit.Scope(full=True))
    assert found.ok, found.findings


def test_pdfsig_agrees_with_our_verdict(signed_app: App, tmp_path: Path) -> None:
    final = checking.finals(signed_app.parts)[0]
    path = tmp_path / "final.pdf"
    path.write_bytes(final.pdf)
    checking.pdfsig(path)
    changed = bytearray(final.pdf)
    changed[2000] ^= 1
    path.write_bytes(changed)
    with pytest.raises(VerificationError):
        checking.pdfsig(path)
    _require_proof_page(signed_app, final)


def _require_proof_page(app: App, final: checking.Final) -> None:
    """The page to print behind the letter: one page, whose code says what stands in letter, signatures and log."""
    made = proof_pages.make(app.parts, final.number)
    [code] = codes(made.pdf, 150)
    now = app.parts.clock()
    answer = known.judge(code, marks.known_list(app.parts, now), now)
    claim = answer.claim
    assert answer.state is known.State.GENUINE and isinstance(claim, qr.Finished)
    assert claim.sha256 == sha256_hex(final.pdf) and [one.role for one in claim.signed] == [
        *steps.ROLES.values()
    ]
    with app.parts.sessions.begin() as session:
        entry = session.scalars(select(LogEntry).where(LogEntry.index == claim.index)).one()
        assert (entry.id, entry.leaf.hex()[:32], entry.origin) == (final.id, claim.leaf, claim.origin)
    with pytest.raises(NotFoundError, match="E-SIG-163"):
        proof_pages.make(app.parts, "没有这一件")


def test_the_leaders_own_letter_is_countersigned_by_the_stand_in(app: App, issued: list[str]) -> None:
    leader = leader_of(app)
    with app.parts.sessions.begin() as session:
        own = session.scalars(select(Letter.id).where(Letter.cadre == leader)).one()
    signing.sign_letters(app.parts, leader, PIN, device="test", only=[own])
    app.drain()
    assert own not in [one.letter for one in signing.waiting_for(app.parts, leader)]
    with app.parts.sessions.begin() as session:
        stamp = signing._signature(app.parts, session, leader, app.parts.clock(), None)
    with pytest.raises(ForbiddenError, match="E-SIG-104"):
        steps.prepare(app.parts, own, "countersign", leader, stamp)


def test_nobody_signs_for_somebody_else(app: App, issued: list[str]) -> None:
    one = issued[0]
    owner = letter(app, one).cadre
    other = next(person for person in people(app.parts) if person != owner)
    with app.parts.sessions.begin() as session:
        stamp = signing._signature(app.parts, session, other, app.parts.clock(), None)
    with pytest.raises(ForbiddenError, match="E-SIG-103"):
        steps.prepare(app.parts, one, "sign", other, stamp)


def test_a_wrong_pin_signs_nothing_and_the_fifth_locks_the_key(app: App, issued: list[str]) -> None:
    person = letter(app, issued[0]).cadre
    for _ in range(5):
        with pytest.raises(ForbiddenError, match="E-KEY-001"):
            signing.sign_letters(app.parts, person, "135791", device="test", only=[issued[0]])
    with pytest.raises(ForbiddenError, match="E-KEY-003"):
        signing.sign_letters(app.parts, person, PIN, device="test", only=[issued[0]])
    with app.parts.sessions.begin() as session:
        key = session.scalars(select(Key).where(Key.owner == person)).one()
        assert key.failures == 5
        assert (
            session.scalars(select(Step).where(Step.action == "sign", Step.state == "approved")).all() == []
        )
        assert session.scalars(select(Approval).where(Approval.person == person)).all() == []


def test_a_prepared_revision_expires_with_its_chinese_day(
    app: App, issued: list[str], clock: HandClock
) -> None:
    person = letter(app, issued[0]).cadre
    with app.parts.sessions.begin() as session:
        stamp = signing._signature(app.parts, session, person, app.parts.clock(), None)
    step = steps.prepare(app.parts, issued[0], "sign", person, stamp)
    clock.move(timedelta(hours=14))
    with pytest.raises(ConflictError, match="E-SIG-109"):
        steps.approve(app.parts, person, PIN, [step], device="test", method="PIN", shown="x")
    signed = signing.sign_letters(app.parts, person, PIN, device="test", only=[issued[0]])
    assert signed.letters == (issued[0],)


def test_a_step_is_approved_once(app: App, issued: list[str]) -> None:
    person = letter(app, issued[0]).cadre
    with app.parts.sessions.begin() as session:
        stamp = signing._signature(app.parts, session, person, app.parts.clock(), None)
    step = steps.prepare(app.parts, issued[0], "sign", person, stamp)
    steps.approve(app.parts, person, PIN, [step], device="test", method="PIN", shown="x")
    with pytest.raises(ConflictError):
        steps.approve(app.parts, person, PIN, [step], device="test", method="PIN", shown="x")
    with pytest.raises(ConflictError):
        steps.prepare(app.parts, issued[0], "sign", person, stamp)


def test_a_repeated_job_changes_nothing(signed_app: App, signed_home: tuple[Path, list[str]]) -> None:
    app, issued = signed_app, signed_home[1]
    with app.parts.sessions.begin() as session:
        size = len(session.scalars(select(LogEntry.index)).all())
        done = [str(one) for one in session.scalars(select(Step.id).where(Step.state == "logged"))]
    for step in done:
        steps.stamp(app.parts, step)
        steps.archive(app.parts, step)
    for one in issued:
        lasting.complete(app.parts, one)
        letters.render(app.parts, one)
    with app.parts.sessions.begin() as session:
        assert len(session.scalars(select(LogEntry.index)).all()) == size


def test_a_revision_tampered_with_on_its_way_is_refused(app: App, issued: list[str]) -> None:
    person = letter(app, issued[0]).cadre
    with app.parts.sessions.begin() as session:
        stamp = signing._signature(app.parts, session, person, app.parts.clock(), None)
    step_id = steps.prepare(app.parts, issued[0], "sign", person, stamp)
    with app.parts.sessions.begin() as session:
        path = app.parts.settings.work / shard(session.get_one(Step, step_id).prepared or "")
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(Exception, match="E-ARC-010"):
        steps.approve(app.parts, person, PIN, [step_id], device="test", method="PIN", shown="x")


def test_planning_again_makes_no_second_letter(app: App, issued: list[str]) -> None:
    again = letters.plan_letters(app.parts, VILLAGE, who="clerk")
    assert again.made == 0
    assert list(again.letters) == issued


def test_a_person_is_enrolled_once(app: App) -> None:
    with pytest.raises(ConflictError, match="E-SIG-130"):
        enrolment.enrol_person(app.parts, people(app.parts)[0], PIN)
