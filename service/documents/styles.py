"""Computed styles kept from letter to letter: letters of one template differ in their words, not in their styles.

WeasyPrint matches every selector and computes every value anew for each document. Here documents of one shape (the
same elements, attributes and style sheets) share what was computed; each gets its own views of it, since layout writes
into styles. Replaces a private class of WeasyPrint, therefore under the same pin as the justification.
"""

from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

from weasyprint import css
from weasyprint.layout import page as page_layout

_KEPT = 24  # shapes; a batch has a few (a name that needs a second line makes none)
_LARGEST = 800  # elements; longer lists are hardly ever of one shape, and their styles are a small part of their work
_WORDS = {
    "title",
    "alt",
    "src",
    "value",
    "content",
}  # attributes that hold words, which no selector of ours tests
_SHAPES = "_shapes_of_liangze"

_stock = css.StyleFor


def install() -> None:
    """Put the sharing in place; again and again is harmless."""
    css.StyleFor = _style_for


def forget(font_config: Any) -> None:
    """Drop what was kept: after a warning, which the next document of the shape must hear too."""
    font_config.__dict__.pop(_SHAPES, None)


def _style_for(html: Any, sheets: Any, hints: bool, font_config: Any, targets: Any) -> Any:
    elements = list(html.etree_element.iter())
    if len(elements) > _LARGEST or hints or any(origin == "author" for _, origin, _ in sheets):
        return _stock(html, sheets, hints, font_config, targets)
    return _Shared(_shape(html, elements, sheets, font_config), elements, sheets, targets)


class _Shape:
    """What documents of one shape share: WeasyPrint's styles of the first of them, never handed to its layout."""

    def __init__(self, html: Any, elements: list[Any], sheets: Any, font_config: Any) -> None:
        self.html = SimpleNamespace(etree_element=html.etree_element, base_url=html.base_url)
        self.styles = _stock(html, sheets, False, font_config, None)
        place = {element: i for i, element in enumerate(elements)}
        computed = self.styles.get_computed_styles()
        self.elements = [(place[element], pseudo, style) for (element, pseudo), style in computed.items()]
        self.pages: dict[Any, dict[Any, Any]] = {}  # page type → cascaded styles of its page and margin boxes

    def page(self, page_type: Any) -> dict[Any, Any]:
        """Return the cascaded styles of a page type, computed when it is first met."""
        if page_type not in self.pages:
            page_layout.set_page_type_computed_styles(page_type, self.html, self.styles)
            cascaded = self.styles.get_cascaded_styles()
            self.pages[page_type] = {key: value for key, value in cascaded.items() if key[0] == page_type}
        return self.pages[page_type]


class _Shared(_stock):  # type: ignore[misc]
    """The styles of one document, by views of its shape's."""

    def __init__(self, shape: _Shape, elements: list[Any], sheets: Any, targets: Any) -> None:
        self._shape, self._sheets = shape, sheets
        self.font_config, self.initial_page_sizes = shape.styles.font_config, shape.styles.initial_page_sizes
        self._cascaded_styles: dict[Any, Any] = {}
        views: dict[int, _View] = {}
        self._computed_styles = {}
        for place, pseudo, style in shape.elements:
            if id(style) not in views:
                views[id(style)] = _View(style)
                if targets and style["anchor"]:
                    targets.collect_anchor(style["anchor"])
            self._computed_styles[elements[place], pseudo] = views[id(style)]

    def add_page_declarations(self, page_type: Any) -> None:
        """Note which boxes the page has."""
        self._cascaded_styles.update(self._shape.page(page_type))

    def set_computed_styles(self, element: Any, *_: Any, pseudo_type: Any = None, **__: Any) -> None:
        """Give a page, or a box of its margin, a view of its styles; elements have theirs from the beginning."""
        kept = self._shape.styles.get_computed_styles()[element, pseudo_type]
        self._computed_styles[element, pseudo_type] = _View(kept)


class _View(css.ComputedStyle):  # type: ignore[misc]
    """A style as one document sees it: what layout writes into it stays there."""

    def __init__(self, kept: Any) -> None:
        self.update(kept)
        self.__dict__.update(kept.__dict__)
        self._kept = kept

    def __missing__(self, key: str) -> Any:
        value = self[key] = self._kept[key]
        return value


def _shape(html: Any, elements: list[Any], sheets: Any, font_config: Any) -> _Shape:
    """Return the shape of a document; shapes live as long as the fonts they were computed for."""
    known: OrderedDict[Any, _Shape] = font_config.__dict__.setdefault(_SHAPES, OrderedDict())
    key = (html.base_url, html.media_type, *(id(sheet) for sheet, _, _ in sheets), *map(_element, elements))
    if key not in known:
        known[key] = _Shape(html, elements, sheets, font_config)
        if len(known) > _KEPT:
            known.popitem(last=False)
    known.move_to_end(key)
    return known[key]


def _element(element: Any) -> tuple[Any, ...]:
    """Return all of an element that selectors can test."""
    tested = ((name, "" if name in _WORDS else value) for name, value in element.attrib.items())
    return element.tag, len(element), bool(element.text), bool(element.tail), *sorted(tested)
