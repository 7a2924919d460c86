"""A letter ends by a decision that the office signs: voided, superseded, or issued anew in one act."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.archive import audit
from service.core import Sha256Hex, parse_entry
from service.db.tables import Approval, Letter, LogEntry, Step
from service.errors import ConflictError, ForbiddenError, InputError
from service.signing import decisions
from service.verification import verdict
from service.workflows import authority, ending, letters, signing
from service.workflows.ending import Ground
from tests.workflows.conftest import PIN

GROUND = Ground("李样例", "姓名有误", "五食安办〔2026〕7号")


def events(app: App, letter: str) -> list[str]:
    with app.parts.sessions.begin() as session:
        rows = session.scalars(select(LogEntry.entry).where(LogEntry.id == letter).order_by(LogEntry.index))
        return [parse_entry(row).event.value for row in rows]


def row(app: App, letter: str) -> Letter:
    with app.parts.sessions.begin() as session:
        return letters.get(session, letter)


def status(app: App, letter: str) -> tuple[str, str]:
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
    pdf = app.parts.store.get(Sha256Hex(str(row(app, letter).head)))
    report = verdict.verify(pdf, trust, app.parts.clock())
    return report.verdict.value, report.status.value


def test_a_voided_letter_keeps_its_signatures_and_is_known_as_void(
    app: App, issued: list[str], tmp_path: Path
) -> None:
    one = issued[0]
    with pytest.raises(ForbiddenError, match="E-KEY-001"):
        ending.void(app.parts, one, GROUND, "135791", device="test")
    assert status(app, one) == ("valid", "incomplete")
    ending.void(app.parts, one, GROUND, PIN, device="test")
    app.drain()
    assert events(app, one) == ["issued", "void"]
    assert (row(app, one).state, status(app, one)) == ("void", ("valid", "void"))
    kept = ending.record_of(app.parts, one)
    assert kept is not None
    decision, record = kept
    assert (decision.by, decision.why, decision.basis) == (GROUND.by, GROUND.why, GROUND.basis)
    require_signed(app, record, tmp_path)
    cadre = row(app, one).cadre
    assert one not in [each.letter for each in signing.waiting_for(app.parts, cadre)]
    with pytest.raises(ConflictError, match="E-SIG-205"):
        ending.void(app.parts, one, GROUND, PIN, device="test")
    assert audit.audit(app.parts.settings.archive, app.parts.log.vkey, audit.Scope(full=True)).ok
    assert list(app.parts.work.digests()) == []


def require_signed(app: App, record: bytes, folder: Path) -> None:
    """openssl, an independent program, verifies the record's CMS by the deployment's CA."""
    decision, container = decisions.read(record)
    (folder / "decision.json").write_bytes(decision.to_bytes())
    (folder / "signature.der").write_bytes(container)
    (folder / "ca.der").write_bytes(app.parts.issuing_ca.certificate)
    run = ["openssl", "x509", "-inform", "DER", "-in", "ca.der", "-out", "ca.pem"]
    subprocess.run(run, cwd=folder, check=True, timeout=60)
    command = (
        "openssl cms -verify -binary -inform DER -in signature.der -content decision.json -CAfile ca.pem"
    )
    at = int(app.parts.clock().timestamp())
    options = ["-purpose", "any", "-attime", str(at), "-out", "said.json"]
    subprocess.run([*command.split(), *options], cwd=folder, check=True, capture_output=True, timeout=60)
    changed = (folder / "decision.json").read_bytes().replace(b"void", b"VOID")
    (folder / "decision.json").write_bytes(changed)
    done = subprocess.run(
        [*command.split(), *options], cwd=folder, check=False, capture_output=True, timeout=60
    )
    assert done.returncode != 0


def test_what_was_prepared_on_an_ending_letter_can_no_longer_be_signed(app: App, issued: list[str]) -> None:
    one = issued[0]
    person = row(app, one).cadre
    listed = signing.prepare_letters(app.parts, person, only=[one])
    ending.void(app.parts, one, GROUND, PIN, device="test")
    with pytest.raises(InputError, match="E-SIG-108"):
        signing.approve_letters(app.parts, person, PIN, [listed.ready[0].step], device="test")
    with pytest.raises(ConflictError, match="E-SIG-106"):
        ending.decide(app.parts, one, "void", GROUND)
    assert signing.prepare_letters(app.parts, person, only=[one]).ready == ()
    app.drain()
    assert events(app, one) == ["issued", "void"]


def test_a_letter_is_issued_anew_and_supersedes_the_old_one_with_one_pin(app: App, issued: list[str]) -> None:
    one = issued[0]
    with pytest.raises(ForbiddenError):
        ending.reissue(app.parts, one, GROUND, "135791", device="test")
    with app.parts.sessions.begin() as session:
        assert len(session.scalars(select(Letter)).all()) == len(issued)
        before = len(session.scalars(select(Approval)).all())
    new = ending.reissue(app.parts, one, GROUND, PIN, device="test")
    app.drain()
    assert (events(app, one), events(app, new)) == (["issued", "superseded"], ["issued"])
    assert status(app, one)[1] == "superseded" and status(app, new)[1] == "incomplete"
    kept = ending.record_of(app.parts, one)
    assert kept is not None and (kept[0].successor, kept[0].successor_number) == (new, row(app, new).number)
    with app.parts.sessions.begin() as session:
        assert len(session.scalars(select(Approval)).all()) == before + 1
        made = session.scalars(select(Step).where(Step.letter.in_((one, new)))).all()
        new_issue = next(step for step in made if step.letter == new and step.state == "logged")
        ended = next(step for step in made if step.action == "supersede" and step.state == "logged")
    assert new_issue.approval == ended.approval
    assert letters.plan_letters(app.parts, row(app, new).unit, who="clerk").made == 0


def test_an_issued_letter_supersedes_only_what_is_alive_and_of_its_kind(app: App, issued: list[str]) -> None:
    one, other = issued[:2]
    for wrong in (one, "0" * 32):
        with pytest.raises(Exception, match=r"E-SIG-(202|101)"):
            ending.supersede(app.parts, one, wrong, GROUND, PIN, device="test")
    ending.supersede(app.parts, one, other, GROUND, PIN, device="test")
    app.drain()
    assert row(app, one).state == "superseded"
    with pytest.raises(ConflictError, match="E-SIG-203"):
        ending.supersede(app.parts, other, one, GROUND, PIN, device="test")


def test_a_decision_without_name_reason_or_basis_is_refused(app: App, issued: list[str]) -> None:
    for ground in (Ground("", "a", "b"), Ground("a", " ", "b"), Ground("a", "b", "c" * 201)):
        with pytest.raises(InputError, match="E-SIG-201"):
            ending.void(app.parts, issued[0], ground, PIN, device="test")
