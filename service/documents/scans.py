"""Scans of paper (扫描件): only pixels are kept, of a PDF or a JPEG; what else a file carries stays with its sender.

A PDF is drawn page by page (PDFium) and written anew, so that scripts, attached files, forms, hidden text, metadata and
where a photo was taken are gone. The same scan gives the same bytes.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pikepdf
import pypdfium2
from PIL import Image, ImageOps

from service.errors import InputError

MAX_BYTES = 20_000_000
MAX_PAGES = 20
MAX_SIDE = 2400  # pixels of a page: about 200 dpi on A4
MIN_SIDE = 100  # pixels: less shows no signature
MAX_PIXELS = 60_000_000
QUALITY = 82
_DPI = 200
_POINTS_PER_INCH = 72
_JPEG, _PDF = b"\xff\xd8\xff", b"%PDF-"
_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan written anew: its bytes, what they are, and how many pages there are."""

    data: bytes
    media: str
    pages: int

    @property
    def suffix(self) -> str:
        """How files of this kind end."""
        return "pdf" if self.media == "application/pdf" else "jpg"


def clean(data: bytes) -> Scan:
    """Return the scan as pixels alone; what it is is told by its content, not by its name.

    Raise InputError for anything but a whole PDF or JPEG of bearable size. PDFium draws for one thread at a time:
    the caller sees to that.
    """
    if len(data) > MAX_BYTES:
        raise InputError("E-DOC-060", f"扫描件超过 {MAX_BYTES // 1_000_000} MB，请缩小后再传。")
    if data.startswith(_PDF):
        drawn = [_jpeg(page) for page in _pages(data)]
        return Scan(to_pdf(drawn), "application/pdf", len(drawn))
    if data.startswith(_JPEG):
        return Scan(_jpeg(_photo(data)), "image/jpeg", 1)
    raise InputError("E-DOC-061", "扫描件应为 PDF 或 JPG 文件。")


def to_pdf(jpegs: Sequence[bytes]) -> bytes:
    """Return a PDF with one JPEG a page and nothing else; its dates and id depend on nothing but that."""
    pdf = pikepdf.new()
    for data in jpegs:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
        stream = pikepdf.Stream(
            pdf,
            data,
            {
                "/Type": pikepdf.Name.XObject,
                "/Subtype": pikepdf.Name.Image,
                "/Width": width,
                "/Height": height,
                "/ColorSpace": pikepdf.Name.DeviceRGB,
                "/BitsPerComponent": 8,
                "/Filter": pikepdf.Name.DCTDecode,
            },
        )
        across, down = (round(one * _POINTS_PER_INCH / _DPI, 2) for one in (width, height))
        page = pdf.add_blank_page(page_size=(across, down))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=pdf.make_indirect(stream)))
        page.Contents = pikepdf.Stream(pdf, f"q {across} 0 0 {down} 0 0 cm /Scan Do Q".encode())
    out = io.BytesIO()
    pdf.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out.getvalue()


def pages(scan: bytes) -> list[Image.Image]:
    """Return the pages of a cleaned scan."""
    if scan.startswith(_PDF):
        return list(_pages(scan))
    return [_photo(scan)]


def _pages(data: bytes) -> Iterator[Image.Image]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as exc:
        raise InputError("E-DOC-062", "PDF 文件已损坏或加了密码，请重新扫描。") from exc
    try:
        if not 1 <= len(document) <= MAX_PAGES:
            raise InputError("E-DOC-063", f"扫描件应有 1–{MAX_PAGES} 页。")
        document.init_forms()
        for page in document:
            longest = max(page.get_width(), page.get_height(), 1)
            scale = min(_DPI / _POINTS_PER_INCH, MAX_SIDE / longest)
            yield _shaped(page.render(scale=scale).to_pil().convert("RGB"))
            page.close()
    except pypdfium2.PdfiumError as exc:
        raise InputError("E-DOC-062", "PDF 文件已损坏或加了密码，请重新扫描。") from exc
    finally:
        document.close()


def _photo(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow only warns of, we refuse ourselves
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
                if data.rfind(_END) < 0 or image.width * image.height > MAX_PIXELS:
                    raise InputError("E-DOC-064", "JPG 文件不完整或像素过多，请重新扫描。")
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as exc:
        raise InputError("E-DOC-064", "JPG 文件不完整或像素过多，请重新扫描。") from exc
    upright.thumbnail((MAX_SIDE, MAX_SIDE))
    return _shaped(upright)


def _shaped(image: Image.Image) -> Image.Image:
    """Return a page that can be one; raise InputError for a sliver."""
    if min(image.size) < MIN_SIDE:
        raise InputError("E-DOC-065", "扫描件的页面过窄或分辨率过低，请重新扫描。")
    return image


def _jpeg(image: Image.Image) -> bytes:
    bare = Image.new("RGB", image.size)
    bare.paste(image)  # a new image: no information for the writer to copy from
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
