"""逐级上报: a report made below, checked and reconciled above; altered or foreign ones are refused."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from service.core import Entropy, canonical_json, sha256_hex
from service.db import tables
from service.db.engine import Sessions, open_engine, sessions_of
from service.db.tables import Entity
from service.errors import ConflictError, InputError
from service.registry import apply, form_export, query, reconciling, rules, upward
from service.registry.dated import Change
from service.registry.reconciling import Reconciled
from service.registry.records import Workbook
from tests.registry.conftest import NOW, ON

CHANGE = Change("city", "上报", ON, NOW)
CITY, DISTRICT, STREET = "330300", "330302", "330302001"


@pytest.fixture
def above(lucheng: Workbook, tmp_path: Path, chance: Entropy) -> Iterator[Sessions]:
    """The city's registry: it knows itself and its own people, and nothing below."""
    engine = open_engine(f"sqlite:///{tmp_path / 'city.sqlite3'}")
    tables.Base.metadata.create_all(engine)
    own = replace(
        lucheng,
        units=tuple(unit for unit in lucheng.units if unit.code == CITY),
        cadres=tuple(cadre for cadre in lucheng.cadres if cadre.unit == CITY),
        entities=(),
    )
    with sessions_of(engine).begin() as session:
        apply.apply(
            session,
            own,
            who="city",
            why="建库",
            on=ON,
            now=NOW,
            entropy=chance,
            rules=rules.shipped().grading,
        )
    yield sessions_of(engine)
    engine.dispose()


def signed(text: str) -> bytes:
    return f"{text}\n— nobody".encode()  # who signed is for the workflow to ask


def packed(sessions: Sessions, unit: str = DISTRICT) -> bytes:
    more = dict.fromkeys(("assignments.json", "lists.json", "ledger.xlsx"), b"[]") | {"progress.json": b"{}"}
    with sessions() as session:
        rows = form_export.form_rows(session, ON, below=unit)
        return upward.pack(unit, query.unit(session, unit, ON).name, ON, NOW, rows, more, signed)


def compared(sessions: Sessions, data: bytes, chance: Entropy, *, write: bool = False) -> Reconciled:
    with sessions.begin() as session:
        found = reconciling.reconcile(session, upward.unpack(data), CHANGE, chance, rules.shipped().grading)
        if write:
            reconciling.write(session, upward.unpack(data), found, CHANGE)
        return found


def rewritten(data: bytes, name: str, content: bytes, *, digest: bool = False) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {member: archive.read(member) for member in archive.namelist()}
    files[name] = content
    if digest:
        manifest = json.loads(files["manifest.json"])
        manifest["files"][name] = sha256_hex(content)
        files["manifest.json"] = canonical_json(manifest)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, content_ in files.items():
            archive.writestr(member, content_)
    return buffer.getvalue()


def test_the_level_above_imports_a_report_and_finds_nothing_new_the_second_time(
    district: Sessions, above: Sessions, chance: Entropy
) -> None:
    data = packed(district)
    assert packed(district) == data
    first = compared(above, data, chance, write=True)
    assert {row.change for row in first.plan.rows} == {"新增"}
    again = compared(above, data, chance)
    assert {row.change for row in again.plan.rows} == {"未变"}
    assert again.missing == ()
    with district() as below, above() as city:
        counted = select(func.count()).select_from(Entity)
        assert below.scalar(counted) == city.scalar(counted)


def test_what_changed_and_what_is_missing_is_named(
    district: Sessions, above: Sessions, chance: Entropy
) -> None:
    compared(above, packed(district), chance, write=True)
    with district.begin() as session:
        first, second = session.scalars(select(Entity).order_by(Entity.row).limit(2)).all()
        gone = first.name
        session.delete(first)
        second.employees = 12_345
    found = compared(above, packed(district), chance)
    assert [one.name for one in found.missing] == [gone]
    assert [
        one.after for row in found.plan.changes() for one in row.differences if one.heading == "从业人数"
    ] == ["12345"]


@pytest.mark.parametrize("name", ["units.json", "entities.json", "lists.json", "ledger.xlsx"])
def test_an_altered_file_is_refused(district: Sessions, name: str) -> None:
    with pytest.raises(InputError, match="与摘要不符"):
        upward.unpack(rewritten(packed(district, STREET), name, b"[ ]"))


def test_more_files_fewer_files_and_no_zip_are_refused(district: Sessions) -> None:
    data = packed(district, STREET)
    with pytest.raises(InputError) as more:
        upward.unpack(rewritten(data, "extra.txt", b"x"))
    assert more.value.code == "E-REG-731"
    for broken in (b"", b"PK\x03\x04", data[: len(data) // 2]):
        with pytest.raises(InputError) as error:
            upward.unpack(broken)
        assert error.value.code == "E-REG-732"


def test_rows_of_somebody_else_are_refused(district: Sessions, chance: Entropy) -> None:
    data = packed(district, STREET)
    rows = upward.unpack(data).further("cadres.json")
    rows[0]["unit"] = DISTRICT
    rows[0].pop("unit_name", None)
    forged = rewritten(data, "cadres.json", canonical_json(rows), digest=True)
    with pytest.raises(InputError) as error:
        compared(district, forged, chance)
    assert error.value.code == "E-REG-736"


def test_a_missing_unit_is_named_and_who_has_to_add_it(
    district: Sessions, above: Sessions, chance: Entropy
) -> None:
    with pytest.raises(InputError, match=f"本级登记簿里没有五马街道的上级机构“{DISTRICT}”.*请先在本级登记"):
        compared(above, packed(district, STREET), chance)
    data = packed(district)
    rows = [row for row in upward.unpack(data).further("units.json") if row["code"] != STREET]
    with pytest.raises(InputError, match=f"引用了机构“{STREET}”，包里却没有.*请下级（.+）补上") as error:
        compared(above, rewritten(data, "units.json", canonical_json(rows), digest=True), chance)
    assert error.value.code == "E-REG-739"


def test_a_move_names_the_units(district: Sessions, above: Sessions, chance: Entropy) -> None:
    compared(above, packed(district), chance, write=True)
    with district.begin() as session:
        first = session.scalars(select(Entity).where(Entity.unit != f"{STREET}001").limit(1)).one()
        old, first.unit = first.unit, f"{STREET}001"
        names = {code: query.unit(session, code, ON).name for code in (old, first.unit)}
        moved = [f"{names[code]}（{code}）" for code in (old, first.unit)]
    found = compared(above, packed(district), chance)
    assert [(one.before, one.after) for row in found.plan.changes() for one in row.differences] == [
        tuple(moved)
    ]


def test_an_entity_that_another_street_has_is_a_conflict(district: Sessions, chance: Entropy) -> None:
    data = packed(district, STREET)
    with district() as session:
        entities = query.entities(session, ON, below="330302002")
        licence = next(one.licence for one in entities if one.licence)
    rows = upward.unpack(data).further("entities.json")
    rows[0]["licence"] = licence
    forged = rewritten(data, "entities.json", canonical_json(rows), digest=True)
    found = compared(district, forged, chance)
    assert len(found.conflicts) == 1
    with pytest.raises(ConflictError, match="现属其他机构"):
        found.require_undisputed()


@pytest.mark.parametrize("content", [b"{}", b"[1]", b'[{"name": []}]', b"[" * 100_000, b"\xff"])
def test_a_file_that_is_no_list_of_rows_is_refused(
    district: Sessions, chance: Entropy, content: bytes
) -> None:
    forged = rewritten(packed(district, STREET), "entities.json", content, digest=True)
    with pytest.raises(InputError):
        compared(district, forged, chance)
