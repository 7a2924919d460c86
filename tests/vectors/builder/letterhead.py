"""The unsigned letter the vectors start from, drawn once: `python -m tests.vectors.builder.letterhead`.

Its fonts are cut down to the letters used, so that a hundred signed copies stay small.
"""

import io
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import weasyprint
from fontTools import subset, ttLib

from service.core import Envelope, content_json
from service.documents.content import Content
from service.documents.kinds import load_kind
from service.documents.pdf import PdfRenderer
from tests.documents import conftest as contents
from tests.vectors.builder import paper
from tests.verification import conftest

_UNUSED = ["vmtx", "vhea", "VORG", "GSUB", "GPOS", "GDEF", "BASE", "name"]
PARTS = Path(__file__).parents[1] / "verification" / "parts"
LETTER, REAL = PARTS / "letter.pdf", PARTS / "commitment.pdf"
FIRST_PAGE, SECOND_PAGE = 7, 15  # object numbers
FONT = Path(__file__).parents[3] / ".fonts" / "FandolFang-Regular.otf"
PAGES = """<html lang="zh"><head><title>食品安全承诺书</title><style>
@font-face {{ font-family: Fang; src: url({font}) }}
@page {{ size: A4; margin: 37mm 26mm 35mm 28mm }} body {{ font: 16pt/28pt Fang }} h1 {{ font-weight: normal }}
input {{ appearance: auto; width: 55mm; height: 22mm; border: 0; margin: 0; display: block }}
</style></head><body><h1>食品安全承诺书</h1><p>一次</p><p>一千元</p>
<p><input type=checkbox name=office title="office"></p>
<p><input type=checkbox name=cadre title="cadre"></p>
<p><input type=checkbox name=leader title="leader"></p>
<p style="break-before: page">食品安全一千次</p></body></html>"""


def draft(envelope: Envelope | None, *, content: bytes | None = None) -> bytes:
    """Return the letter with the content.json of `envelope`."""
    objects, root = paper.objects_of(LETTER.read_bytes())
    if content is None and envelope is not None:
        content = content_json(envelope, {"items": ["每季度督导一次"], "limit": 5000})
    number = next(n for n, body in objects.items() if b"/EmbeddedFile" in body and b"stream" in body)
    head = b"/Type /EmbeddedFile /Subtype /application#2fjson"
    if content is not None:
        objects[number] = paper.stream(head, content)
    return paper.assemble(objects, root)


def render() -> bytes:
    """Return the letter as WeasyPrint draws it, every object in the open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile open
        made = weasyprint.HTML(string=PAGES.format(font=FONT.as_uri())).write_pdf(
            pdf_forms=True,
            pdf_variant="pdf/a-3a",
            pdf_tags=True,
            finisher=conftest._finish,
            pdf_identifier=b"0123456789abcdef",
            attachments=[
                weasyprint.Attachment(
                    string=b"{}", name="content.json", description="content", relationship="Data",
                    created=conftest.T0, modified=conftest.T0,
                )
            ],
        )  # fmt: skip
    with pikepdf.open(io.BytesIO(made)) as pdf:
        _cut_fonts(pdf)
        _drop_profile(pdf)
        bodies = {item.objgen[0]: _body(item) for item in pdf.objects if _is_kept(item)}
        return paper.assemble(bodies, pdf.Root.objgen[0])


def render_real(street: conftest.Lab) -> bytes:
    """Return a commitment letter of the real template, marked as a specimen, for the parties of `street`."""
    own = contents.commitment(
        committee=street.committee, issuer=street.committee, cadre_name=street.cadre.name,
        cadre_unit=street.unit, cadre_post="办事处主任", leader_title="食品安全委员会主要负责人",
        leader_unit=street.committee,
    )  # fmt: skip
    envelope = replace(own.envelope, letter=street.letter, parties=street.parties())
    kind = load_kind(contents.TEMPLATES / "commitment")
    return PdfRenderer(contents.FONTS).render(kind, Content(envelope, own.fields), specimen=True)


def _is_kept(item: Any) -> bool:
    return not (
        isinstance(item, pikepdf.Stream) and (item.get("/Type") in ("/ObjStm", "/XRef") or "/N" in item)
    )


def _body(item: Any) -> bytes:
    if not isinstance(item, pikepdf.Stream):
        return bytes(item.unparse(resolved=True))
    raw = item.read_raw_bytes()
    entries = pikepdf.Dictionary({key: value for key, value in item.items() if key != "/Length"})
    return paper.stream(bytes(entries.unparse()).removeprefix(b"<<").removesuffix(b">>").strip(), raw)


def _cut_fonts(pdf: pikepdf.Pdf) -> None:
    """Keep only the glyphs that the pages show, and map their old numbers, so that one letter is a few kilobytes."""
    wanted = set("食品安全承诺书一次千元")
    for item in pdf.objects:
        if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/OpenType":
            font = ttLib.TTFont(io.BytesIO(item.read_bytes()), lazy=True)
            options = subset.Options(layout_features=[], drop_tables=_UNUSED, desubroutinize=True)
            cutter = subset.Subsetter(options)
            cutter.populate(unicodes=[ord(letter) for letter in wanted])
            cutter.subset(font)
            places = bytearray(2 * (max(cutter.glyph_index_map) + 1))
            for old, new in cutter.glyph_index_map.items():
                places[2 * old : 2 * old + 2] = new.to_bytes(2)
            output = io.BytesIO()
            font.save(output, reorderTables=True)
            item.write(zlib.compress(output.getvalue(), 9), filter=pikepdf.Name.FlateDecode)
            (user,) = (one for one in pdf.objects if _is_font(one))
            user.CIDToGIDMap = pdf.make_stream(b"")
            packed = zlib.compress(bytes(places), 9)
            user.CIDToGIDMap.write(packed, filter=pikepdf.Name.FlateDecode)


def _drop_profile(pdf: pikepdf.Pdf) -> None:
    """Let sRGB be the device's: a colour profile is 2.5 KB in each of a hundred files."""
    del pdf.Root.OutputIntents
    for item in pdf.objects:
        if isinstance(item, pikepdf.Dictionary) and "/srgb" in item:
            item.srgb = pikepdf.Name.DeviceRGB


def _is_font(item: Any) -> bool:
    return isinstance(item, pikepdf.Dictionary) and "/CIDToGIDMap" in item


if __name__ == "__main__":
    PARTS.mkdir(parents=True, exist_ok=True)
    LETTER.write_bytes(render())
    REAL.write_bytes(render_real(conftest.Lab()))
