"""The structure of the PDF: signature fields, tags, metadata, attached content; the same bytes every time."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest

from service.core import content_json
from service.documents.content import Content
from service.documents.docx import render_docx
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer

Make = Callable[..., Content]
ROOT = Path(__file__).parents[2]

_AGAIN = """
from samples import make_outputs
from service.documents.pdf import PdfRenderer
renderer = PdfRenderer(make_outputs.ROOT / ".fonts")
for name in make_outputs.CATALOGUE.names():
    for path, data in make_outputs.build(renderer, make_outputs.CATALOGUE.kind(name)).items():
        print(path.name, path.read_bytes() == data)
"""


@pytest.fixture(scope="module")
def letter(renderer: PdfRenderer, letter_kind: Kind, commitment: Make) -> pikepdf.Pdf:
    path = renderer.render(letter_kind, commitment(), specimen=True)
    return pikepdf.open(io.BytesIO(path))


def test_the_fields_are_signature_fields_in_signing_order(letter: pikepdf.Pdf) -> None:
    form = letter.Root.AcroForm
    assert [str(field.T) for field in form.Fields] == ["office", "cadre", "leader"]
    assert int(form.SigFlags) == 1
    assert "/NeedAppearances" not in form and "/DR" not in form
    for field in form.Fields:
        assert field.FT == "/Sig" and int(field.F) == 132
        assert not {"/V", "/DA", "/AS", "/MK", "/Ff", "/Border"} & set(field.keys())
        x1, y1, x2, y2 = (float(value) for value in field.Rect)
        assert x1 < x2 and y1 < y2
        assert field.AP.N.read_bytes() == b""
        assert [float(v) for v in field.AP.N.BBox] == pytest.approx([0, 0, x2 - x1, y2 - y1], abs=0.01)
    assert str(form.Fields[1].TU) == "承诺人张䶮签名"


def test_each_signature_locks_all_fields_but_the_later_ones(letter: pikepdf.Pdf) -> None:
    office, cadre, leader = (field.Lock for field in letter.Root.AcroForm.Fields)
    assert office.Action == cadre.Action == "/Exclude"
    assert [str(name) for name in office.Fields] == ["cadre", "leader"]
    assert [str(name) for name in cadre.Fields] == ["leader"]
    assert leader.Action == "/All" and "/Fields" not in leader


def test_the_boxes_are_large_enough_and_do_not_touch(letter: pikepdf.Pdf) -> None:
    boxes = [[float(v) / 72 * 25.4 for v in field.Rect] for field in letter.Root.AcroForm.Fields]
    sizes = [(round(x2 - x1), round(y2 - y1)) for x1, y1, x2, y2 in boxes]
    assert sizes == [(42, 42), (55, 22), (55, 22)]
    office, cadre, leader = boxes
    assert office[3] < cadre[1] and cadre[2] < leader[0]


def test_each_field_is_tagged_as_a_form_whose_kid_is_the_object_reference(letter: pikepdf.Pdf) -> None:
    forms = [
        item
        for item in letter.objects
        if isinstance(item, pikepdf.Dictionary)
        and item.get("/S") == "/Form"
        and item.get("/Type") == "/StructElem"
    ]
    assert len(forms) == 3
    assert {str(form.K.Obj.T) for form in forms} == {"office", "cadre", "leader"}
    parents = dict(zip(*[iter(letter.Root.StructTreeRoot.ParentTree.Nums)] * 2, strict=True))
    for form in forms:
        assert parents[int(form.K.Obj.StructParent)].objgen == form.objgen


def test_the_file_claims_pdf_a_3a_and_pdf_ua_1(letter: pikepdf.Pdf) -> None:
    xmp = letter.Root.Metadata.read_bytes()
    assert b'pdfaid:part="3" pdfaid:conformance="A"' in xmp and b"<pdfuaid:part>1</pdfuaid:part>" in xmp
    with letter.open_metadata() as metadata:
        assert metadata["dc:title"] == "食品安全责任与任务承诺书（乡级）"
    assert str(letter.Root.Lang) == "zh-CN" and letter.Root.MarkInfo.Marked
    assert letter.Root.ViewerPreferences.DisplayDocTitle
    assert str(letter.docinfo.CreationDate) == "D:20261124000000+08'00"


def test_the_content_travels_inside(letter: pikepdf.Pdf, commitment: Make) -> None:
    content = commitment()
    (attached,) = letter.Root.AF
    assert attached.AFRelationship == "/Data" and str(attached.UF) == "content.json"
    assert attached.EF.F.read_bytes() == content_json(content.envelope, content.fields)


def test_every_table_head_says_that_it_heads_a_column(letter: pikepdf.Pdf) -> None:
    heads = [
        o for o in letter.objects if isinstance(o, pikepdf.Dictionary) and o.get("/S") == "/TH" and "/A" in o
    ]
    assert len(heads) == 2 and all(head.A.Scope == "/Column" for head in heads)


def test_every_font_is_embedded(letter: pikepdf.Pdf) -> None:
    fonts = [
        f for f in letter.objects if isinstance(f, pikepdf.Dictionary) and f.get("/Type") == "/FontDescriptor"
    ]
    assert fonts and all("/FontFile3" in font or "/FontFile2" in font for font in fonts)


def test_a_list_has_no_signature_fields(
    renderer: PdfRenderer, list_kind: Kind, responsibility_list: Make
) -> None:
    data = renderer.render(list_kind, responsibility_list(rows=2), specimen=False)
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert "/AcroForm" not in pdf.Root


@pytest.mark.parametrize(("seed", "zone"), [("77", "America/New_York")])
def test_another_process_zone_and_hash_seed_give_the_same_bytes(seed: str, zone: str) -> None:
    """Every kind, as PDF and Word, against samples/outputs, which test_outputs rebuilds in its own process."""
    run = subprocess.run(
        [sys.executable, "-c", _AGAIN],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    found = dict(line.split() for line in run.stdout.splitlines())
    assert len(found) >= 2 * len(list((ROOT / "templates").glob("*/kind.toml")))
    assert [name for name, same in found.items() if same != "True"] == []


def test_the_same_content_gives_the_same_bytes_again_in_one_process(
    renderer: PdfRenderer, letter_kind: Kind, list_kind: Kind, commitment: Make, responsibility_list: Make
) -> None:
    here = renderer.render(letter_kind, commitment(), specimen=True)
    assert renderer.render(letter_kind, commitment(), specimen=True) == here
    assert render_docx(list_kind, responsibility_list(), specimen=True) == render_docx(
        list_kind, responsibility_list(), specimen=True
    )
