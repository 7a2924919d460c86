"""Objects that the first signature covers and nothing leads to: what an attack keeps ready for later.

A shadow attack (https://pdf-insecurity.org) hides its second page among such objects and brings it out by a small
update. The graph is that of qpdf, which spells every object in one way; `R` is no word of it but in a reference.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pikepdf

from service.verification.guard import hostile

_STRING = re.compile(rb"\((?:[^()\\]|\\.)*\)|<[0-9a-f]*>", re.DOTALL)
_REFERENCE = re.compile(rb"(\d{1,10}) \d{1,5} R(?![A-Za-z0-9])")
# What stays behind by itself: tables and hints of the file, appearances replaced by a signature's, tags, an old /Info.
_LEFT_BEHIND = re.compile(
    rb"/Type /(?:XRef|ObjStm|StructElem) |/Subtype /Form |/Linearized |/S \d+ |/Producer "
)
_SHOWN = re.compile(rb"/(?:Kids|Contents|MediaBox|Pages|Annots|Rect) ")


@dataclass(frozen=True, slots=True)
class Node:
    """One object: the numbers of those that it names, and whether nobody minds if nothing leads to it."""

    names: frozenset[int]
    is_idle: bool


Graph = dict[int, Node]


def objects(pdf: Any) -> Iterator[Any]:
    """Yield the objects of an opened file, but for numbers, truth values and null, which pikepdf makes Python's."""
    return (item for item in pdf.objects if isinstance(item, pikepdf.Object))


def spelled(item: Any) -> bytes:
    """Return an object of qpdf's (a stream's dictionary) as it spells it, strings left out."""
    body = item.stream_dict if isinstance(item, pikepdf.Stream) else item
    return _STRING.sub(b"()", body.unparse(resolved=True))


def node(text: bytes) -> Node:
    """Return the node of an object so spelled."""
    names = frozenset(int(number) for number in _REFERENCE.findall(text))
    return Node(names, _LEFT_BEHIND.search(text) is not None and not _SHOWN.search(text))


def find(pdf: Any, graph: Graph, changed: frozenset[int] = frozenset()) -> str:
    """Return which objects of an opened revision nothing leads to, "" if there are none; raise ProofError.

    `graph` is that of the current file, whose objects `changed` are others than those of this revision.
    """
    with hostile("PARSER_REPAIR"):
        own = dict(_nodes(pdf, graph, changed))
        waiting, seen = set(node(spelled(pdf.trailer)).names), set()
    while waiting:
        number = waiting.pop()
        seen.add(number)
        if number in own:
            waiting |= own[number].names - seen
    lost = sorted(number for number, one in own.items() if number not in seen and not one.is_idle)
    return ", ".join(f"object {number}" for number in lost[:3]) + (" …" if len(lost) > 3 else "")


def _nodes(pdf: Any, graph: Graph, changed: frozenset[int]) -> Iterator[tuple[int, Node]]:
    for item in objects(pdf):
        number = item.objgen[0]
        known = None if number in changed else graph.get(number)
        yield number, known or node(spelled(item))
