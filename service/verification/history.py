"""Past revisions of a PDF, read once: overrides of private pyHanko API, made for pyhanko 0.38.0 and watched by tests.

To say what an update changed, pyHanko lists every path by which an object can be reached, for each signed revision
anew (https://docs.pyhanko.eu, `HistoricalResolver`), and finds an object in an object stream by reading that stream's
whole index. The same paths come of a table of references per object, shared by all revisions that have the object.
"""

from collections import defaultdict
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader, RawPdfPath
from pyhanko.pdf_utils.xref import ObjStreamRef

from service.verification.limits import MAX_DEPTH
from service.verification.outlines import Edges, Key, Outline, Path, edges_in, key_of, outline
from service.verification.packed import Packed
from service.verification.plain import read_indirect

_STRUCTURE: Path = ("/Root", "/StructTreeRoot", "/K")


class Reader(PdfFileReader):
    """A strict reader that parses the index of an object stream once, and whose past revisions share their tables."""

    def __init__(self, data: bytes) -> None:
        self._data, self._is_open = data, False
        super().__init__(BytesIO(data), strict=True)
        self._is_open = not self.encrypted
        self.shared_edges: dict[Key, Edges] = {}
        self._packed: dict[int, Packed] = {}
        self._outlines: dict[Key, Outline | None] = {}
        self._last_changes: dict[Key, int | None] = {}

    def get_historical_resolver(self, revision: int) -> HistoricalResolver:
        """Return the view of `revision`, always the same one."""
        if self.encrypted:  # refused elsewhere; never with shared tables
            return super().get_historical_resolver(revision)
        cache = self._historical_resolver_cache
        if revision not in cache:
            cache[revision] = Resolver(self, revision)
        return cache[revision]

    def _read_object(self, ref: Any, marker: Any, *args: Any, **kwargs: Any) -> Any:
        """Read an object that stands by itself, quickly where it is spelled plainly."""
        plain = None
        if self._is_open and type(marker) is int and not (args or kwargs.get("as_metadata_stream")):
            plain = read_indirect(self._data, marker, generic.Reference(ref.idnum, ref.generation, self))
        return super()._read_object(ref, marker, *args, **kwargs) if plain is None else plain

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> Any:
        return self._packed_in(stmnum).read(generic.Reference(idnum, 0, self), idx)

    def _packed_in(self, number: int) -> Packed:
        packed = self._packed.get(number)
        if packed is None:
            stream: Any = generic.Reference(number, 0, self).get_object()
            packed = self._packed[number] = Packed(stream)
        return packed

    def last_change(self, key: Key) -> int | None:
        """Return in which revision an object was changed last, None if there is none of that number."""
        if key not in self._last_changes:
            try:
                found = self.xrefs.get_last_change(generic.Reference(*key))
            except KeyError:
                found = None
            self._last_changes[key] = found
        return self._last_changes[key]

    def outline_of(self, key: Key) -> Outline | None:
        """Return the outline of an object as it is now, None unless it stands plainly spelled in an object stream."""
        if key not in self._outlines:
            self._outlines[key] = self._find_outline(key)
        return self._outlines[key]

    def _find_outline(self, key: Key) -> Outline | None:
        place = self.xrefs[generic.Reference(*key)]
        if not isinstance(place, ObjStreamRef):
            return None
        text = self._packed_in(place.obj_stream_id).text(key[0], place.ix_in_stream)
        return None if text is None else outline(text)


class Resolver(HistoricalResolver):
    """A view of one revision that finds the paths to an object without copying every object of the file."""

    reader: Reader

    def __init__(self, reader: Reader, revision: int) -> None:
        super().__init__(reader, revision)
        self._own_edges: dict[Key, Edges] = {}
        self._collected: dict[Key, set[Path]] | None = None

    def _load_reverse_xref_cache(self) -> None:
        if self._collected is None:
            found: defaultdict[Key, set[Path]] = defaultdict(set)
            pages, elements = self._page_tree(), self._structure_tree()
            self._walk(tuple(edges_in(self.trailer_view, ())), (), False, set(), found, pages, elements)
            self._collected = found

    def _get_usages_of_ref(self, ref: generic.Reference) -> set[RawPdfPath]:
        paths = (self._collected or {}).get((ref.idnum, ref.generation), ())
        return {RawPdfPath(*path) for path in paths}

    def _walk(
        self,
        edges: Edges,
        path: Path,
        in_structure: bool,
        seen: set[Key],
        found: dict[Key, set[Path]],
        pages: dict[Key, Path],
        elements: set[Key],
    ) -> None:
        """Note every path on from `path`, entering pages and structure elements by their own trees only."""
        for inner, by_parent, key in edges:
            if key in seen or (by_parent and _is_upward(path, inner, in_structure)):
                continue
            full = path + inner
            found[key].add(full)
            onward = self._edges_of(key)
            inside = in_structure or full[:3] == _STRUCTURE
            if pages.get(key, full) != full or (not inside and key in elements):
                continue
            if onward:
                seen.add(key)
                self._walk(onward, full, inside, seen, found, pages, elements)
                seen.discard(key)

    def _edges_of(self, key: Key) -> Edges:
        known = self._own_edges.get(key)
        if known is None:
            outline = self._outline_of(key)
            known = self._own_edges[key] = self._edges_in(key) if outline is None else outline.edges
        return known

    def _edges_in(self, key: Key) -> Edges:
        store = self.reader.shared_edges if self._is_shared(key) else self._own_edges
        known = store.get(key)
        if known is None:
            known = store[key] = tuple(edges_in(self._raw(generic.Reference(*key, self.reader)), ()))
        return known

    def _is_shared(self, key: Key) -> bool:
        """Say whether an object is the same from this revision on."""
        changed = self.reader.last_change(key)
        return changed is not None and changed <= self.revision

    def _outline_of(self, key: Key) -> Outline | None:
        return self.reader.outline_of(key) if self._is_shared(key) else None

    def _raw(self, reference: generic.Reference) -> Any:
        """Return the object as parsed."""
        is_shared = self._is_shared((reference.idnum, reference.generation))
        reader: Any = self.reader
        return reader.get_object(reference, None if is_shared else self.revision)

    def _follow(self, value: Any) -> Any:
        for _ in range(MAX_DEPTH):
            if not isinstance(value, generic.IndirectObject):
                return value
            value = self._raw(value.reference)
        raise misc.PdfReadError("references to references without end")

    def _page_tree(self) -> dict[Key, Path]:
        """Return the one path by which each node of the page tree is entered."""
        root: Any = self.root
        top, path = root.raw_get("/Pages"), ("/Root", "/Pages")
        nodes: dict[Key, Path] = {key_of(top): path} if isinstance(top, generic.IndirectObject) else {}
        self._add_pages(self._follow(top), path, nodes)
        return nodes

    def _add_pages(self, node: Any, path: Path, nodes: dict[Key, Path]) -> None:
        for index, kid in enumerate(_array(self._entry(node, "/Kids"))):
            kid_path = (*path, "/Kids", index)
            if isinstance(kid, generic.IndirectObject):
                if key_of(kid) in nodes:
                    raise misc.PdfReadError("Circular reference in page tree in mapping stage")
                nodes[key_of(kid)] = kid_path
            value = self._follow(kid)
            if self._entry(value, "/Type") == "/Pages":
                self._add_pages(value, kid_path, nodes)

    def _structure_tree(self) -> set[Key]:
        """Return the structure elements below the structure tree's root."""
        root: Any = self.root
        elements: set[Key] = set()
        if "/StructTreeRoot" in root:
            self._add_elements(self._follow(root.raw_get("/StructTreeRoot")), elements)
        return elements

    def _add_elements(self, element: Any, elements: set[Key]) -> None:
        children = self._entry(element, "/K")
        for child in children if isinstance(children, generic.ArrayObject) else (children,):
            if isinstance(child, generic.IndirectObject):
                self._add_element(child, key_of(child), elements)
            elif self._is_element(value := self._follow(child)):
                self._add_elements(value, elements)

    def _add_element(self, child: generic.IndirectObject | None, key: Key, elements: set[Key]) -> None:
        outline = self._outline_of(key)
        if outline is not None and outline.children is not None:
            if outline.is_element:
                self._note(key, elements)
                for each in outline.children:
                    self._add_element(None, each, elements)
            return
        value = self._follow(child or _indirect(*key, self.reader))
        if self._is_element(value):
            self._note(key, elements)
            self._add_elements(value, elements)

    def _is_element(self, value: Any) -> bool:
        """Say whether a child is a structure element, and no marked content."""
        if not isinstance(value, generic.DictionaryObject):
            return False
        return self._entry(value, "/Type") in (None, "/StructElem")

    def _note(self, key: Key, elements: set[Key]) -> None:
        if key in elements:
            raise misc.PdfReadError("Circular reference in structure tree in mapping stage")
        elements.add(key)

    def _entry(self, dictionary: Any, key: str) -> Any:
        if not isinstance(dictionary, generic.DictionaryObject):
            raise misc.PdfReadError("no dictionary where one belongs")
        value = self._follow(dict.get(dictionary, key))
        return None if isinstance(value, generic.NullObject) else value


def _array(value: Any) -> generic.ArrayObject:
    if not isinstance(value, generic.ArrayObject):
        raise misc.PdfReadError("no array where one belongs")
    return value


_indirect: Any = generic.IndirectObject  # untyped


def _is_upward(path: Path, inner: Path, in_structure: bool) -> bool:
    """Say whether `inner` goes through the /P of a structure element, which leads back up."""
    full = path + inner
    below = len(_STRUCTURE)
    return in_structure or (full[:below] == _STRUCTURE and "/P" in full[below:])
