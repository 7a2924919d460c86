"""A unit's licensed font takes the place of the free one; names of rare characters print in PDF and Word."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service.documents import fonts
from service.documents.content import Content
from service.documents.docx import render_docx
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.documents.text import docx_words, pdf_words
from service.errors import InputError
from service.settings import ROOT

Make = Callable[..., Content]
RARE = "䶮𠮷堃喆〇"


def test_a_font_under_its_roles_name_takes_the_place_of_the_free_one(
    renderer: PdfRenderer, tmp_path: Path, letter_kind: Kind, commitment: Make
) -> None:
    shutil.copy(ROOT / ".fonts" / fonts.FACES["GHei"], tmp_path / "小标宋.otf")
    found = fonts.load_fonts(tmp_path).files
    assert found["GBiaoSong"] == tmp_path / "小标宋.otf"
    assert found["GFang"].name == fonts.FACES["GFang"]
    data = PdfRenderer(tmp_path).render(letter_kind, commitment(), specimen=False)
    free = renderer.render(letter_kind, commitment(), specimen=False)
    assert data != free and pdf_words(data) == pdf_words(free)


@pytest.mark.parametrize("level", ["乡级", "村级"])
def test_rare_names_are_the_same_words_in_pdf_and_word(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make, level: str
) -> None:
    content = commitment(level, cadre_name=RARE)
    words = docx_words(render_docx(letter_kind, content, specimen=False)).text
    assert f"承诺人：{RARE}" in words
    assert pdf_words(renderer.render(letter_kind, content, specimen=False)) == words


def test_word_refuses_what_the_deployments_own_fonts_lack(letter_kind: Kind, commitment: Make) -> None:
    free = fonts.known()
    poor = fonts.Fonts(free.files | dict.fromkeys(fonts.CHAIN, free.files["GFang"]))
    content = commitment(cadre_name="张䶮")
    assert render_docx(letter_kind, content, specimen=False, faces=free)
    with pytest.raises(InputError, match=r"U\+4DAE"):
        render_docx(letter_kind, content, specimen=False, faces=poor)
