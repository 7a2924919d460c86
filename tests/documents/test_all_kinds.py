"""Every kind, every sample: Word and PDF say the same, the page is as GB/T 9704 wants it, nothing is cut off."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from service.documents.docx import render_docx
from service.documents.kinds import Kind, TextStatus, load_kind
from service.documents.pdf import PdfRenderer
from service.documents.samples import Sample, samples
from service.documents.text import docx_words, pdf_pages, pdf_words
from tests.documents import gbt

TEMPLATES = Path(__file__).parents[2] / "templates"
KINDS = {path.parent.name: load_kind(path.parent) for path in sorted(TEMPLATES.glob("*/document.docx"))}
SAMPLES = [(kind, sample) for kind in KINDS.values() for sample in samples(kind)]
EACH = pytest.mark.parametrize(
    ("kind", "sample"), SAMPLES, ids=[f"{kind.id}-{sample.name}" for kind, sample in SAMPLES]
)


@EACH
def test_pdf_and_word_say_the_same(remembering: PdfRenderer, kind: Kind, sample: Sample) -> None:
    pdf = remembering.render(kind, sample.content, specimen=True)
    words = docx_words(render_docx(kind, sample.content, specimen=True))
    assert words.text
    assert pdf_words(pdf, words.repeated) == words.text


@EACH
def test_the_pages_follow_gbt_9704_bear_their_marks_and_hold_no_signatures_alone(
    remembering: PdfRenderer, kind: Kind, sample: Sample
) -> None:
    pdf, layout = remembering.render(kind, sample.content, specimen=True), gbt.layout_of(kind.html())
    gbt.require(pdf, layout)
    pages = pdf_pages(pdf)
    for number, page in enumerate(pages, 1):
        assert "演示样张" in page
        assert ("参考文本，待核定" in page) == (kind.text_status is TextStatus.REFERENCE)
        if "poster" not in layout:
            assert f"— {number} —" in page
    if len(pages) > 1:
        gbt.require_no_orphan(pdf)


def test_every_variant_has_a_sample() -> None:
    missing = {
        kind.id: left
        for kind in KINDS.values()
        if kind.variant_field
        and (left := set(kind.variants) - {s.content.fields[kind.variant_field] for s in samples(kind)})
    }
    assert not missing


@pytest.mark.parametrize(("spacing", "even"), [(0.0, True), (0.08, True), (0.16, False)])
def test_a_line_that_was_spaced_out_to_the_edge_is_found(spacing: float, even: bool) -> None:
    line = [
        gbt.Character(one, 80 + 16 * (1 + spacing) * n, 200, 16)
        for n, one in enumerate("如实提供情况不得弄虚作假")
    ]
    label = [gbt.Character(one, 80 + 32 * n, 300, 16) for n, one in enumerate("编制机关")]
    with nullcontext() if even else pytest.raises(AssertionError, match="spaced out"):
        gbt.require_even([*line, *label], 1)
