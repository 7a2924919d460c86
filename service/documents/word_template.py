"""From document.html to document.docx: the fixed vocabulary of templates/README.md, in real Word styles.

Jinja tags stay: `{{ … }}` where they stand, `{% … %}` around blocks as docxtpl's `{%p … %}`, around rows as
`{%tr … %}` (https://docxtpl.readthedocs.io/). So Word and PDF have the same words by construction.
"""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import tinyhtml5

from service.documents import word_styles
from service.documents.docx import fixed_zip
from service.documents.word_cells import prepare
from service.documents.word_styles import LAYOUTS, LETTER, Layout
from service.documents.word_tables import CELLS, MARK, Rows, classes_of, is_comment
from service.errors import InputError

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_CHOICE = re.compile(r'"([^"]*)" if (.*?) else (.*)$')
_LITERAL = re.compile(r'"([^"]*)"$')
_WIDTH = re.compile(r"width:\s*([\d.]+)mm")
_STYLES: Mapping[str, Mapping[str, str]] = {  # tag → class → style; "" is the tag's own
    "p": {
        **{"": "公文正文", "item": "公文正文", "flush": "顶格", "number": "编号", "right": "居右"},
        **{"center": "居中", "fine": "小字", "issuer": "署名", "date": "成文日期", "attach": "附件说明"},
        **{"attach more": "附件说明续", "annex": "附件标记", "note": "附注", "docno": "发文字号"},
    },
    "h1": {"": "公文标题"},
    "h2": {"": "一级标题"},
    "h3": {"": "二级标题"},
    "hr": {"red": "红色分隔线"},
    "div": {
        **{"redhead": "发文机关标志", "redhead long": "发文机关标志长"},
        **{"redhead longer": "发文机关标志特长"},
    },
}
_WRAPPERS = {"keep", "notes", "issuer", "imprint"}  # their children are what counts
_PLAIN_WITHIN = {"notes": "清单附注", "issuer": "署名"}  # the style of a paragraph without class in a wrapper
_LEFT_OUT = {"seal"}  # places for signature fields, which only a PDF has


def build(html: str, name: str) -> bytes:
    """Return the Word template of the kind `name` from its HTML; raise InputError where the vocabulary ends."""
    return _bytes(_Builder(html, name).document)


class _Builder:
    def __init__(self, html: str, name: str) -> None:
        self._name, self._tags = name, []  # type: str, list[str]
        tree = tinyhtml5.parse(_JINJA.sub(self._protect, html), namespace_html_elements=False)
        body = tree.find("body")
        layout = " ".join(classes_of(body)) or LETTER
        if layout not in LAYOUTS:
            raise self.fault(f"没有名为“{layout}”的版面")
        self._layout: Layout = LAYOUTS[layout]
        self.document = word_styles.new_document(layout)
        self._blocks(body, self.document._body, keep=False)

    def _protect(self, tag: "re.Match[str]") -> str:
        """Put a comment for a statement and a private character for an expression, which the parser leaves alone."""
        text = " ".join(tag[0].split())
        if text.startswith("{#"):
            return ""
        if set(text) & set("“”‘’"):
            raise self.fault(f"{text} 之内不能用中文引号")
        self._tags.append(text)
        number = len(self._tags) - 1
        return f"<!--{number}-->" if text.startswith("{%") else f"\ue000{number}\ue001"

    def _blocks(self, parent: Any, target: Any, *, keep: bool, within: str = "") -> None:
        children = list(parent)
        if (parent.text or "").strip() or any((child.tail or "").strip() for child in children):
            raise self.fault(f"<{parent.tag}> 之内的文字应放在 <p> 里")
        for child in children:
            if is_comment(child):
                self._paragraph(target, self.statement(child, "p"), "小字")
            elif child.tag == "table":
                self._table(child, target, " ".join(classes_of(child)) or within, keep=keep)
            elif child.tag == "div" and set(classes_of(child)) & _LEFT_OUT:
                continue
            elif child.tag == "div" and (not classes_of(child) or set(classes_of(child)) & _WRAPPERS):
                own = set(classes_of(child))
                self._blocks(child, target, keep=keep or "keep" in own, within=" ".join(own) or within)
            else:
                self._variants(child, target, keep=keep, within=within)

    def _variants(self, element: Any, target: Any, *, keep: bool, within: str) -> None:
        """Add a block; one whose class is an expression becomes a choice between blocks."""
        mark = MARK.search(element.get("class") or "")
        if mark is None:
            self._block(element, target, classes_of(element), keep=keep, within=within)
            return
        rest, word, classes = self._tags[int(mark[1])].strip("{} "), "if", element.get("class")
        while choice := _CHOICE.match(rest):
            self._paragraph(target, f"{{%p {word} {choice[2]} %}}", "小字")
            own = classes.replace(mark[0], choice[1]).split()
            self._block(element, target, own, keep=keep, within=within)
            rest, word = choice[3], "elif"
        if word == "if" or (last := _LITERAL.match(rest)) is None:
            raise self.fault(f'class 之内只能写成 "…" if … else "…"，不能写 {rest}')
        self._paragraph(target, "{%p else %}", "小字")
        self._block(element, target, classes.replace(mark[0], last[1]).split(), keep=keep, within=within)
        self._paragraph(target, "{%p endif %}", "小字")

    def _block(self, element: Any, target: Any, classes: list[str], *, keep: bool, within: str) -> None:
        own = " ".join(name for name in classes if name not in ("hei", "kai"))
        styles = _STYLES.get(element.tag, {})
        if own not in styles:
            raise self.fault(f"不认识 <{element.tag} class={own!r}>")
        plain = element.tag == "p" and not own
        style = _PLAIN_WITHIN.get(within, styles[own]) if plain else styles[own]
        paragraph = self._paragraph(target, "", style)
        self.inline(element, paragraph)
        if keep:
            paragraph.paragraph_format.keep_with_next = True

    def _paragraph(self, target: Any, text: str, style: str) -> Any:
        paragraph = target.add_paragraph()
        paragraph.style = self.document.styles[style]
        if text:
            paragraph.add_run(text)
        return paragraph

    def inline(self, element: Any, paragraph: Any, style: str | None = None) -> None:
        """Add an element's text to a paragraph, its bold and line breaks kept."""
        for kind, value in self._runs(element, style):
            if kind == "break":
                paragraph.add_run().add_break()
            else:
                paragraph.add_run(value[0], style=value[1])
        if paragraph.runs:  # spaces at both ends are HTML's layout, not words
            first, last = paragraph.runs[0], paragraph.runs[-1]
            first.text, last.text = first.text.lstrip(" "), last.text.rstrip(" ")

    def _runs(self, element: Any, style: str | None) -> Iterator[tuple[str, Any]]:
        if element.text:
            yield "text", (self._text(element.text), style)
        for child in element:
            if is_comment(child):
                yield "text", (self.statement(child, ""), style)
            elif child.tag == "br":
                yield "break", None
            elif child.tag in ("b", "span"):
                yield from self._runs(child, "楷体字" if "kai" in classes_of(child) else _bold(child, style))
            elif child.tag != "input":
                raise self.fault(f"文字之内不认识 <{child.tag}>")
            if child.tail:
                yield "text", (self._text(child.tail), style)

    def _table(self, table: Any, target: Any, own: str, *, keep: bool) -> None:
        if own not in CELLS:
            raise self.fault(f"不认识 <table class={own!r}>")
        widths = self._widths(table)
        made = self.document.add_table(rows=0, cols=len(widths))
        prepare(made, widths, own)
        rows = Rows(self, made, widths, own, keep=keep or own == "sign")
        for part in table:
            if part.tag in ("thead", "tbody"):
                rows.add(part, head=part.tag == "thead")
        self._paragraph(target, "", "间隔").paragraph_format.keep_with_next = keep or None

    def _widths(self, table: Any) -> list[float]:
        columns = [col.get("style", "") for col in table.iterfind("colgroup/col")]
        given = [float(found[1]) if (found := _WIDTH.search(text)) else None for text in columns]
        if not given or given.count(None) > 1:
            raise self.fault("表格须有 <colgroup>，至多一列不写宽度")
        rest = self._layout.width - sum(width or 0 for width in given)
        if rest < (1 if None in given else -0.5):
            raise self.fault(f"表格宽于版心 {self._layout.width:g} 毫米")
        return [width or rest for width in given]

    def _text(self, text: str) -> str:
        text = re.sub(r"[ \t\r\n\f]+", " ", text)
        return MARK.sub(lambda mark: self._tags[int(mark[1])], text)

    def statement(self, comment: Any, level: str) -> str:
        """Return the Jinja statement that a comment stands for, as docxtpl wants it at a level (p, tr)."""
        if not (comment.text or "").isdecimal():
            raise self.fault("不能有 HTML 注释")
        return self._tags[int(comment.text)].replace("{%", "{%" + level, 1)

    def fault(self, reason: str) -> InputError:
        """Return the error for what the vocabulary has no word for."""
        return InputError("E-DOC-013", f"{self._name}/document.html 不能转成 Word 模板：{reason}。")


def _bold(element: Any, style: str | None) -> str | None:
    return "黑体字" if element.tag == "b" or "hei" in classes_of(element) else style


def _bytes(document: Any) -> bytes:
    properties = document.core_properties
    properties.title = properties.comments = properties.author = properties.last_modified_by = ""
    properties.created = properties.modified = datetime(2026, 1, 1)  # noqa: DTZ001 (Word's dates have no zone)
    output = io.BytesIO()
    document.save(output)
    return fixed_zip(output.getvalue())
