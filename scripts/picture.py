"""Draws docs/images/signed_letter.png, the picture of the README, from a finished letter of the demo."""

import sys
from pathlib import Path

import pypdfium2
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "images" / "signed_letter.png"
DOTS_PER_POINT = 62 / 72
GAP = 12


def main(source: Path) -> None:
    """Lay the pages of `source` side by side on grey."""
    document = pypdfium2.PdfDocument(source)
    document.init_forms()  # signatures are drawn as form fields
    pages = [page.render(scale=DOTS_PER_POINT).to_pil() for page in document]
    width = sum(page.width for page in pages) + GAP * (len(pages) + 1)
    sheet = Image.new("RGB", (width, pages[0].height + 2 * GAP), (150, 150, 150))
    left = GAP
    for page in pages:
        sheet.paste(page, (left, GAP))
        left += page.width + GAP
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(128).save(TARGET, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
