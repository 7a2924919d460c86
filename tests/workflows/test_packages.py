"""Filing, evidence packages, 四性检测 and disposal, on a village's finished letters."""

import base64
import io
import json
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.archive import audit, evidence, inspecting_objects
from service.archive.four_properties import inspect
from service.archive.inspection import Inspection, Result, Stage, Surroundings
from service.core import canonical_json, sha256_hex
from service.db.office import Parcel
from service.db.tables import Job
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError, SetupError
from service.settings import Settings
from service.verification import structure, verdict
from service.verification.trust import Trust
from service.web.app import create_app
from service.workflows import (
    anchoring,
    archive_pages,
    authority,
    checking,
    disposal,
    filing,
    inspecting,
    packaging,
    parcels,
    periodic,
)
from service.workflows.access.roles import Role
from service.workflows.parts import Parts
from tests.serving import served
from tests.web.conftest import work
from tests.web.people import Browser, People
from tests.workflows.conftest import START, TOWN, VILLAGE, HandClock

FONDS = "Z109"


@pytest.fixture
def app(signed_app: App) -> App:
    return signed_app


@pytest.fixture
def issued(signed_home: tuple[Path, list[str]]) -> list[str]:
    return signed_home[1]


@pytest.fixture
def filed(app: App, issued: list[str]) -> list[str]:
    """The village's letters, signed and filed; the log is anchored."""
    filing.file_letters(app.parts, VILLAGE, who="档案员", fonds=FONDS)
    anchoring.anchor(app.parts)
    return issued


def trust_of(app: App) -> Trust:
    with app.parts.sessions.begin() as session:
        return authority.trust(app.parts, session, app.parts.clock())


def failed(found: Inspection) -> set[str]:
    return {
        item.number
        for one in (found.batch, *found.objects)
        for item in one.items
        if item.result is Result.FAILED
    }


def received(app: App, data: bytes) -> Inspection:
    package = evidence.read(data)
    around = Surroundings(
        trust_of(app),
        app.parts.clock(),
        Stage.TRANSFER,
        expected=package.expected,
        surplus=package.surplus,
        package_faults=package.faults,
    )
    return inspect(evidence.dossiers(package), around)


def repacked(data: bytes, change: Callable[[dict[str, bytes]], None], documents: int = 3) -> bytes:
    """Return the package after a change by somebody who also rewrites the manifest."""
    files = dict(evidence.read(data).files)
    change(files)
    return evidence.build(files, documents)


def test_letters_get_their_number_in_the_archive_once(app: App, filed: list[str]) -> None:
    with app.parts.sessions.begin() as session:
        found = filing.holdings(session, VILLAGE)
    codes = [one.metadata["code"] for one in filing.dossiers(app.parts, found)]
    assert codes == [f"Z109-WS·2026-D30-{VILLAGE}-{item:04d}" for item in range(1, len(filed) + 1)]
    assert filing.file_letters(app.parts, VILLAGE, who="档案员").new == ()


def test_the_first_filing_needs_the_fonds_and_a_letter_not_filed_has_no_package(
    app: App, issued: list[str]
) -> None:
    with pytest.raises(InputError, match="E-SYS-244"):
        filing.file_letters(app.parts, VILLAGE, who="档案员")
    with pytest.raises(InputError, match="E-ARC-070"):
        filing.file_letters(app.parts, VILLAGE, who="档案员", fonds="z 1")
    with pytest.raises(NotFoundError, match="E-SYS-243"):
        packaging.package(app.parts, issued, app.parts.clock())


def test_the_same_moment_gives_the_same_package(app: App, filed: list[str]) -> None:
    now = app.parts.clock()
    assert packaging.package(app.parts, filed, now) == packaging.package(app.parts, filed, now)


def test_a_package_is_checked_with_programs_that_are_not_ours(
    app: App, filed: list[str], tmp_path: Path
) -> None:
    data = packaging.package(app.parts, filed, app.parts.clock())
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path)
    for path in (tmp_path / "documents").iterdir():
        checking.pdfsig(path)
    moment = str(int(app.parts.clock().timestamp()))

    def openssl(*arguments: str) -> str:
        done = subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    lines = (tmp_path / "timestamps" / "digests.txt").read_text().splitlines()
    assert len(lines) == 4 * len(filed)  # office, cadre, leader, document
    for line in lines:
        name, _, digest = line.split(" ")
        found = openssl(
            *("ts", "-verify", "-token_in", "-in", f"timestamps/{name}", "-digest", digest),
            *("-CAfile", "certificates/tsa_ca.pem", "-attime", moment),
        )
        assert "Verification: OK" in found
    signers = [path for path in (tmp_path / "certificates").iterdir() if len(path.stem) == 16]
    good = [
        openssl("verify", "-CAfile", f"certificates/{ca}.pem", "-attime", moment, str(path))
        for path in signers
        for ca in ("issuing_ca", "tsa_ca")
    ]
    assert sum(": OK" in one for one in good) >= len(signers)
    size = next(path for path in (tmp_path / "anchors").iterdir() if path.name.isdecimal())
    text = b"".join(size.read_bytes().splitlines(keepends=True)[:3])
    (tmp_path / "text").write_bytes(text)
    stamp = f"anchors/{size.name}.tsr"
    assert "Verification: OK" in openssl(
        *("ts", "-verify", "-data", "text", "-in", stamp, "-CAfile", "certificates/tsa_ca.pem"),
        *("-attime", moment),
    )


def test_a_whole_package_passes_and_what_nobody_checked_says_so(app: App, filed: list[str]) -> None:
    found = received(app, packaging.package(app.parts, filed, app.parts.clock()))
    assert failed(found) == set(), found.to_json()
    unchecked = {item.name for item in found.objects[0].items if item.result is Result.UNCHECKED}
    assert unchecked == {"病毒"}
    assert found.to_json()["result"] == "通过"
    assert found.to_json()["counts"]["未检测"] == len(filed) + 2


Change = Callable[[dict[str, bytes]], None]


def _first(files: dict[str, bytes], folder: str) -> str:
    return next(name for name in sorted(files) if name.startswith(f"{folder}/"))


def _edit(folder: str, change: Callable[[bytes], bytes]) -> Change:
    def edit(files: dict[str, bytes]) -> None:
        name = _first(files, folder)
        files[name] = change(files[name])

    return edit


def _drop(folder: str) -> Change:
    return lambda files: files.__delitem__(_first(files, folder))


def _meta(**values: object) -> Change:
    return _edit("metadata", lambda data: canonical_json({**json.loads(data), **values}))


def _byte(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[3000] ^= 1
    return bytes(changed)


def _drop_first(files: dict[str, bytes]) -> None:
    for folder in ("documents", "metadata", "process", "receipts"):
        del files[_first(files, folder)]


MUTATIONS: dict[str, tuple[Change, set[str]]] = {
    "a byte of the document": (_edit("documents", _byte), {"1.1", "1.2", "1.7"}),
    "the document cut short": (
        _edit("documents", lambda data: data[: len(data) // 2]),
        {"2.1", "2.2", "1.1"},
    ),
    "the document's last revision taken off": (
        _edit("documents", lambda data: data[: data.rindex(b"%%EOF", 0, len(data) - 10) + 6]),
        {"2.1", "2.2"},
    ),
    "the document missing": (_drop("documents"), {"1.1", "2.1", "3.2"}),
    "another file for the document": (_edit("documents", lambda _: b"not a pdf"), {"3.2", "3.3", "1.1"}),
    "the receipt missing": (_drop("receipts"), {"1.2", "2.4"}),
    "the receipt changed": (_edit("receipts", lambda data: data.replace(b"index ", b"index 1")), {"1.2"}),
    "a step of the process missing": (
        _edit("process", lambda data: canonical_json([*json.loads(data)[:1], *json.loads(data)[2:]])),
        {"2.4", "4.2"},
    ),
    "a title that isn't the document's": (_meta(title="另一份文书"), {"1.6"}),
    "a year that can't be": (_meta(year=2019), {"1.4", "1.5"}),
    "a retention that doesn't exist": (_meta(retention="D5"), {"1.4", "1.5"}),
    "a code that breaks the rule": (_meta(code="X"), {"1.5"}),
    "an item missing": (_meta(author=""), {"2.3"}),
    "a page count of another type": (_meta(pages="3"), {"1.3", "1.6"}),
    "a digest of something else": (_meta(sha256="0" * 64), {"1.7"}),
    "metadata that can't be read": (_edit("metadata", lambda _: b"{"), {"2.3", "3.1"}),
    "a document too few": (_drop_first, {"2.5", "2.6"}),
}


@pytest.fixture(scope="module")
def finished_package(
    signed_home: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, Trust, datetime]:
    """One package of the filed village, with the trust and the moment to judge it by."""
    home = tmp_path_factory.mktemp("packed") / "var"
    shutil.copytree(signed_home[0], home)
    clock = HandClock(START + timedelta(hours=1))
    app = composition.build(Settings(home=home, workers=1), clock, random.Random(5).randbytes)
    filing.file_letters(app.parts, VILLAGE, who="档案员", fonds=FONDS)
    return packaging.package(app.parts, signed_home[1], app.parts.clock()), trust_of(app), app.parts.clock()


_judged_once = cache(verdict.verify)
"""Of each package two letters are those of all others; their verdict, too, of the same trust and moment."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutated_package_fails_the_right_items(
    name: str, finished_package: tuple[bytes, Trust, datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, trust, now = finished_package
    monkeypatch.setattr(verdict, "verify", _judged_once)
    change, expected = MUTATIONS[name]
    package = evidence.read(repacked(data, change))
    around = Surroundings(
        trust,
        now,
        Stage.TRANSFER,
        expected=package.expected,
        surplus=package.surplus,
        package_faults=package.faults,
    )
    found = failed(inspect(evidence.dossiers(package), around))
    assert expected <= found, found
    others = {"1.8", "1.9", "4.3"}
    assert not found & others


def test_what_is_missing_surplus_or_changed_against_the_manifest_is_told(app: App, filed: list[str]) -> None:
    data = packaging.package(app.parts, filed, app.parts.clock())
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for one in old.infolist():
            content = old.read(one)
            if one.filename == "log/checkpoint":
                continue
            new.writestr(one.filename, content + b" " if one.filename == "log/log.vkey" else content)
        new.writestr("setup.exe", b"MZ")
    found = received(app, target.getvalue())
    assert failed(found) == {"1.9", "4.3"}
    (form,) = [one.detail for one in found.batch.items if one.number == "1.9"]
    assert "缺少 log/checkpoint" in form
    assert "log/log.vkey 与清单所记摘要不符" in form
    with pytest.raises(InputError, match="E-ARC-072"):
        evidence.read(b"PK nothing")


def test_a_document_twice_is_found(app: App, filed: list[str]) -> None:
    one = filing.dossier(app.parts, filed[0])
    around = Surroundings(trust_of(app), app.parts.clock(), Stage.FILING)
    assert failed(inspect([one, one], around)) == {"1.8"}


def test_a_scanner_that_ran_is_believed_and_one_that_could_not_is_not(app: App, filed: list[str]) -> None:
    one = filing.dossier(app.parts, filed[0])
    around = Surroundings(trust_of(app), app.parts.clock(), Stage.KEEPING)

    def broken(_: bytes) -> str | None:
        raise SetupError("E-SYS-254", "杀毒软件没有运行")

    def result(scanner: Callable[[bytes], str | None]) -> str:
        found = inspect([one], replace(around, scanner=scanner)).objects[0]
        return next(item.result.value for item in found.items if item.number == "4.1")

    assert result(lambda _: None) == "通过"
    assert result(lambda _: "EICAR") == "不通过"
    assert result(broken) == "未检测"


def test_a_proof_of_time_that_ends_within_a_year_must_be_renewed(
    finished_package: tuple[bytes, Trust, datetime],
) -> None:
    data, trust, now = finished_package
    (one, *_) = evidence.dossiers(evidence.read(data))
    document = structure.read_document(one.file or b"")
    late = inspecting_objects._proof_ends(document) - timedelta(days=300)
    assert "3.4" not in failed(inspect([one], Surroundings(trust, now, Stage.KEEPING)))
    assert "3.4" in failed(inspect([one], Surroundings(trust, late, Stage.KEEPING)))


def test_the_report_and_the_notice_print(app: App, filed: list[str]) -> None:
    app.parts.store.delete(str(filing.dossier(app.parts, filed[0]).metadata["sha256"]))
    found = inspecting.inspect_filed(app.parts, VILLAGE, [], Stage.KEEPING, None)
    pages = archive_pages.report(app.parts, found, VILLAGE)
    text = _text(pages["pdf"])
    for word in ("不通过", "没有接入杀毒软件", f"Z109-WS·2026-D30-{VILLAGE}-0001", "找不到存证原件"):
        assert word in text
    assert zipfile.ZipFile(io.BytesIO(pages["docx"])).testzip() is None
    made = anchoring.anchor(app.parts)
    notice = _text(archive_pages.notice(app.parts, made, TOWN)["pdf"])
    assert base64.b64encode(made.head.checkpoint.root).decode() in notice


def _text(pdf: bytes) -> str:
    document = pdfium.PdfDocument(pdf)
    text = "".join(document[index].get_textpage().get_text_range() for index in range(len(document)))
    document.close()
    return re.sub(r"\s", "", text)


def test_an_object_lost_from_the_store_fails_and_the_others_pass(app: App, filed: list[str]) -> None:
    gone = filing.dossier(app.parts, filed[0])
    app.parts.store.delete(str(gone.metadata["sha256"]))
    found = inspect(
        filing.dossiers(app.parts, filed), Surroundings(trust_of(app), app.parts.clock(), Stage.KEEPING)
    )
    assert [one.result for one in found.objects] == [Result.FAILED, *[Result.PASSED] * (len(filed) - 1)]
    with pytest.raises(InputError, match="E-SYS-246"):
        packaging.package(app.parts, filed, app.parts.clock())


def test_disposal_needs_time_and_two_people_and_the_audit_knows(
    app: App, filed: list[str], clock: HandClock
) -> None:
    parts, one = app.parts, filed[0]
    with pytest.raises(ForbiddenError, match="E-SYS-251"):
        disposal.propose(parts, one, who="甲", why="期满")
    clock.move(timedelta(days=366 * 31))
    code = disposal.propose(parts, one, who="甲", why="期满")
    with pytest.raises(ConflictError, match="E-SYS-247"):
        disposal.propose(parts, one, who="乙", why="期满")
    with pytest.raises(ForbiddenError, match="E-SYS-249"):
        disposal.approve(parts, one, who="甲")
    head = sha256_hex(filing.dossier(parts, one).file or b"")
    assert disposal.approve(parts, one, who="乙") == 4
    assert not parts.store.has(head)
    report = audit.audit(parts.settings.archive, parts.log.vkey, audit.Scope(full=True))
    assert report.ok, report.findings
    with parts.sessions.begin() as session:
        assert filing.disposed(session, VILLAGE) == [code]
        assert one not in filing.holdings(session, VILLAGE)
        assert disposal.waiting(session) == []
    parts.store.delete(sha256_hex(filing.dossier(parts, filed[1]).file or b""))
    found = audit.audit(parts.settings.archive, parts.log.vkey)
    assert [item.code for item in found.findings if not item.notice] == ["E-ARC-120"]


def test_a_disposal_cut_short_is_finished_by_the_daily_round(
    app: App, filed: list[str], clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.move(timedelta(days=366 * 31))
    disposal.propose(app.parts, filed[0], who="甲", why="期满")

    def crash(_: object) -> None:
        raise KeyboardInterrupt

    head = sha256_hex(filing.dossier(app.parts, filed[0]).file or b"")
    with monkeypatch.context() as patched:
        patched.setattr("service.workflows.disposal.finish", crash)
        with pytest.raises(KeyboardInterrupt):
            disposal.approve(app.parts, filed[0], who="乙")
    assert app.parts.store.has(head)
    report = audit.audit(app.parts.settings.archive, app.parts.log.vkey)
    assert report.ok
    assert {one.code for one in report.findings} >= {"E-ARC-121"}
    periodic.run(app.parts)
    assert not app.parts.store.has(head)


def test_evidence_is_packed_by_a_worker_fetched_by_pages_and_erased(app: App) -> None:
    parts, web = app.parts, create_app(app.parts)
    with served(web) as url, Browser(url) as clerk:
        people = People(parts)
        clerk.cookies.set("liangze", people.cookie(people.account(Role.CLERK, TOWN)))
        _packed(parts, clerk)


def _packed(parts: Parts, clerk: Browser) -> None:
    page = clerk.send_form("/parcels", {"at": TOWN})
    assert page.status_code == 422 and "须写明全宗号" in page.text
    path = clerk.send_form("/parcels", {"at": TOWN, "fonds": "Z109"}).url.path
    assert (
        clerk.send_form("/parcels", {"at": TOWN, "fonds": "Z109"}).url.path == path
    )  # one that is being made
    assert clerk.get(f"{path}/all").status_code == 404
    work(parts, "parcel")
    assert "可以下载" in clerk.get(path).text
    bundle = zipfile.ZipFile(io.BytesIO(clerk.get(f"{path}/all").content))
    one = clerk.get(f"{path}/file?n=0").content
    assert bundle.namelist() == [f"{VILLAGE}五马一社区.zip"] and bundle.read(bundle.namelist()[0]) == one
    names = zipfile.ZipFile(io.BytesIO(one)).namelist()
    assert sum(name.endswith(".pdf") for name in names) == 3
    with parts.sessions.begin() as session:
        digest = json.loads(session.scalars(select(Parcel.files)).one())[0]["sha256"]
        assert session.scalars(select(Job.state).where(Job.task == "parcel")).all() == ["done"]
    later = parts.clock() + parcels.LIFE
    parcels.tidy(replace(parts, clock=lambda: later))
    assert not parts.work.has(digest) and "已清除" in clerk.get(path).text
    assert clerk.get(f"{path}/file?n=0").status_code == 404
