"""What leads from one object of a PDF to others: each reference, and the keys and indices by which it is reached."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from pyhanko.pdf_utils import generic

from service.verification import plain

Path: TypeAlias = tuple[str | int, ...]
Key: TypeAlias = tuple[int, int]  # object number and generation
Edges: TypeAlias = tuple[tuple[Path, bool, Key], ...]  # where, through /P?, what
_COMPOUND = (generic.IndirectObject, dict, list, tuple)


@dataclass(frozen=True, slots=True)
class Outline:
    """Where the references in an object lead; `children`: what an element's /K names, None where that is not plain."""

    edges: Edges
    is_element: bool
    children: tuple[Key, ...] | None


@lru_cache(maxsize=4096)
def outline(text: bytes) -> Outline | None:
    """Return the outline of an object so spelled, None if it is not plain: letters of one kind have them in common."""
    value = plain.outline(text)
    if value is None:
        return None
    edges = tuple(edges_in(value, ()))
    if isinstance(value, list):
        return Outline(edges, False, ())
    kind, children = value.get("/Type"), value.get("/K")
    listed = children if isinstance(children, list) else [children]
    is_plain = not isinstance(kind, tuple) and not isinstance(children, tuple)
    is_plain = is_plain and not any(isinstance(one, dict | list) for one in listed)
    keys = tuple(one for one in listed if isinstance(one, tuple)) if is_plain else None
    return Outline(edges, kind in (None, "/StructElem"), keys)


def edges_in(value: Any, inner: Path) -> Iterator[tuple[Path, bool, Key]]:
    """Yield the references inside one object, but for /Parent, and by which keys and indices they are reached.

    The object may be an outline, where a reference is a pair.
    """
    if isinstance(value, generic.IndirectObject):
        yield inner, "/P" in inner, key_of(value)
    elif isinstance(value, tuple):
        yield inner, "/P" in inner, value
    elif isinstance(value, dict):
        for name, item in value.items():
            if name != "/Parent" and isinstance(item, _COMPOUND):
                yield from edges_in(item, (*inner, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, _COMPOUND):
                yield from edges_in(item, (*inner, index))


def key_of(value: generic.IndirectObject) -> Key:
    """Return number and generation of what is referred to."""
    return value.idnum, value.generation
