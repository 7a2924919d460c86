"""纸质签订 by two persons, apart from every electronic signature; and 平台上传包 with the same bytes each time."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from PIL import Image
from sqlalchemy import select

from service.app import App
from service.archive import audit, evidence
from service.archive.inspection import Result
from service.core import Sha256Hex, canonical_json, parse_entry, sha256_hex
from service.db.tables import LogEntry
from service.documents import pictures, scans
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import persons
from service.workflows import (
    board,
    filing,
    handing_over,
    packaging,
    paper,
    parcels,
    platform_files,
    refusing,
    rosters,
)
from tests.documents.test_scans import document, photo
from tests.workflows.conftest import VILLAGE, HandClock
from tests.workflows.test_on_the_way import CLERK, letter, open_tasks, ordinary, sign_own, signer, verified
from tests.workflows.test_packages import failed, received, repacked

OTHER = replace(CLERK, account="e" * 32, login="other", name="冯样例")
DAY = date(2026, 11, 24)


def test_two_persons_register_a_scan_and_nobody_calls_it_a_signature(app: App, issued: list[str]) -> None:
    one, signed = ordinary(app, issued)[:2]
    number, pdf = paper.printable(app.parts, one)
    assert pdf.startswith(b"%PDF") and number == letter(app, one).number
    with pytest.raises(InputError, match="E-SIG-250"):
        paper.register(app.parts, one, photo(), DAY + timedelta(days=1), by=CLERK)
    with pytest.raises(InputError, match="E-DOC-061"):
        paper.register(app.parts, one, b"GIF89a", DAY, by=CLERK)
    paper.register(app.parts, one, photo(), DAY, by=CLERK)
    assert letter(app, one).state == "issued" and paper.picture(app.parts, one, 1, 400).startswith(b"\x89PNG")
    with pytest.raises(ForbiddenError, match="E-SIG-254"):
        paper.confirm(app.parts, one, by=CLERK)
    with pytest.raises(ConflictError, match="E-SIG-251"):
        paper.register(app.parts, one, photo(), DAY, by=OTHER)
    paper.reject(app.parts, one, by=OTHER)
    assert list(app.parts.work.digests()) == []
    paper.register(app.parts, one, document(), DAY, by=CLERK)
    paper.confirm(app.parts, one, by=OTHER)
    assert letter(app, one).state == "paper" and open_tasks(app, one) == set()
    assert handing_over.board_of(app.parts, letter(app, one).cadre).own == ()
    cadre = letter(app, one).cadre
    with app.parts.sessions.begin() as session:
        entry = parse_entry(
            session.scalars(
                select(LogEntry.entry).where(LogEntry.id == one).order_by(LogEntry.index.desc())
            ).first()
            or b""
        )
        assert paper.counts(session, [VILLAGE], DAY) == {VILLAGE: 1}
        subject = persons.subject(session, cadre)
        (row,) = board.rows(session, [VILLAGE], app.parts.clock(), VILLAGE)
        assert (row.figure("paper").done, row.figure("signed").done) == (1, 0)
    assert entry.event.value == "paper" and entry.file is not None
    scan = app.parts.store.get(entry.file.sha256)
    assert scan.startswith(b"%PDF") and list(app.parts.work.digests()) == []
    assert verified(app, one) == ("valid", "incomplete")  # the seal's; nobody else has signed electronically
    proof = rosters.prove(app.parts, VILLAGE, DAY)
    assert subject in str(proof)
    assert audit.audit(app.parts.settings.archive, app.parts.log.vkey, audit.Scope(full=True)).ok
    for again in (one, _signed(app, signed)):
        with pytest.raises(ConflictError, match="E-SIG-255"):
            paper.register(app.parts, again, photo(), DAY, by=CLERK)
    with pytest.raises(NotFoundError, match="E-SIG-252"):
        paper.picture(app.parts, signed, 1, 400)


def _signed(app: App, one: str) -> str:
    sign_own(app, one)
    return one


def test_who_refused_may_sign_on_paper(app: App, issued: list[str]) -> None:
    one = ordinary(app, issued)[0]
    refusing.refuse(app.parts, signer(app, letter(app, one).cadre), one, "不用手机")
    paper.register(app.parts, one, photo(), DAY, by=CLERK)
    paper.confirm(app.parts, one, by=OTHER)
    assert letter(app, one).state == "paper" and open_tasks(app, one) == set()


@pytest.fixture
def finished(signed_app: App) -> App:
    return signed_app


def test_a_package_has_one_file_for_each_cadre_and_the_same_bytes(
    finished: App, signed_home: tuple[object, list[str]], clock: HandClock
) -> None:
    parts, letters = finished.parts, signed_home[1]
    made = platform_files.package(parts, VILLAGE, "pdf", 20_000)
    clock.move(timedelta(hours=1))
    assert platform_files.package(parts, VILLAGE, "pdf", 20_000) == made and made.files == len(letters)
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        table = list(csv.DictReader(io.StringIO(archive.read(platform_files.MANIFEST).decode("utf-8-sig"))))
        for line in table:
            data = archive.read(line["文件名"])
            assert sha256_hex(data) == line["SHA-256"] and line["签订方式"] == "电子签名"
            assert parts.store.get(Sha256Hex(line["SHA-256"])) == data  # the very file, with its signatures
    with pytest.raises(InputError, match="E-SIG-261"):
        platform_files.package(parts, VILLAGE, "pdf", 100)
    drawn = platform_files.package(parts, VILLAGE, "jpg", 150)
    with zipfile.ZipFile(io.BytesIO(drawn.data)) as archive:
        names = [one for one in archive.namelist() if one.endswith(".jpg")]
        assert len(names) == len(letters) and drawn.left == ()
        for name in names:
            data = archive.read(name)
            with Image.open(io.BytesIO(data)) as image:
                assert len(data) <= 150_000 and image.format == "JPEG" and image.height > image.width
    with pytest.raises(InputError, match="E-SIG-260"):
        platform_files.package(parts, VILLAGE, "exe", 2000)


def test_what_was_uploaded_is_recorded_with_its_day(
    finished: App, signed_home: tuple[object, list[str]]
) -> None:
    parts, letters = finished.parts, signed_home[1]
    with pytest.raises(InputError, match="E-SIG-263"):
        platform_files.mark(parts, VILLAGE, letters[:1], DAY + timedelta(days=1), by=CLERK)
    with pytest.raises(ConflictError, match="E-SIG-262"):
        platform_files.mark(parts, VILLAGE, ["0" * 32], DAY, by=CLERK)
    platform_files.mark(parts, VILLAGE, letters[:2], DAY, by=CLERK)
    platform_files.mark(parts, VILLAGE, letters[:1], DAY, by=CLERK)
    with parts.sessions.begin() as session:
        assert platform_files.counts(session, [VILLAGE], DAY) == {VILLAGE: 2}
        days = {line.letter: line.uploaded for line in platform_files.lines(session, VILLAGE, DAY)}
        assert board.rows(session, [VILLAGE], parts.clock(), VILLAGE)[0].figure("uploaded").done == 2
    assert days == {one: DAY if one in letters[:2] else None for one in letters}


def test_scans_of_both_kinds_fit_both_forms(app: App, issued: list[str]) -> None:
    for one, scan in zip(ordinary(app, issued)[:2], (photo(), document()), strict=True):
        paper.register(app.parts, one, scan, DAY, by=CLERK)
        paper.confirm(app.parts, one, by=OTHER)
    pages: dict[str, Callable[[bytes], int]] = {
        "pdf": lambda data: len(list(pictures.pages(data))),
        "jpg": lambda data: Image.open(io.BytesIO(data)).height,
    }
    for form, count in pages.items():
        made = platform_files.package(app.parts, VILLAGE, form, 2000)
        assert made.files == 2
        with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
            counted = [count(archive.read(name)) for name in archive.namelist() if name.endswith(form)]
            assert len(counted) == 2 and all(counted)
            assert "纸质签订" in archive.read(platform_files.MANIFEST).decode("utf-8-sig")


@pytest.mark.parametrize("scan", [photo, document])
def test_a_letter_on_paper_is_filed_and_packed_as_paper(
    app: App, issued: list[str], scan: Callable[[], bytes]
) -> None:
    parts, one = app.parts, ordinary(app, issued)[0]
    printed = paper.printable(parts, one)[1]
    code = _filed(app, one, scan())
    assert code == f"Z109-WS·2026-D30-{VILLAGE}-0001"
    filed = filing.dossier(parts, one)
    suffix = "pdf" if scan is document else "jpg"
    assert filed.is_paper and filed.metadata["format"] == f"纸质扫描件（{suffix.upper()}）"
    package = packaging.package(parts, [one], parts.clock())
    files = evidence.read(package).files
    assert files[f"issued/{code}.pdf"] == printed and files[f"documents/{code}.{suffix}"] == filed.file
    readme = files["说明.txt"].decode()
    assert "其中 1 份为纸质签订" in readme and "不含电子签名" in readme
    report = json.loads(files[f"reports/{code}.json"])
    assert (report["file"], report["verdict"], report["status"]) == (
        f"issued/{code}.pdf",
        "valid",
        "incomplete",
    )
    assert len(report["signatures"]) == 1  # the office's seal
    found = received(app, package)
    assert failed(found) == set(), found.to_json()
    unchecked = {i.number for o in found.objects for i in o.items if i.result is Result.UNCHECKED}
    assert unchecked == {"3.4", "4.1"}  # no signature whose time could be renewed; no scanner
    assert "没有电子签名" in str(found.to_json())


def test_a_scan_that_was_changed_or_called_electronic_fails_its_inspection(
    app: App, issued: list[str]
) -> None:
    one, other = ordinary(app, issued)[:2]
    code = _filed(app, one, document())
    package = packaging.package(app.parts, [one], app.parts.clock())
    foreign = paper.printable(app.parts, other)[1]

    def changed(change: Callable[[dict[str, bytes]], None]) -> set[str]:
        return failed(received(app, repacked(package, change, 1)))

    scan, issued_file, meta = f"documents/{code}.pdf", f"issued/{code}.pdf", f"metadata/{code}.json"
    another = scans.clean(photo()).data
    assert {"1.2", "1.7", "2.2"} <= changed(lambda files: files.update({scan: another}))
    assert {"1.6", "2.4", "4.2"} <= changed(lambda files: files.update({issued_file: foreign}))

    def without_issued(files: dict[str, bytes]) -> None:
        del files[issued_file]

    def as_electronic(files: dict[str, bytes]) -> None:
        files[meta] = canonical_json({**json.loads(files[meta]), "format": "PDF/A-3"})

    assert {"1.1", "2.1", "2.4"} <= changed(without_issued)
    assert {"1.1", "2.1", "2.4"} <= changed(as_electronic)


def test_a_parcel_holds_paper_beside_what_was_signed(app: App, issued: list[str]) -> None:
    parts, one = app.parts, ordinary(app, issued)[0]
    paper.register(parts, one, photo(), DAY, by=CLERK)
    paper.confirm(parts, one, by=OTHER)
    made = parcels.order(parts, VILLAGE, [VILLAGE], by=CLERK, fonds="Z109")
    app.drain()
    with parts.sessions.begin() as session:
        row = parcels.get(session, made)
    assert [file.letters for file in parcels.files_of(row)] == [1]
    names = evidence.read(parcels.fetch(parts, row, 0)[1]).files
    assert sum(name.startswith(("documents/", "issued/")) for name in names) == 2


def _filed(app: App, one: str, scan: bytes) -> str:
    paper.register(app.parts, one, scan, DAY, by=CLERK)
    paper.confirm(app.parts, one, by=OTHER)
    (code,) = filing.file_letters(app.parts, VILLAGE, who="档案员", fonds="Z109").new
    return code
