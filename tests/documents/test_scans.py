"""Scans keep their pixels and nothing else, whatever the file was made of."""

import io

import pikepdf
import pytest
from PIL import Image

from service.documents import scans
from service.errors import InputError

SECRET = b"GPS-27.99-120.65"


def photo(size: tuple[int, int] = (600, 800)) -> bytes:
    """Return a JPEG with a comment and EXIF that tell where it was taken."""
    image = Image.effect_noise(size, 40).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = 6  # lies on its side
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=SECRET)
    return out.getvalue()


def document(pages: int = 2) -> bytes:
    """Return a PDF that says more than it shows: title, script, attachment, hidden text."""
    pdf = pikepdf.new()
    for _ in range(pages):
        page = pdf.add_blank_page(page_size=(595, 842))
        page.Contents = pikepdf.Stream(pdf, b"0 0 1 rg 100 100 300 300 re f % " + SECRET)
    pdf.docinfo["/Author"] = SECRET.decode()
    pdf.attachments["note.txt"] = SECRET
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=SECRET.decode())
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def test_a_photo_keeps_its_pixels_upright_and_nothing_else() -> None:
    made = scans.clean(photo())
    assert (made.media, made.pages, made.suffix) == ("image/jpeg", 1, "jpg")
    assert SECRET not in made.data and b"Exif" not in made.data
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.size == (800, 600) and not image.getexif()
    (small,) = scans.pages(scans.clean(photo((2600, 900))).data)
    assert max(small.size) == scans.MAX_SIDE


def test_a_pdf_is_drawn_anew_the_same_each_time() -> None:
    source = document()
    made = scans.clean(source)
    assert (made.media, made.pages) == ("application/pdf", 2) and scans.clean(source) == made
    with pikepdf.open(io.BytesIO(made.data)) as pdf:
        whole = b"".join(
            bytes(one.read_raw_bytes()) for one in pdf.objects if isinstance(one, pikepdf.Stream)
        )
        assert SECRET not in whole + made.data
        assert set(pdf.Root.keys()) == {"/Type", "/Pages"} and not pdf.docinfo
    page = scans.pages(made.data)[0]
    red, _, blue = page.getpixel((page.width // 3, page.height * 3 // 4))  # type: ignore[misc]
    assert blue > 200 > red  # what was to be seen is still to be seen


def test_what_is_no_whole_scan_is_refused() -> None:
    png = io.BytesIO()
    Image.new("RGB", (9, 9)).save(png, "PNG")
    for wrong, code in (
        (b"", "061"),
        (b"MZ" + photo(), "061"),
        (png.getvalue(), "061"),
        (photo()[:3000], "064"),
        (b"%PDF-1.7\nnothing", "062"),
        (document(scans.MAX_PAGES + 1), "063"),
        (b"\xff\xd8\xff" + bytes(scans.MAX_BYTES), "060"),
    ):
        with pytest.raises(InputError, match=f"E-DOC-{code}"):
            scans.clean(wrong)
    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(document(1))) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(owner="a", user="b"))
    with pytest.raises(InputError, match="E-DOC-062"):
        scans.clean(locked.getvalue())


@pytest.mark.parametrize("size", [(14400, 10), (14400, 14400)])
def test_an_endless_page_is_drawn_small_or_not_at_all(size: tuple[int, int]) -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=size)
    out = io.BytesIO()
    pdf.save(out)
    if min(size) < 100:
        with pytest.raises(InputError, match="E-DOC-065"):
            scans.clean(out.getvalue())
    else:
        (page,) = scans.pages(scans.clean(out.getvalue()).data)
        assert max(page.size) <= scans.MAX_SIDE
