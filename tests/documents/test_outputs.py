"""`samples/outputs` is what the program makes today, byte for byte, and no page of it can be taken for a real one."""

import pytest
from pypdfium2 import PdfDocument

from samples import make_outputs
from service.documents.pdf import PdfRenderer
from service.documents.samples import samples

NAMES = make_outputs.CATALOGUE.names()


@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_of_a_kind_are_rebuilt_byte_for_byte(name: str, remembering: PdfRenderer) -> None:
    for path, data in make_outputs.build(remembering, make_outputs.CATALOGUE.kind(name)).items():
        assert path.is_file() and path.read_bytes() == data, f"{path.name}: run make outputs"


@pytest.mark.parametrize("name", NAMES)
def test_every_page_says_that_it_is_a_specimen(name: str) -> None:
    pdf = PdfDocument(make_outputs.OUTPUTS / f"{name}.pdf")
    assert len(pdf) > 0
    for page in pdf:
        assert "演示样张" in page.get_textpage().get_text_bounded()


def test_nothing_else_is_among_the_outputs_and_each_kind_has_its_picture() -> None:
    found = sorted(path.name for path in make_outputs.OUTPUTS.iterdir())
    assert found == sorted(f"{name}.{suffix}" for name in NAMES for suffix in ("pdf", "docx"))
    assert sorted(path.stem for path in make_outputs.PICTURES.iterdir()) == NAMES


def test_the_samples_that_stand_for_their_kinds_exist() -> None:
    for name, sample in make_outputs.SHOWN.items():
        assert sample in {one.name for one in samples(make_outputs.CATALOGUE.kind(name))}
