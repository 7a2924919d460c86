"""A prepared Word template gives the words and styles that docxtpl gives, byte for byte."""

import io
import zipfile
from collections.abc import Callable

from docxtpl import DocxTemplate

from service.documents import sandbox
from service.documents.content import Content, validate
from service.documents.docx import describe, fixed_zip, literal, render_docx
from service.documents.kinds import Kind

Make = Callable[..., Content]


def test_a_prepared_template_gives_docxtpls_file(
    letter_kind: Kind, list_kind: Kind, commitment: Make, responsibility_list: Make
) -> None:
    for kind, content in (
        (letter_kind, commitment()),
        (letter_kind, commitment("村级", cadre_name="<A&B>{{7*7}}")),
        (list_kind, responsibility_list(rows=5)),
        (list_kind, responsibility_list("A", rows=0)),
    ):
        ours, stock = (
            _members(data) for data in (render_docx(kind, content, specimen=True), _stock(kind, content))
        )
        assert list(ours) == list(stock)
        assert [name for name in ours if ours[name] != stock[name]] == ["docProps/core.xml"]


def test_the_package_written_by_hand_is_a_sound_zip_file(letter_kind: Kind, commitment: Make) -> None:
    data = render_docx(letter_kind, commitment(), specimen=False)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert _members(fixed_zip(data)) == _members(data)


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _stock(kind: Kind, content: Content) -> bytes:
    content = Content(content.envelope, validate(kind, content.fields))
    environment = sandbox.environment(autoescape=True).overlay()
    environment.finalize = literal
    template = DocxTemplate(io.BytesIO(kind.docx()))
    template.render(sandbox.context(kind, content, specimen=True), environment, autoescape=True)
    describe(template.docx.core_properties, content)
    output = io.BytesIO()
    template.save(output)
    return fixed_zip(output.getvalue())
