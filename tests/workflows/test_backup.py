"""Backup and restore: nothing is lost, nothing is forked, and what is missing is told before anything is appended."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service import app as composition
from service.app import App
from service.archive import audit, rebuild
from service.core import parse_entry
from service.db import schema
from service.db.engine import open_engine, sessions_of
from service.errors import ConflictError, CorruptError, InputError, SetupError
from service.settings import Settings
from service.tlog import note, proof
from service.verification import verdict
from service.workflows import authority, backup, enrolment, reconciling, signing
from service.workflows.parts import Parts
from tests.workflows.conftest import PIN, TOWN, VILLAGE, HandClock


def _place(home: Path, old: Path) -> Settings:
    """Make an empty data directory with the keys and the pepper that were kept apart."""
    settings = Settings(home=home, workers=1)
    home.mkdir()
    shutil.copytree(old / "secrets", settings.secrets)
    return settings


def _restored(home: Path, old: Path, source: Path, clock: HandClock) -> App:
    settings = _place(home, old)
    done = backup.restore(settings, source, clock)
    assert done.audit.ok
    return composition.build(settings, clock)


def _grow(app: App) -> None:
    seal = enrolment.register_seal(app.parts, TOWN, "五马街道食药安办印章", "DEMO002", None)
    enrolment.enrol_seal(app.parts, seal, PIN)
    app.drain()


def _head(parts: Parts) -> bytes:
    head = parts.log.published()
    assert head
    return head.signed


def test_a_backup_of_a_ceremony_half_way_goes_on_after_the_restore(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    done = backup.backup(app.parts, tmp_path / "copy")
    assert done.audit.ok
    again = _restored(tmp_path / "new", app.parts.settings.home, tmp_path / "copy", clock)
    with pytest.raises(SetupError, match="E-ARC-033"):
        _grow(again)
    pieces = reconciling.evidence(again.parts, [], [_head(app.parts)])
    assert reconciling.reconcile(again.parts, pieces) == done.size
    _grow(again)
    report = audit.audit(again.parts.settings.archive, again.parts.log.vkey, audit.Scope(full=True))
    assert report.ok
    assert report.size > done.size


def test_the_second_backup_copies_only_what_is_new(app: App, tmp_path: Path) -> None:
    first = backup.backup(app.parts, tmp_path / "copy")
    assert backup.backup(app.parts, tmp_path / "copy").objects == 0
    _grow(app)
    second = backup.backup(app.parts, tmp_path / "copy")
    assert second.size > first.size
    assert 0 < second.objects < first.objects


def test_a_backup_holds_no_secret(app: App, tmp_path: Path) -> None:
    backup.backup(app.parts, tmp_path / "copy")
    secrets = [path.read_bytes() for path in app.parts.settings.secrets.iterdir() if path.suffix != ".pem"]
    keys = [secret for secret in secrets if b"PRIVATE" in secret or len(secret) == 32]
    assert keys
    for path in (tmp_path / "copy").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(key in content for key in keys), path
            assert b"PRIVATE KEY" not in content, path


def test_entries_lost_since_the_backup_are_found_and_the_log_does_not_go_on(
    app: App, tmp_path: Path, clock: HandClock
) -> None:
    backup.backup(app.parts, tmp_path / "copy")
    _grow(app)
    size = json.loads((tmp_path / "copy" / "manifest.json").read_text())["size"]
    receipt = app.parts.log.receipt(size)  # of an entry that the backup has not
    again = _restored(tmp_path / "new", app.parts.settings.home, tmp_path / "copy", clock)
    with pytest.raises(ConflictError, match="E-SYS-163"):
        reconciling.reconcile(again.parts, reconciling.evidence(again.parts, [receipt], []))
    with pytest.raises(SetupError, match="E-ARC-033"):
        _grow(again)
    with pytest.raises(InputError, match="E-SYS-161"):
        reconciling.reconcile(again.parts, [])


def test_a_new_log_names_the_old_ones_end_and_old_receipts_stay_good(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    old_key = app.parts.log.vkey
    receipt = app.parts.log.receipt(0)
    backup.backup(app.parts, tmp_path / "copy")
    _grow(app)
    again = _restored(tmp_path / "new", app.parts.settings.home, tmp_path / "copy", clock)
    ended = reconciling.new_origin(again.parts, "log.example/second")
    later = composition.build(again.parts.settings, clock)
    first = proof.verify_receipt(
        later.parts.log.receipt(0), None, [note.Verifier.parse(later.parts.log.vkey)]
    )
    assert first.entry.event == "origin"
    assert first.entry.file
    assert later.parts.store.get(first.entry.file.sha256) == ended
    assert note.Verifier.parse(later.parts.log.vkey).name == "log.example/second"
    _grow(later)
    signing.seal_letters(later.parts, VILLAGE, PIN, device="test")
    for one in (later.parts.settings.archive, next((later.parts.settings.archive / "ended").iterdir())):
        key = old_key if one.parent.name == "ended" else later.parts.log.vkey
        report = audit.audit(one, key)
        assert [found for found in report.findings if not found.notice] == []
    assert backup.backup(later.parts, tmp_path / "second").audit.ok
    (kept,) = (tmp_path / "second" / "archive" / "ended").iterdir()
    assert audit.audit(kept, old_key).ok  # a backup has the ended log too, to be audited as it stands
    with later.parts.sessions.begin() as session:
        trust = authority.trust(later.parts, session, clock())
    assert trust.logs == (later.parts.log.vkey, old_key)
    proof.verify_receipt(receipt, None, [note.Verifier.parse(one) for one in trust.logs])


def test_a_crash_before_the_old_folder_is_set_aside_is_made_up_for_at_the_next_start(
    app: App, tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.backup(app.parts, tmp_path / "copy")
    again = _restored(tmp_path / "new", app.parts.settings.home, tmp_path / "copy", clock)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("service.archive.origins.set_aside", crash)
        with pytest.raises(KeyboardInterrupt):
            reconciling.new_origin(again.parts, "log.example/second")
    later = composition.build(again.parts.settings, clock)
    assert later.parts.log.published()
    assert audit.audit(later.parts.settings.archive, later.parts.log.vkey).ok


def test_the_lost_database_of_a_log_is_rebuilt_from_its_folder(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    parts = app.parts
    engine = open_engine(f"sqlite:///{tmp_path}/rebuilt.sqlite3")
    schema.migrate(engine)
    with sessions_of(engine).begin() as session:
        head = rebuild.read_log(session, parts.settings.archive, parts.log.vkey, clock())
        with pytest.raises(ConflictError, match="E-ARC-048"):
            rebuild.read_log(session, parts.settings.archive, parts.log.vkey, clock())
    assert head.signed == _head(parts)
    kept = []
    for path in (parts.settings.home / "liangze.sqlite3", tmp_path / "rebuilt.sqlite3"):
        with closing(sqlite3.connect(path)) as database:
            kept.append(
                database.execute(
                    'SELECT origin, "index", leaf, id, entry FROM log_entry ORDER BY 2'
                ).fetchall()
            )
    assert kept[0] == kept[1]
    engine.dispose()


def test_a_damaged_backup_is_refused(app: App, tmp_path: Path, clock: HandClock) -> None:
    copy = tmp_path / "copy"
    backup.backup(app.parts, copy)
    database = copy / "database.sqlite3"
    whole = database.read_bytes()
    database.write_bytes(whole[:-1] + b"x")
    with pytest.raises(CorruptError, match="E-SYS-151"):
        backup.restore(_place(tmp_path / "one", app.parts.settings.home), copy, clock)
    database.write_bytes(whole)
    with pytest.raises(ConflictError, match="E-SYS-154"):
        backup.restore(app.parts.settings, copy, clock)
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="E-SYS-152"):
        backup.restore(_place(tmp_path / "two", app.parts.settings.home), copy, clock)
    empty = Settings(home=tmp_path / "three", workers=1)
    backup.backup(app.parts, copy)
    with pytest.raises(SetupError, match="E-SYS-155"):
        backup.restore(empty, copy, clock)


def test_a_backup_of_an_archive_with_a_changed_object_is_refused(app: App, tmp_path: Path) -> None:
    victim = next(app.parts.settings.archive.glob("store/*/*"))
    victim.write_bytes(b"changed")
    with pytest.raises(CorruptError, match="E-ARC-010"):
        backup.backup(app.parts, tmp_path / "copy")


def test_finished_letters_verify_after_the_restore(
    app: App, issued: list[str], tmp_path: Path, clock: HandClock
) -> None:
    backup.backup(app.parts, tmp_path / "copy")
    again = _restored(tmp_path / "new", app.parts.settings.home, tmp_path / "copy", clock)
    reconciling.reconcile(again.parts, [], alone=True)
    with again.parts.sessions.begin() as session:
        trust = authority.trust(again.parts, session, clock())
    for letter in issued:
        receipt = next(
            one
            for index in range(again.parts.log.published().checkpoint.size)  # type: ignore[union-attr]
            if parse_entry(proof.parse_proof(one := again.parts.log.receipt(index)).extra or b"").id == letter
        )
        entry = parse_entry(proof.parse_proof(receipt).extra or b"")
        assert entry.file
        report = verdict.verify(again.parts.store.get(entry.file.sha256), trust, clock(), receipt=receipt)
        assert report.verdict == "valid"
