"""docs/templates.md keeps its word: whoever follows it has a new kind in PDF and Word, and sees all there are."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docx import Document
from pypdfium2 import PdfDocument

from service.cli import run
from service.documents.catalogue import Catalogue
from service.documents.docx import render_docx
from service.documents.samples import samples
from service.settings import ROOT

PAGE = (ROOT / "docs" / "templates.md").read_text("utf-8")
NAME = "training_notice"
WORDS = ("关于举办食品安全包保培训的通知", "学校食堂督导要点", "2.培训后三日内", "2026年12月8日")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a unit's own kinds, after the steps of the page."""
    own = tmp_path / "own" / NAME
    own.mkdir(parents=True)
    for name, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (own / name).write_text(text, "utf-8")
    assert {path.name for path in own.iterdir()} == {
        "kind.toml",
        "items.toml",
        "document.html",
        "sample.toml",
    }
    command = [sys.executable, "templates/build_docx.py", f"{own}/"]
    subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True)
    return own.parent


def test_a_new_kind_made_by_the_page_prints_in_both_forms(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIANGZE_TEMPLATES", str(folder))
    monkeypatch.setenv("LIANGZE_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("LIANGZE_FONTS", str(ROOT / ".fonts"))
    assert run(["preview", NAME, "--out", str(tmp_path / "out")]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"{NAME}-1-01.png", f"{NAME}-1.pdf"]
    page = PdfDocument(tmp_path / "out" / f"{NAME}-1.pdf")[0].get_textpage().get_text_bounded()
    kind = Catalogue((folder, ROOT / "templates")).kind(NAME)
    word = Document(io.BytesIO(render_docx(kind, samples(kind)[0].content, specimen=True)))
    cells = [cell.text for table in word.tables for row in table.rows for cell in row.cells]
    text = "".join([*(one.text for one in word.paragraphs), *cells])
    for words in (*WORDS, "演示样张"):
        assert words in re.sub(r"\s", "", page), words
    for words in WORDS:
        assert words in re.sub(r"\s", "", text), words
    capsys.readouterr()
    assert run(["kinds"]) == 0
    shown = capsys.readouterr().out
    assert "培训通知" in shown and "本单位文本" in shown and "commitment" in shown
    assert not (tmp_path / "var").exists()


def test_an_unknown_sample_or_kind_is_told_with_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["preview", "circular", "--sample", "无此样本", "--out", str(tmp_path)]) == 1
    assert "督查" in capsys.readouterr().err
    assert run(["preview", "../circular", "--out", str(tmp_path)]) == 1
    assert "E-DOC-015" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_page_shows_a_picture_of_every_kind() -> None:
    catalogue = Catalogue((ROOT / "templates",))
    for name in catalogue.names():
        assert f"![{catalogue.kind(name).title}](images/kinds/{name}.png)" in PAGE
