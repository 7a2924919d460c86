"""逐级上报 between two deployments: rows, bonds, lists and progress arrive, and only under the recorded key."""

import io
import json
import random
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from samples import make_lucheng
from service import app as composition
from service.app import App
from service.core import canonical_json, sha256_hex
from service.db.intake import ReceivedFigure, ReceivedList, ReceivedReport
from service.db.tables import Assignment
from service.errors import ConflictError, ForbiddenError, InputError
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.registry.figures import Figure
from service.registry.visits import Found
from service.settings import Settings
from service.tlog import note
from service.workflows import changes, duties, intake, lists, reporting, trust, visits
from tests.workflows import opening
from tests.workflows.opening import TOWN, VILLAGE, DayClock

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
CLERK = "录入员"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("below") / "var"
    opening.make_home(home, date(2026, 1, 5))
    return home


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A district that knows itself and its own people only."""
    home = tmp_path_factory.mktemp("above") / "var"
    settings, clock, chance = Settings(home=home, workers=1), DayClock(date(2026, 1, 5)), random.Random(3)
    opening.make_schema(settings)
    composition.initialise(settings, clock, chance.randbytes)
    app = composition.build(settings, clock, chance.randbytes)
    path = home.parent / "district.xlsx"
    book = make_lucheng.build(make_lucheng.Maker(7), make_lucheng.lucheng()[:1], 60)
    path.write_bytes(make_lucheng.workbook_bytes(book))
    whole = intake.read(path)
    high = {unit.code for unit in whole.units if len(unit.code) == 6}
    own = replace(
        whole,
        units=tuple(unit for unit in whole.units if unit.code in high),
        cadres=tuple(cadre for cadre in whole.cadres if cadre.unit in high),
        entities=(),
    )
    intake.take_in(app.parts, own, who=CLERK, why="建库")
    opening.close(app)
    return home


@pytest.fixture
def below(home: Path, tmp_path: Path) -> Iterator[App]:
    app = opening.open_copy(home, tmp_path / "below", DayClock(DAY))
    lists.compile_list(app.parts, VILLAGE, "D", who=CLERK)
    yield app
    opening.close(app)


@pytest.fixture
def above(empty: Path, tmp_path: Path) -> Iterator[App]:
    app = opening.open_copy(empty, tmp_path / "above", DayClock(NEXT), seed=5)
    yield app
    opening.close(app)


def trusted(below: App, above: App) -> None:
    reporting.record_key(above.parts, TOWN, trust.trust_vkey(below.parts), who=CLERK, basis="当面核对")


def taken(above: App, data: bytes) -> reporting.Received:
    return reporting.receive(above.parts, data, reporting.compare(above.parts, data, who=CLERK), who=CLERK)


def count(app: App, table: type) -> int:
    with app.parts.sessions.begin() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def repacked(data: bytes, name: str, content: bytes) -> bytes:
    """Alter one file and its digest in the manifest, as whoever holds the package could."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {member: archive.read(member) for member in archive.namelist()}
    files[name] = content
    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = sha256_hex(content)
    files["manifest.json"] = canonical_json(manifest)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, bytes_ in files.items():
            archive.writestr(member, bytes_)
    return buffer.getvalue()


def test_bonds_lists_and_progress_arrive_above(below: App, above: App) -> None:
    trusted(below, above)
    data = reporting.report(below.parts, TOWN)
    seen = reporting.compare(above.parts, data, who=CLERK)
    assert count(above, Assignment) == count(above, ReceivedReport) == 0, "a comparison writes nothing"
    assert seen.bonds.new > 0 and seen.signed_by is not None
    done = taken(above, data)
    assert done.applied and done.bonds == seen.bonds
    inside = {one.entity for one in opening.entities_of(below, DAY) if one.unit.startswith(TOWN)}
    lower = [entity for entity in opening.bonds(below, DAY) if entity in inside]
    assert 0 < count(above, Assignment) <= len(lower)
    with above.parts.sessions.begin() as session:
        told = session.scalars(select(ReceivedList)).one()
        figures = session.scalars(select(ReceivedFigure)).all()
    with below.parts.sessions.begin() as session:
        own = lists.newest_version(session, VILLAGE, "D")
    assert (told.unit, told.tier, told.version, told.sha256) == (VILLAGE, "D", 1, own.sha256)
    assert {"督导", "承诺书签订"} <= {row.measure for row in figures}
    told_of = {(row.unit, row.measure): Figure(row.done, row.total) for row in figures}
    own_figures = duties.standing(below.parts, unit=TOWN).by_unit()
    assert told_of == {
        (unit, str(measure)): one for unit, found in own_figures.items() for measure, one in found.items()
    }


def test_the_next_report_says_what_is_new_changed_and_gone(below: App, above: App) -> None:
    trusted(below, above)
    taken(above, reporting.report(below.parts, TOWN))
    bonds = opening.bonds(below, DAY)
    shop, other = [one for one in opening.entities_of(below, DAY, "D") if one.entity in bonds][:2]
    entity, fewer = shop.entity, (shop.employees or 0) + 1
    changes.change_entity(below.parts, entity, {"employees": fewer}, who=CLERK, why="增员")
    visits.record(below.parts, bonds[other.entity], other.entity, DAY, "现场", Found({}), who=CLERK)
    with below.parts.sessions.begin() as session:
        session.delete(session.scalars(select(Assignment).where(Assignment.entity == entity)).one())
    lists.compile_list(below.parts, VILLAGE, "D", who=CLERK)
    seen = reporting.compare(above.parts, reporting.report(below.parts, TOWN), who=CLERK)
    assert len(list(seen.reconciled.plan.changes())) == 1
    assert (seen.bonds.new, seen.bonds.ended) == (0, 1)
    further = seen.reconciled.further
    assert len(further.new) <= 1 and further.missing == further.altered == ()
    assert any(re.fullmatch(r".+督导：0/\d+（0\.0%） → 1/\d+（\d+\.\d%）", line) for line in further.changed)


def test_a_list_that_was_rewritten_is_refused(below: App, above: App) -> None:
    trusted(below, above)
    data = reporting.report(below.parts, TOWN)
    taken(above, data)
    with below.parts.sessions.begin() as session:
        lists.newest_version(session, VILLAGE, "D").sha256 = "0" * 64
    forged = reporting.report(below.parts, TOWN)
    seen = reporting.compare(above.parts, forged, who=CLERK)
    assert len(seen.reconciled.further.altered) == 1
    with pytest.raises(ConflictError, match="E-REG-791"):
        reporting.receive(above.parts, forged, seen, who=CLERK)


def test_a_list_that_vanished_is_named(below: App, above: App) -> None:
    trusted(below, above)
    taken(above, reporting.report(below.parts, TOWN))
    with below.parts.sessions.begin() as session:
        session.delete(lists.newest_version(session, VILLAGE, "D"))
    seen = reporting.compare(above.parts, reporting.report(below.parts, TOWN), who=CLERK)
    name = seen.reconciled.names[VILLAGE]
    assert name != VILLAGE
    assert seen.reconciled.further.missing == (f"{name}（{VILLAGE}） 包保D级清单第1版",)


def test_an_altered_manifest_and_another_key_are_refused(below: App, above: App) -> None:
    trusted(below, above)
    data = reporting.report(below.parts, TOWN)
    with pytest.raises(ForbiddenError, match="E-REG-790"):
        reporting.compare(above.parts, repacked(data, "progress.json", b"{}"), who=CLERK)
    other = LocalSigner(private.generate(Algorithm.ED25519, random.Random(9).randbytes))
    vkey = note.vkey(note.Verifier.parse(trust.trust_vkey(below.parts)).name, other.public_key)
    reporting.record_key(above.parts, TOWN, vkey, who=CLERK, basis="换钥")
    with pytest.raises(ForbiddenError, match="E-REG-790"):
        reporting.compare(above.parts, data, who=CLERK)
    assert count(above, ReceivedReport) == 0


def test_without_a_recorded_key_a_report_is_marked_and_taken_in_only_on_purpose(
    below: App, above: App
) -> None:
    data = reporting.report(below.parts, TOWN)
    seen = reporting.compare(above.parts, data, who=CLERK)
    assert seen.signed_by is None
    with pytest.raises(ForbiddenError, match="E-REG-792"):
        reporting.receive(above.parts, data, seen, who=CLERK)
    reporting.receive(above.parts, data, seen, who=CLERK, unverified=True)
    with above.parts.sessions.begin() as session:
        assert session.scalars(select(ReceivedReport.signed_by)).one() is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "assignments.json",
            b'[{"cadre":99999,"entity":0,"duty":"\xe4\xb8\xbb\xe5\x8c\x85","level":"town"}]',
        ),
        ("assignments.json", b'[{"cadre":-1,"entity":0,"duty":"x","level":"town"}]'),
        ("lists.json", b'[{"unit":"330302001","tier":"Z","version":1,"sha256":"","state":""}]'),
        ("lists.json", b"{"),
        ("progress.json", b'{"330302001":{"x":[2,1]}}'),
        ("progress.json", b'{"999999":{"x":[1,2]}}'),
        ("progress.json", b"[" * 100_000),
    ],
)
def test_hostile_files_are_refused_and_change_nothing(
    below: App, above: App, name: str, content: bytes
) -> None:
    data = repacked(reporting.report(below.parts, TOWN), name, content)
    with pytest.raises(InputError):
        reporting.compare(above.parts, data, who=CLERK)
    assert count(above, Assignment) == 0


def test_a_key_needs_a_unit_code_and_how_it_was_made_sure_of(above: App) -> None:
    vkey = trust.trust_vkey(above.parts)
    for unit, text, basis in ((TOWN, "x", "电话"), ("五马", vkey, "电话"), (TOWN, vkey, " ")):
        with pytest.raises(InputError):
            reporting.record_key(above.parts, unit, text, who=CLERK, basis=basis)
