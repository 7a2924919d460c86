"""What is saved changes no byte, and no font file is kept but those that documents use."""

import inspect
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pydyf
import pytest
from weasyprint import css
from weasyprint.layout import page
from weasyprint.pdf import fonts

from service.documents import economy, kit, styles
from service.documents.content import Content
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.errors import InputError
from tests.documents.conftest import FONTS

Make = Callable[..., Content]
_OF_TICKS = 3000  # bytes of the font that has only the ticked box


def test_a_letter_has_the_same_bytes_with_and_without(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the level of compression, which is set to that of pydyf here; rare names come of a second font."""
    content = commitment(cadre_name="䶮𠮷堃喆〇")
    monkeypatch.setattr(economy, "_LEVEL", 9)
    monkeypatch.setattr(economy, "_LEVEL_OF_LARGE", 9)
    economy._deflate_once.cache_clear()
    made = [renderer.render(letter_kind, content, specimen=True) for _ in range(2)]
    economy._deflate_once.cache_clear()
    with monkeypatch.context() as stock:
        stock.setattr(fonts.Font, "_harfbuzz_subset", economy._stock_subset)
        stock.setattr(fonts, "get_hb_object_data", economy._stock_data)
        stock.setattr(fonts, "get_pango_font_hb_face", economy._stock_face)
        stock.setattr(economy, "freeze", lambda _: None)
        stock.setattr(pydyf.PDF, "page_references", property(_stock_references))
        made.append(renderer.render(letter_kind, content, specimen=True))
    assert made[0] == made[1] == made[2]


def test_a_letter_has_the_same_bytes_by_the_styles_of_an_earlier_one(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [
        commitment(cadre_name=name, entity_count=i) for i, name in enumerate(("张样例", "欧阳示范"), 1)
    ]
    made = [renderer.render(letter_kind, letter, specimen=True) for letter in letters]
    with monkeypatch.context() as stock:
        stock.setattr(css, "StyleFor", styles._stock)
        assert made == [renderer.render(letter_kind, letter, specimen=True) for letter in letters]
    monkeypatch.setattr(styles, "_Shape", None)  # a third of the shape computes none
    assert renderer.render(letter_kind, letters[0], specimen=True) == made[0]


def test_renderers_in_many_threads_lend_their_fonts_to_one_another(
    letter_kind: Kind, commitment: Make
) -> None:
    """As many kits as documents at once, none more for more renderers; whoever's turn it is, the bytes are the same."""
    named = [commitment(cadre_name=name) for name in ("张样例", "欧阳示范", "李样例")]
    alone = [PdfRenderer(FONTS).render(letter_kind, one, specimen=True) for one in named]
    before = len(kit._idle)
    assert before
    with ThreadPoolExecutor(2) as pool:
        made = list(
            pool.map(lambda one: PdfRenderer(FONTS).render(letter_kind, one, specimen=True), 2 * named)
        )
    assert made == 2 * alone
    assert len(kit._idle) <= before + 1


def test_what_a_style_is_warned_of_is_heard_again(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong style must not pass the second time because its letter's styles were kept the first time."""
    monkeypatch.setattr(
        logging.getLogger("weasyprint"), "level", logging.CRITICAL
    )  # as a quiet program has it
    broken = re.sub("<p ", '<p style="width:blue" ', letter_kind.html(), count=1)
    monkeypatch.setattr(Kind, "html", lambda _: broken)
    for _ in range(2):
        with pytest.raises(InputError, match="width"):
            renderer.render(letter_kind, commitment(), specimen=False)


def _stock_references(pdf: Any) -> tuple[bytes, ...]:
    return tuple(f"{number} 0 R".encode("ascii") for number in pdf.pages["Kids"][::3])


def test_only_the_files_of_whole_fonts_are_kept(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make
) -> None:
    renderer.render(letter_kind, commitment(), specimen=False)
    kept = len(economy._files)
    renderer.render(letter_kind, commitment(cadre_name="欧阳堃"), specimen=False)
    assert 0 < kept == len(economy._files) <= economy._KEPT
    assert all(len(data) > 1_000_000 for _, data in economy._files.values() if len(data) > _OF_TICKS)


def test_a_new_page_is_among_the_references() -> None:
    pdf = pydyf.PDF()
    for number in range(1, 4):
        pdf.pages["Kids"].extend([number, 0, "R"])
        assert economy._page_references(pdf) == _stock_references(pdf)


def test_the_replaced_functions_still_have_the_form_we_replace() -> None:
    made = inspect.getsource(fonts.Font.__init__)
    assert "get_pango_font_hb_face(pango_font)" in made
    assert "get_hb_object_data(self.hb_face)" in made
    written = inspect.getsource(pydyf.Stream.data.fget)
    assert "zlib.compressobj(level=9)" in written
    cut = inspect.getsource(economy._stock_subset)
    assert cut.count("hb_subset_or_fail") == 2 and "HB_SUBSET_FLAGS_RETAIN_GIDS" in cut
    assert "extra['Filter'] = '/FlateDecode'" in written
    assert "return StyleFor(html, sheets, presentational_hints, font_config, target_collector)" in (
        inspect.getsource(css.get_all_computed_styles)
    )
    assert inspect.getsource(page.set_page_type_computed_styles).count("style_for.set_computed_styles(") == 2
