"""Templates and data are hostile: no file, no network, no escape, no flood, no character that cannot be printed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service.documents import fonts, justify
from service.documents.content import Content
from service.documents.docx import render_docx
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.errors import InputError, SetupError

Make = Callable[..., Content]
PAGE = '<html lang="zh-CN"><head><title>测试</title></head><body>{}</body></html>'


@pytest.fixture
def render(
    renderer: PdfRenderer, list_kind: Kind, responsibility_list: Make, tmp_path: Path
) -> Callable[[str], bytes]:
    folder = tmp_path / "responsibility_list"
    folder.mkdir()

    def run(body: str) -> bytes:
        (folder / "document.html").write_text(PAGE.format(body), "utf-8")
        return renderer.render(replace(list_kind, folder=folder), responsibility_list(rows=1), specimen=False)

    return run


@pytest.mark.parametrize(
    "body",
    [
        '<img alt="x" src="file:///etc/hostname">',
        '<img alt="x" src="../outside.png">',
        '<img alt="x" src="http://127.0.0.1:1/x.png">',
        '<img alt="x" src="https://example.invalid/x.png">',
        '<img alt="x" src="ftp://127.0.0.1/x.png">',
        '<img alt="x" src="//example.invalid/x.png">',
        '<style>@import "http://127.0.0.1:1/x.css";</style>',
        '<style>@font-face{font-family:x;src:url("file:///etc/passwd")}</style>',
        '<p style="background:url(file:///etc/hostname)">文</p>',
        '<link rel="attachment" href="file:///etc/passwd">',
        '<link rel="stylesheet" href="file:///etc/passwd">',
        '<a rel="attachment" href="file:///etc/passwd">附件</a>',
        '<object data="file:///etc/passwd"></object>',
        '<img alt="x" src="data:text/html,x">',
    ],
)
def test_resources_outside_the_folder_are_refused(render: Callable[[str], bytes], body: str) -> None:
    with pytest.raises(InputError, match="E-DOC-006"):
        render(body)


def test_a_symbolic_link_out_of_the_folder_is_refused(render: Callable[[str], bytes], tmp_path: Path) -> None:
    (tmp_path / "responsibility_list" / "x.png").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="E-DOC-006"):
        render('<img alt="x" src="x.png">')


def test_a_picture_in_the_folder_is_allowed(render: Callable[[str], bytes], tmp_path: Path) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'
    (tmp_path / "responsibility_list" / "mark.svg").write_text(svg)
    assert render('<img alt="标志" src="mark.svg" style="width:1cm">').startswith(b"%PDF-1.7")


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ envelope.__init__.__globals__ }}",
        "{{ fields.__dict__ }}",
        "{% include '/etc/passwd' %}",
        "{% include '../kind.toml' %}",
        "{{ cycler.__init__ }}",
        "{{ undefined_name }}",
        "{{ fields.no_such_field }}",
        "{% for %}",
        "{{ 'x' * 99999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ range(99999999) }}",
        "{{ '%9999999999d' | format(1) }}",
        "{{ 'x'.ljust(99999999999) }}",
        "{{ '%99999999999d' % 1 }}",
        "{{ fields.rows.append(1) }}",
        "{% set a = 'xxxxxxxx' %}{{ a }}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{{ fields.unit_name | safe }}",
        "{% for a in envelope.title %}" * 8 + "文" * 99 + "{% endfor %}" * 8,
    ],
)
def test_templates_cannot_leave_or_flood_the_sandbox(render: Callable[[str], bytes], body: str) -> None:
    with pytest.raises(InputError, match=r"E-DOC-00[79]"):
        render(body)


def test_a_template_with_other_signature_fields_than_the_parties_is_refused(
    render: Callable[[str], bytes], renderer: PdfRenderer, letter_kind: Kind, commitment: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "responsibility_list"
    box = '<input type="checkbox" style="appearance:auto" name="{}" title="签名">'
    for names in (["office", "cadre"], ["office", "cadre", "cadre", "leader"], ["office", "cadre", "x"]):
        (folder / "document.html").write_text(
            PAGE.format("".join(box.format(name) for name in names)), "utf-8"
        )
        with pytest.raises(InputError, match="E-DOC-010"):
            renderer.render(replace(letter_kind, folder=folder), commitment(), specimen=False)


def test_a_layout_warning_stops_the_document(render: Callable[[str], bytes]) -> None:
    with pytest.raises(InputError, match="E-DOC-008"):
        render('<p style="color:not-a-colour">文</p>')


@pytest.mark.parametrize("character", ["\ue001", "\U0001f600", "葛\U000e0100", "\u1234"])
def test_a_character_without_a_glyph_is_refused_by_name(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make, character: str
) -> None:
    code = f"U\\+{ord(character[-1]):04X}"
    with pytest.raises(InputError, match=f"E-DOC-004.*{code}"):
        renderer.render(letter_kind, commitment(cadre_name="张" + character), specimen=False)
    with pytest.raises(InputError, match=f"E-DOC-004.*{code}"):
        render_docx(letter_kind, commitment(cadre_name="张" + character), specimen=False)


def test_a_missing_font_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_SHIPPED", tmp_path)
    with pytest.raises(SetupError, match=r"缺少字体文件 FandolFang-Regular.otf，请运行 make setup"):
        fonts.load_fonts(tmp_path)


def test_another_weasyprint_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weasyprint.__version__", "71.0")
    with pytest.raises(SetupError, match="E-DOC-011"):
        justify.install()
