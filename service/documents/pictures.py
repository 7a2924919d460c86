"""Pages as pictures, drawn by PDFium (https://pypdfium2.readthedocs.io/)."""

from collections.abc import Iterator

import pypdfium2
from PIL import Image

_POINTS_PER_INCH = 72


def pages(pdf: bytes, dpi: float = 96) -> Iterator[Image.Image]:
    """Yield a picture of each page, with what its form fields show."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        document.init_forms()
        for page in document:
            yield page.render(scale=dpi / _POINTS_PER_INCH).to_pil()
            page.close()
    finally:
        document.close()
