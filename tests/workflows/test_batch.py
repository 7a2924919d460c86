"""Batches: killed and run again, with faulty rows, hostile names, other people's folders; bound to print."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pikepdf
import pytest
import structlog
from sqlalchemy import select

from service.app import App
from service.core import sha256_hex
from service.db.tables import Entity
from service.documents import binding, written
from service.documents.content import Content
from service.documents.text import docx_words
from service.errors import ConflictError, CorruptError, InputError, UsageError
from service.registry import query
from service.workflows import batch, batch_folder, paper_sources
from service.workflows.batch import Order
from service.workflows.papers.desk import Desk, Target
from tests.workflows import opening
from tests.workflows.opening import VILLAGE, DayClock

DAY = date(2026, 11, 24)
ORDER = Order("officer_rules", VILLAGE, None, ("docx",))

_PROGRAM = """
import sys
from datetime import date
from pathlib import Path
from service.workflows import batch
from tests.workflows.opening import DayClock
from service import app as composition
from service.settings import Settings
if __name__ == "__main__":
    app = composition.build(Settings(home=Path(sys.argv[1]), workers=1), DayClock(date(2026, 11, 24)))
    batch.run(app.parts, batch.Order("notice_board", None, None, ("pdf",)), Path(sys.argv[2]), workers=1)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("batch") / "var"
    opening.make_home(home, DAY, entities=16)
    return home


@pytest.fixture
def app(home: Path, tmp_path: Path) -> Iterator[App]:
    app = opening.open_copy(home, tmp_path / "var", DayClock(DAY))
    yield app
    opening.close(app)


def _files(folder: Path, pattern: str = "*.pdf") -> dict[str, str]:
    return {path.name: sha256_hex(path.read_bytes()) for path in folder.glob(pattern)}


def _manifest(folder: Path) -> dict[str, str]:
    value = json.loads((folder / batch_folder.MANIFEST).read_bytes())
    return {one["name"]: one["sha256"] for one in value["files"]}


def _start(home: Path, out: Path) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(home), str(out)],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
    )


def _children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_a_batch_killed_halfway_goes_on_where_it_was(home: Path, app: App, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = _start(home, out)
    limit = time.monotonic() + 300
    while len(_files(out)) < 3:
        assert first.poll() is None and time.monotonic() < limit, "it ended before it could be killed"
        time.sleep(0.05)
    workers = _children(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    limit = time.monotonic() + 10
    while any(
        Path(f"/proc/{one}/cmdline").exists() and Path(f"/proc/{one}/cmdline").read_bytes() for one in workers
    ):
        assert time.monotonic() < limit, "a worker outlived its parent"
        time.sleep(0.05)
    before = _files(out)
    assert not (out / batch_folder.MANIFEST).exists()
    second = batch.run(app.parts, Order("notice_board", None, None, ("pdf",)), out, workers=0)
    assert len(second.made) > second.rendered >= len(second.made) - len(before)
    assert _files(out) == _manifest(out) and len(_files(out)) == len(second.made)
    assert before.items() <= _files(out).items()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_what_is_finished_is_not_made_again_and_what_was_changed_is(app: App, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = batch.run(app.parts, ORDER, out, workers=0)
    assert first.rendered == len(first.made) > 1
    before = _files(out, "*.docx")
    again = batch.run(app.parts, ORDER, out, workers=0)
    assert again.rendered == 0 and again.made == first.made
    victim, lost = (out / name for name in sorted(before)[:2])
    victim.write_bytes(b"changed by somebody")
    lost.unlink()
    third = batch.run(app.parts, ORDER, out, workers=0)
    assert third.rendered == 2 and _files(out, "*.docx") == before == _manifest(out)


def test_a_paper_whose_reason_is_gone_goes_too(app: App, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = batch.run(app.parts, ORDER, out, workers=0)
    with app.parts.sessions.begin() as session:
        session.get_one(Entity, _row(app, first.made[0].target)).status = "关闭"
    second = batch.run(app.parts, ORDER, out, workers=0)
    assert second.rendered == 0 and _files(out, "*.docx").keys() == {one.name for one in first.made[1:]}


def _row(app: App, entity: str) -> int:
    with app.parts.sessions.begin() as session:
        return session.scalars(select(Entity.row).where(Entity.entity == entity)).one()


def test_one_faulty_row_is_named_and_does_not_stop_the_rest(app: App, tmp_path: Path) -> None:
    sound = batch.run(app.parts, ORDER, tmp_path / "sound", workers=0)
    with app.parts.sessions.begin() as session:
        session.get_one(Entity, _row(app, sound.made[0].target)).name = "=\U000f0001示例店"
    found = batch.run(
        app.parts, Order(ORDER.kind, VILLAGE, None, ("pdf", "docx")), tmp_path / "out", workers=1
    )
    assert len(found.faults) == 1 and len(found.made) == 2 * (len(sound.made) - 1)
    rows = list(csv.reader((tmp_path / "out" / "faults.csv").read_text("utf-8-sig").splitlines()))
    assert rows[0] == ["文件", "对象", "机构", "错误代码", "原因"] and len(rows) == 2
    assert rows[1][1] == sound.made[0].target and rows[1][3].startswith("E-DOC-") and rows[1][4]
    assert not any(cell.startswith("=") for cell in rows[1])


def test_an_error_nobody_foresaw_is_a_fault_of_that_row(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = paper_sources.content
    broken: list[str] = []

    def content(desk: Desk, kind: str, target: str) -> Content:
        if not broken:
            broken.append(target)
            raise RuntimeError("unforeseen")
        return real(desk, kind, target)

    monkeypatch.setattr(paper_sources, "content", content)
    structlog.reset_defaults()  # a command run before may have left a log that writes to a closed stream
    found = batch.run(app.parts, ORDER, tmp_path / "out", workers=0)
    assert [(one.target, one.code) for one in found.faults] == [(broken[0], "E-DOC-113")]
    assert found.made


def test_an_office_fills_in_a_letter_and_the_registry_adds_what_it_knows(app: App, tmp_path: Path) -> None:
    path, out, kind = tmp_path / "plan.toml", tmp_path / "out", app.parts.kind("official_letter")
    body = written.blank(kind).replace('unit = ""', f'unit = "{opening.TOWN}"').replace("下行文", "上行文")
    known = ("masthead", "issuer", "printed_by", "printed_on")
    lines = [line for line in body.splitlines() if not line.startswith(known)]
    path.write_text("\n".join(lines), "utf-8")
    order = Order(kind.id, formats=("docx",))
    faults = batch.run(app.parts, order, out, written=written.read(path), workers=0).faults
    assert [one.code for one in faults] == ["E-DOC-002"] and "印发日期" in faults[0].why
    path.write_text("\n".join([*lines, "printed_on = 2026-11-24"]), "utf-8")
    faults = batch.run(app.parts, order, out, written=written.read(path), workers=0).faults
    assert "签发人" in faults[0].why, "a letter to the level above names who signs it"
    path.write_text("\n".join([*lines, "printed_on = 2026-11-24", 'signer = "王演示"']), "utf-8")
    (made,) = batch.run(app.parts, order, out, written=written.read(path), workers=0).made
    words = docx_words((out / made.name).read_bytes()).text
    with app.parts.sessions.begin() as session:
        committee = str(query.unit(session, opening.TOWN, DAY).committee)
    assert committee in words and "王演示" in words and made.unit == opening.TOWN


def test_a_content_file_completes_what_the_registry_gives(app: App, tmp_path: Path) -> None:
    path = tmp_path / "more.toml"
    path.write_text("[fields]\naddress = '示例路1号'", "utf-8")
    order = Order("risk_list", VILLAGE, None, ("docx",))
    made = batch.run(app.parts, order, tmp_path / "out", written=written.read(path), workers=0).made
    assert len(made) > 1
    for one in made:
        assert "示例路1号" in docx_words((tmp_path / "out" / one.name).read_bytes()).text


@pytest.mark.parametrize(("text", "why"), [("[fields]", "unit"), (f"unit = '{VILLAGE}'\n[fields]", "number")])
def test_a_letter_without_a_unit_or_a_number_is_refused(
    app: App, tmp_path: Path, text: str, why: str
) -> None:
    path = tmp_path / "letter.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=why):
        done = batch.run(
            app.parts, Order("official_letter"), tmp_path / "out", written=written.read(path), workers=1
        )
        raise InputError(done.faults[0].code, done.faults[0].why)


def test_names_sort_and_cannot_leave_the_folder() -> None:
    hostile = [
        "../../etc/passwd",
        "..",
        "",
        "a/b",
        "a\\b",
        "店\0",
        "Shop",
        "shop",
        "长" * 300,
        "-rf",
        ".hidden",
    ]
    stems = [stem for stem, _ in batch._stems([Target(f"t{i}", name, "") for i, name in enumerate(hostile)])]
    assert len({stem.casefold() for stem in stems}) == len(hostile)
    for stem in stems:
        assert stem and stem[0] not in ".-" and not set(stem) & set('/\\\0:*?"<>|. ')
        assert len(f".{stem}.docx.part".encode()) <= 255


def test_a_folder_of_something_else_is_left_alone(app: App, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(UsageError, match="不是空的"):
        batch.run(app.parts, ORDER, tmp_path / "mine", workers=0)
    batch.run(app.parts, ORDER, tmp_path / "out", workers=0)
    with pytest.raises(UsageError, match="另一批文书"):
        batch.run(app.parts, Order("daily_check", VILLAGE, None, ("docx",)), tmp_path / "out", workers=0)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_two_batches_do_not_share_a_folder(app: App, tmp_path: Path) -> None:
    order = {"kind": ORDER.kind, "unit": ORDER.unit, "tier": None, "formats": ["docx"]}
    with batch_folder.open_folder(tmp_path / "out", order), pytest.raises(ConflictError):
        batch.run(app.parts, ORDER, tmp_path / "out", workers=0)


@pytest.mark.parametrize(
    ("order", "merged", "why"),
    [
        (Order("official_letter"), False, "content"),
        (Order("task_list", formats=("odt",)), False, "--format"),
        (Order("task_list", formats=("docx",)), True, "合订本"),
        (Order("commitment"), False, "没有可以生成"),
    ],
)
def test_an_order_that_cannot_be_filled_is_told(
    app: App, tmp_path: Path, order: Order, merged: bool, why: str
) -> None:
    with pytest.raises((InputError, UsageError), match=why):
        batch.run(app.parts, order, tmp_path / "out", merged=merged, workers=0)


def test_the_bound_volume_begins_each_paper_on_a_front_page(app: App, tmp_path: Path) -> None:
    out, order = tmp_path / "out", Order("officer_rules", VILLAGE, None, ("pdf",))
    made = batch.run(app.parts, order, out, merged=True, workers=0)
    assert made.merged is not None
    expected = []
    for one in made.made:
        with pikepdf.open(out / one.name) as pdf:
            expected += [len(page.Contents.read_bytes()) for page in pdf.pages] + [0] * (len(pdf.pages) % 2)
    with pikepdf.open(made.merged) as whole:
        sizes = [len(page.Contents.read_bytes()) if "/Contents" in page else 0 for page in whole.pages]
        assert sizes == expected
        assert not any("/Annots" in page for page in whole.pages)
    assert made.merged.stat().st_size < sum(one.size for one in made.made)
    before = made.merged.stat()
    batch.run(app.parts, order, out, merged=True, workers=0)
    assert made.merged.stat() == before
    content = made.merged.read_bytes()
    made.merged.unlink()
    batch.run(app.parts, order, out, merged=True, workers=0)
    assert made.merged.read_bytes() == content


def test_a_broken_file_is_named_when_binding(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    with pytest.raises(CorruptError, match=r"broken\.pdf"):
        binding.bind([tmp_path / "broken.pdf"], tmp_path / "out.pdf")
