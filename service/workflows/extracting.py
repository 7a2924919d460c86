"""What each signer signed, byte for byte: signed revisions, their digests, and pictures of then and now."""

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from service.archive import durable
from service.core import sha256_hex
from service.errors import CorruptError, InputError
from service.verification import showing
from service.workflows.report_words import clean

SUMS = "SHA256SUMS"
_UNSAFE = re.compile(r"[^0-9A-Za-z\u4e00-\u9fff〔〕（）_-]+")
_NAME_MAX = 60
_GAP, _HEAD = 24, 44  # pixels between two pages, and above them
_WIDTH = 820  # pixels of one page
_GREY = (232, 232, 228)


@dataclass(frozen=True, slots=True)
class Extracted:
    """One file that was written: its path, what it is, its digest."""

    path: Path
    what: str
    sha256: str


def safe_name(text: str) -> str:
    """Return `text` as a file name that cannot leave its folder, hide, or steer a program."""
    return _UNSAFE.sub("_", Path(text).stem).strip("_-")[:_NAME_MAX] or "文件"


def extract(data: bytes, name: str, folder: Path, font: Path | None = None) -> list[Extracted]:
    """Write every signed revision of a file, pictures and digests into `folder`; return what was written.

    Raises InputError if no signed revision can be read, or `folder` has other files of these names.
    """
    revisions = showing.revisions(data)
    if not revisions:
        raise InputError("E-VER-150", f"{clean(name)} 中没有可以取出的签署版本。")
    written: list[Extracted] = []
    for number, one in enumerate(revisions, start=1):
        signed, stem = data[: one.end], f"{number:02d}_{safe_name(one.field)}"
        written.append(_write(folder / f"{stem}.pdf", signed, f"{clean(one.field, 40)} 签署的版本"))
        for pair in showing.first_pages(data, one.end):
            picture = side_by_side(pair, f"{one.field} 签署的版本", font)
            path = folder / f"{stem}_第{pair.page + 1}页.png"
            written.append(_write(path, picture, f"第{pair.page + 1}页：签署时与现在"))
    sums = "".join(f"{one.sha256}  {one.path.name}\n" for one in written)
    _write(folder / SUMS, sums.encode(), "摘要")
    durable.sync_folders([folder])
    return written


def side_by_side(pair: showing.Pair, signed: str, font: Path | None = None) -> bytes:
    """Return one PNG: the page as signed on the left, as it is now on the right."""
    pages = [_scaled(one) for one in (pair.signed, pair.now)]
    height = max(one.height for one in pages)
    sheet = Image.new("RGB", (2 * _WIDTH + 3 * _GAP, height + _HEAD + _GAP), _GREY)
    pen = ImageDraw.Draw(sheet)
    for index, (page, text) in enumerate(zip(pages, (clean(signed, 40), "现在的文件"), strict=True)):
        left = _GAP + index * (_WIDTH + _GAP)
        sheet.paste(page, (left, _HEAD))
        if font is not None:
            pen.text((left, 10), text, fill=(40, 40, 40), font=ImageFont.truetype(str(font), 22))
    output = BytesIO()
    sheet.save(output, "PNG", compress_level=3)
    return output.getvalue()


def _scaled(page: Image.Image) -> Image.Image:
    height = max(1, min(4 * _WIDTH, page.height * _WIDTH // page.width))
    return page.resize((_WIDTH, height), Image.Resampling.HAMMING)


def _write(path: Path, content: bytes, what: str) -> Extracted:
    try:
        durable.write_once(path, content)
    except CorruptError as exc:
        raise InputError("E-VER-151", f"{path} 已有内容不同的文件，没有覆盖；请换一个文件夹。") from exc
    return Extracted(path, what, sha256_hex(content))
