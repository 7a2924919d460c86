"""Photos of visits: only pixels are kept. Where, when and with which phone one was taken stays with whoever took it."""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps

from service.errors import InputError

MAX_BYTES = 20_000_000
MAX_PIXELS = 60_000_000
QUALITY = 90
# Pillow may be told, for the whole process, to fill up what was cut off (WeasyPrint does): we look for the end.
_ENDS = {"JPEG": (b"\xff\xda", b"\xff\xd9"), "PNG": (b"IDAT", b"IEND")}
_MEDIA = {"JPEG": "image/jpeg", "PNG": "image/png"}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A photo written anew from its pixels."""

    data: bytes
    media: str


def clean(data: bytes) -> Cleaned:
    """Return the photo upright and without metadata; the same photo gives the same bytes.

    Raise InputError for anything but a whole JPEG or PNG of bearable size.
    """
    if len(data) > MAX_BYTES:
        raise InputError("E-REG-765", f"照片超过 {MAX_BYTES // 1_000_000} MB，请缩小后再传。")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow only warns of, we check or refuse ourselves
            return _rewrite(data)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as exc:
        raise InputError("E-REG-765", "照片应为完好的 JPEG 或 PNG 文件。") from exc


def _rewrite(data: bytes) -> Cleaned:
    with Image.open(io.BytesIO(data), formats=list(_MEDIA)) as image:
        form = str(image.format)
        begin, end = _ENDS[form]
        if data.rfind(end) < data.find(begin):
            raise InputError("E-REG-765", "照片文件不完整，请重传。")
        if image.width * image.height > MAX_PIXELS:
            raise InputError("E-REG-765", f"照片超过 {MAX_PIXELS // 1_000_000} 百万像素，请缩小后再传。")
        upright = ImageOps.exif_transpose(image).convert("RGB")
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)  # a new image: no info dictionary for the writer to copy from
    out = io.BytesIO()
    options = {"quality": QUALITY} if form == "JPEG" else {"optimize": False}
    bare.save(out, form, **options)
    return Cleaned(out.getvalue(), _MEDIA[form])
