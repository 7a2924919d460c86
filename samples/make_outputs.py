"""Rebuild `samples/outputs` (one of each kind, PDF and Word) and the pictures of the kinds in `docs/images/kinds`.

    python samples/make_outputs.py

The files are the same each time; a test rebuilds them. All bear 演示样张, and their names are invented.
"""

from pathlib import Path

from service.documents import pictures
from service.documents.catalogue import Catalogue
from service.documents.docx import render_docx
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.documents.samples import Sample, samples
from service.settings import ROOT

OUTPUTS = ROOT / "samples" / "outputs"
PICTURES = ROOT / "docs" / "images" / "kinds"
CATALOGUE = Catalogue((ROOT / "templates",))
SHOWN = {"commitment": "乡级", "task_list": "乡级"}
"""The sample that stands for its kind, where it is not the first."""
_DPI = 46  # A4 is then 380 pixels wide
_COLOURS = 16


def main() -> None:
    """Write all files, and remove those of kinds that are no more."""
    renderer = PdfRenderer(ROOT / ".fonts")
    written: set[Path] = set()
    for folder in (OUTPUTS, PICTURES):
        folder.mkdir(parents=True, exist_ok=True)
    for name in CATALOGUE.names():
        kind = CATALOGUE.kind(name)
        files = build(renderer, kind)
        for path, data in files.items():
            path.write_bytes(data)
        written |= files.keys()
        picture = PICTURES / f"{name}.png"
        draw(files[OUTPUTS / f"{name}.pdf"], picture)
        written.add(picture)
        print(kind.title)
    for old in {*OUTPUTS.iterdir(), *PICTURES.iterdir()} - written:
        old.unlink()


def build(renderer: PdfRenderer, kind: Kind) -> dict[Path, bytes]:
    """Return the output files of a kind."""
    content = shown(kind).content
    return {
        OUTPUTS / f"{kind.id}.pdf": renderer.render(kind, content, specimen=True),
        OUTPUTS / f"{kind.id}.docx": render_docx(kind, content, specimen=True),
    }


def shown(kind: Kind) -> Sample:
    """Return the sample that stands for its kind."""
    found = samples(kind)
    return next((one for one in found if one.name == SHOWN.get(kind.id)), found[0])


def draw(pdf: bytes, path: Path) -> None:
    """Write a small picture of the first page."""
    page = next(iter(pictures.pages(pdf, _DPI)))
    page.quantize(_COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
