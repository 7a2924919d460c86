"""A stranger's form: two pages, a text field, a picture, a layer, and two empty signature fields."""

from tests.vectors.builder import paper

PAGES, PAGE, SECOND, TEXT, FONT, IMAGE, REMARK, REMARK_LOOK, FIRST_FIELD, SECOND_FIELD, FORM, LAYER, COVER = (
    2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
)  # fmt: skip
INK = b"""BT /F1 18 Tf 60 760 Td (Loan agreement) Tj 0 -40 Td (The borrower owes 1000 yuan.) Tj ET
q 60 0 0 60 60 560 cm /Im1 Do Q
"""
LOOK = b"/Tx BMC q BT /F1 12 Tf 4 8 Td (%s) Tj ET Q EMC"
BOX = b"/MediaBox [0 0 595 842]"


def objects(*, covered: bool = False, locked: bool = False) -> dict[int, bytes]:
    """Return the objects of the form; `covered` hides a paragraph under a white layer, `locked` adds FieldMDP."""
    resources = b"/Resources << /Font << /F1 6 0 R >> /XObject << /Im1 7 0 R /Cover 14 0 R >>"
    resources += b" /Properties << /L1 13 0 R >> >>"
    ink = INK
    if covered:
        ink += b"BT /F1 18 Tf 60 500 Td (The borrower owes 9000 yuan more.) Tj ET\n/Cover Do\n"
    lock = b" /Lock << /Type /SigFieldLock /Action /Include /Fields [(remark)] >>" if locked else b""
    widget = b"<< /Type /Annot /Subtype /Widget /F 132 /P 3 0 R"
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm 12 0 R"
        b" /OCProperties << /OCGs [13 0 R] /D << /Order [13 0 R] /ON [13 0 R] >> >> >>",
        PAGES: b"<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] >>",
        PAGE: b"<< /Type /Page /Parent 2 0 R %s %s /Contents 5 0 R /Annots [8 0 R 10 0 R 11 0 R] >>" % (BOX, resources),
        SECOND: b"<< /Type /Page /Parent 2 0 R %s /Resources << >> >>" % BOX,
        TEXT: paper.stream(b"", ink),
        FONT: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        IMAGE: picture(b"\x20\x60\xa0"),
        REMARK: widget + b" /FT /Tx /T (remark) /V (none) /DA (/F1 12 Tf 0 g) /Rect [60 400 300 424]"
        b" /AP << /N 9 0 R >> >>",
        REMARK_LOOK: look(b"none"),
        FIRST_FIELD: widget + b" /FT /Sig /T (Sig1) /Rect [60 200 260 260]%s >>" % lock,
        SECOND_FIELD: widget + b" /FT /Sig /T (Sig2) /Rect [320 200 520 260] >>",
        FORM: b"<< /Fields [8 0 R 10 0 R 11 0 R] /SigFlags 3 /DR << /Font << /F1 6 0 R >> >> >>",
        LAYER: b"<< /Type /OCG /Name (layer) >>",
        COVER: paper.stream(
            b"/Type /XObject /Subtype /Form /BBox [50 480 500 530]", b"1 1 1 rg 50 480 450 50 re f"
        ),
    }  # fmt: skip


def picture(colour: bytes) -> bytes:
    """Return an image of one colour."""
    head = b"/Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return paper.stream(head, colour * 4)


def look(text: bytes) -> bytes:
    """Return the appearance of the text field."""
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 240 24] /Resources << /Font << /F1 6 0 R >> >>"
    return paper.stream(head, LOOK % text)


def blank(*, packed: bool = False, table: bool = True, covered: bool = False, locked: bool = False) -> bytes:
    """Return the unsigned form."""
    return paper.assemble(objects(covered=covered, locked=locked), 1, packed=packed, table=table)


def filled(text: bytes) -> dict[int, bytes]:
    """Return what changes when the text field is filled in."""
    body = objects()[REMARK].replace(b"(none)", b"(%s)" % text)
    return {REMARK: body, REMARK_LOOK: look(text)}
