"""QR codes in a hostile picture, read in a process of its own with limits: a crash or a hang is "nothing found".

The picture comes on standard input; the texts go out as one line of JSON. Decoder: https://github.com/zxing-cpp/zxing-cpp
"""

import io
import json
import resource
import subprocess
import sys

from service.errors import InputError

MAX_PICTURE = 20_000_000  # bytes
_MAX_PIXELS = 60_000_000  # a phone's largest
_SIDE = 3000  # pixels: larger ones are made smaller first, a module of a page's code still has five
_SECONDS, _CPU_SECONDS, _MEMORY = 20.0, 10, 1 << 30
_MAX_CODES, _MAX_ANSWER = 8, 64 * 1024
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def read(data: bytes) -> list[str]:
    """Return the texts of the QR codes in a picture, none where it is none; raise InputError for one too large."""
    if len(data) > MAX_PICTURE:
        raise InputError("E-VER-165", f"图片超过 {MAX_PICTURE // 1_000_000} MB，请缩小后再试。")
    try:
        done = subprocess.run(  # noqa: S603 - this very module
            [sys.executable, "-I", "-c", _PROGRAM, *sys.path],
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return []
    return _answer(done.stdout) if done.returncode == 0 else []


_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from service.verification import picture; picture.main()"


def _answer(data: bytes) -> list[str]:
    try:
        value = json.loads(data[:_MAX_ANSWER])
    except ValueError:
        return []
    if not isinstance(value, list):
        return []
    return [text for text in value[:_MAX_CODES] if isinstance(text, str)]


def main() -> None:
    """Read the picture on standard input within the limits."""
    import zxingcpp  # noqa: PLC0415 - native code that only this process loads
    from PIL import Image  # noqa: PLC0415

    for name, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(name, (most, most))
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS
    with Image.open(io.BytesIO(sys.stdin.buffer.read(MAX_PICTURE)), formats=_FORMATS) as image:
        image.draft("L", (_SIDE, _SIDE))
        image.thumbnail((_SIDE, _SIDE))
        found = zxingcpp.read_barcodes(image.convert("L"))
    sys.stdout.write(json.dumps([one.text for one in found if one.format == zxingcpp.BarcodeFormat.QRCode]))
