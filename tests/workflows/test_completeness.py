"""Completeness of a village: N of N or the gaps, recounted by an outsider from a mirror alone; and that mirror."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from service.app import App
from service.archive import audit, completeness, mirror
from service.clock import china_day
from service.core import canonical_json
from service.errors import ConflictError, InputError, NotFoundError, VerificationError
from service.tlog import note, proof
from service.workflows import anchoring, periodic, rosters
from tests.workflows.conftest import VILLAGE, HandClock
from tests.workflows.test_anchors import _grow


def test_every_cadre_has_one_and_an_outsider_counts_the_same(
    signed_app: App, signed_home: tuple[Path, list[str]], tmp_path: Path
) -> None:
    app, issued = signed_app, signed_home[1]
    parts, day = app.parts, china_day(app.parts.clock())
    made = rosters.prove(parts, VILLAGE, day)
    assert made.is_complete
    assert made.people == len(made.commitments) == len(issued)
    assert sorted(letter for _, letter, _ in made.commitments) == sorted(issued)
    mirror.export(parts.settings.archive, tmp_path / "mirror", parts.log.vkey)
    _grow(app)  # the log goes on; the proof holds for a newer mirror too
    mirror.export(parts.settings.archive, tmp_path / "mirror", parts.log.vkey)
    assert completeness.check(made.to_bytes(), tmp_path / "mirror", parts.log.vkey) == made
    assert set(rosters.names(parts, made).values()).isdisjoint(made.to_bytes().decode().split('"'))


def test_who_has_not_signed_is_a_gap(app: App, issued: list[str]) -> None:
    made = rosters.prove(app.parts, VILLAGE, china_day(app.parts.clock()))
    assert not made.is_complete
    assert len(made.gaps) == made.people
    assert set(made.gaps) == set(rosters.names(app.parts, made))


def test_a_proof_that_was_beautified_is_refused(app: App, issued: list[str], tmp_path: Path) -> None:
    parts = app.parts
    data = json.loads(rosters.prove(parts, VILLAGE, china_day(parts.clock())).to_bytes())
    target = tmp_path / "mirror"
    mirror.export(parts.settings.archive, target, parts.log.vkey)
    with pytest.raises(VerificationError, match="E-ARC-067"):
        completeness.check(canonical_json(data | {"gaps": []}), target, parts.log.vkey)
    roster = json.loads(data["roster"])
    roster["subjects"] = roster["subjects"][1:]  # one cadre fewer
    changed = canonical_json(data | {"roster": canonical_json(roster).decode(), "gaps": data["gaps"][1:]})
    with pytest.raises(VerificationError, match="E-ARC-066"):
        completeness.check(changed, target, parts.log.vkey)
    for bundle in (target / "tile" / "entries").rglob("*.p/*"):
        bundle.write_bytes(bundle.read_bytes().replace(b'"issued"', b'"signed"'))
    with pytest.raises((VerificationError, InputError)):
        completeness.check(canonical_json(data), target, parts.log.vkey)


def test_a_day_before_any_roster_has_no_proof_and_tomorrow_neither(app: App) -> None:
    today = china_day(app.parts.clock())
    with pytest.raises(NotFoundError, match="E-ARC-065"):
        rosters.prove(app.parts, VILLAGE, today - timedelta(days=1))
    with pytest.raises(InputError, match="E-SYS-241"):
        rosters.prove(app.parts, VILLAGE, today + timedelta(days=1))


def test_a_roster_is_logged_once_until_it_changes(app: App, clock: HandClock) -> None:
    assert rosters.log_roster(app.parts, VILLAGE)
    assert not rosters.log_roster(app.parts, VILLAGE)
    periodic.run(app.parts)
    head = app.parts.log.published()
    clock.move(timedelta(days=1))
    periodic.run(app.parts)
    assert app.parts.log.published() == head


def test_the_mirror_has_no_object_and_any_receipt_can_be_checked_against_it(app: App, tmp_path: Path) -> None:
    parts, target = app.parts, tmp_path / "mirror"
    anchoring.anchor(parts)
    head = mirror.export(parts.settings.archive, target, parts.log.vkey)
    assert {path.name for path in target.iterdir()} == {"checkpoint", "kept", "log.vkey", "tile"}
    found = audit.audit(target, (target / "log.vkey").read_text())
    assert {one.code for one in found.findings if not one.notice} == {"E-ARC-120"}  # objects only
    receipt = proof.verify_receipt(parts.log.receipt(0), None, [note.Verifier.parse(parts.log.vkey)])
    assert receipt.checkpoint == head.checkpoint


def test_a_mirror_is_never_taken_back_or_mixed(app: App, tmp_path: Path) -> None:
    parts, target = app.parts, tmp_path / "mirror"
    old = tmp_path / "old"
    mirror.export(parts.settings.archive, old, parts.log.vkey)
    _grow(app)
    mirror.export(parts.settings.archive, target, parts.log.vkey)
    with pytest.raises(ConflictError, match="E-ARC-063"):
        mirror.export(old, target, parts.log.vkey)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("x")
    with pytest.raises(ConflictError, match="E-ARC-062"):
        mirror.export(old, tmp_path / "other", parts.log.vkey)
