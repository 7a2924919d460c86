"""Justified Chinese lines: WeasyPrint stretches only spaces (https://www.w3.org/TR/css-text-3/#text-justify-property).

Replaces two private functions of WeasyPrint, therefore pinned to the exact version whose code was read.
"""

from collections.abc import Iterator
from typing import Any

import weasyprint
from weasyprint.formatting_structure import boxes
from weasyprint.layout import inline
from weasyprint.text import line_break

from service.errors import SetupError

PINNED = "70.0"
_CAP = 0.2  # em added between characters; a line that needs more stays ragged

_stock_justify = inline.justify_line
_stock_set_text = line_break.Layout.set_text


def install() -> None:
    """Put the Chinese justification in place (again and again is harmless); raise SetupError on another version."""
    if weasyprint.__version__ != PINNED:
        raise SetupError("E-DOC-011", f"排版需要 WeasyPrint {PINNED}，现为 {weasyprint.__version__}。")
    inline.justify_line = _justify_line
    line_break.Layout.set_text = _set_text


class _Wider:
    """A style whose letter-spacing is wider by the justification; all else is the style's own."""

    def __init__(self, style: Any, letter_spacing: float) -> None:
        self._style = style
        self._letter_spacing = letter_spacing

    def __getitem__(self, key: str) -> Any:
        return self._letter_spacing if key == "letter_spacing" else self._style[key]


def _justify_line(context: Any, line: Any, extra: float) -> None:
    if not (line.style["lang"] or "").startswith("zh"):
        _stock_justify(context, line, extra)
        return
    gaps = sum(len(box.text) for box in _text_boxes(line)) - 1
    if gaps > 0 and extra / gaps <= _CAP * line.style["font_size"]:
        _spread(context, line, extra / gaps, 0)


def _spread(context: Any, box: Any, spacing: float, advance: float) -> float:
    """Widen the letters of `box`, moved by `advance`; return by how much what follows must move."""
    if isinstance(box, boxes.TextBox):
        box.justification_spacing = spacing
        box.position_x += advance
        box.pango_layout = line_break.create_layout(box.text, box.style, context, None, spacing)
        box.pango_layout.deactivate()
        box.width += spacing * len(box.text)
        return advance + spacing * len(box.text)
    if not isinstance(box, (boxes.LineBox, boxes.InlineBox)):
        box.translate(advance, 0)
        return advance
    box.position_x += advance
    before = advance
    for child in box.children:
        if child.is_in_normal_flow():
            advance = _spread(context, child, spacing, advance)
    box.width += advance - before
    return advance


def _text_boxes(box: Any) -> Iterator[Any]:
    if isinstance(box, boxes.TextBox):
        yield box
    elif isinstance(box, (boxes.LineBox, boxes.InlineBox)):
        for child in box.children:
            yield from _text_boxes(child)


def _set_text(layout: Any, text: str, justify: bool = False) -> None:
    style, spacing = layout.style, layout.justification_spacing
    if not (justify and spacing and (style["lang"] or "").startswith("zh")):
        _stock_set_text(layout, text, justify)
        return
    own = 0 if style["letter_spacing"] == "normal" else style["letter_spacing"]
    layout.style, layout.justification_spacing = _Wider(style, own + spacing), 0
    try:
        _stock_set_text(layout, text, justify)
    finally:
        layout.style, layout.justification_spacing = style, spacing
