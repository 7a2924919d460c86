"""Past revisions read with shared tables say exactly what stock pyHanko says of them."""

import inspect
import io
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pikepdf
import pytest
from pyhanko.pdf_utils import generic as stock_generic
from pyhanko.pdf_utils import reader
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import policies

from service.verification import history, outlines, seams

generic: Any = stock_generic  # untyped
name = generic.pdf_name


def change(data: bytes, *changes: Callable[[Any], None]) -> bytes:
    for one in changes:
        writer: Any = IncrementalPdfFileWriter(io.BytesIO(data))
        one(writer)
        output = io.BytesIO()
        writer.write(output)
        data = output.getvalue()
    return data


def page_of(writer: Any) -> Any:
    return writer.root["/Pages"]["/Kids"][0].get_object()


def structure_of(writer: Any) -> Any:
    return writer.root["/StructTreeRoot"]


def element_of(writer: Any) -> Any:
    """Return a reference to the first element of the structure tree that is an object of its own."""
    value = structure_of(writer).raw_get("/K")
    while not isinstance(value, generic.IndirectObject):
        value = value.raw_get(0) if isinstance(value, generic.ArrayObject) else value.raw_get("/K")
    return value


def link_pages_crosswise(writer: Any) -> None:
    page = page_of(writer)
    target = generic.ArrayObject([generic.IndirectObject(page.container_ref.idnum, 0, writer), name("/Fit")])
    link = generic.DictionaryObject({name("/Subtype"): name("/Link"), name("/Dest"): target})
    page["/Twice"] = page["/Thrice"] = writer.add_object(link)
    writer.update_container(page)
    writer.root["/Kids"] = generic.ArrayObject([target.raw_get(0)])  # looks like a page tree, and is none
    writer.update_root()


def turn_in_circles(writer: Any) -> None:
    first, second = generic.DictionaryObject(), generic.ArrayObject()
    one = writer.add_object(first)
    second.append(one)
    second.append(writer.add_object(generic.DictionaryObject({name("/P"): one, name("/Parent"): one})))
    first["/Next"] = first["/P"] = writer.add_object(second)
    writer.root["/Circle"] = one
    writer.update_root()


def name_elements_from_outside(writer: Any) -> None:
    element = element_of(writer)
    writer.root["/StructTreeRoot"]["/Extra"] = element
    writer.root["/Elements"] = generic.ArrayObject([element, generic.DictionaryObject({name("/P"): element})])
    writer.update_container(writer.root["/StructTreeRoot"])
    writer.update_root()


def hang_objects_in_the_structure(writer: Any) -> None:
    element = element_of(writer).get_object()
    thing = generic.DictionaryObject({name("/Type"): name("/OBJR"), name("/P"): element_of(writer)})
    element["/Obj"] = writer.add_object(thing)
    element["/Deep"] = generic.ArrayObject([generic.DictionaryObject({name("/P"): element["/Obj"]}), thing])
    writer.update_container(element)


def put_the_structure_into_the_root(writer: Any) -> None:
    writer.root["/StructTreeRoot"] = generic.DictionaryObject(dict(structure_of(writer).items()))
    writer.root["/P"] = writer.root["/StructTreeRoot"].raw_get("/K")
    writer.update_root()


def drop_the_structure(writer: Any) -> None:
    del writer.root["/StructTreeRoot"]
    writer.update_root()


def change_an_old_object(writer: Any) -> None:
    element_of(writer).get_object()["/Lang"] = generic.pdf_string("en")
    writer.mark_update(element_of(writer).reference)


CHANGES = [
    link_pages_crosswise, turn_in_circles, name_elements_from_outside, hang_objects_in_the_structure,
    put_the_structure_into_the_root, drop_the_structure, change_an_old_object,
]  # fmt: skip


def tables(opened: Any) -> list[dict[Any, Any]]:
    """Return for each revision the paths to every object number in use."""
    numbers = range(int(opened.trailer["/Size"]) + 1)
    found = []
    for revision in range(opened.total_revisions):
        view = opened.get_historical_resolver(revision)
        assert view._get_usages_of_ref(generic.Reference(1)) == set()
        view._load_reverse_xref_cache()
        found.append({number: view._get_usages_of_ref(generic.Reference(number)) for number in numbers})
    return found


def require_equal(data: bytes) -> None:
    stock = tables(PdfFileReader(io.BytesIO(data)))
    assert tables(history.Reader(data)) == stock
    assert sum(map(len, stock[-1].values())) > 50


def test_every_path_in_a_finished_letter_is_the_one_stock_pyhanko_finds(final: bytes) -> None:
    require_equal(final)


@pytest.mark.parametrize("one", CHANGES)
def test_every_path_in_a_changed_letter_is_the_one_stock_pyhanko_finds(
    final: bytes, one: Callable[[Any], None]
) -> None:
    require_equal(change(final, one))


def test_every_path_is_the_same_after_all_changes_one_upon_another(final: bytes) -> None:
    require_equal(change(final, *CHANGES[:4], change_an_old_object, *CHANGES[4:6]))


def test_trees_that_bite_their_tails_are_refused_as_stock_pyhanko_refuses_them(final: bytes) -> None:
    def double_page(writer: Any) -> None:
        kids = writer.root["/Pages"]["/Kids"]
        kids.append(kids.raw_get(0))
        writer.update_container(kids)

    def double_element(writer: Any) -> None:
        element = element_of(writer)
        element.get_object()["/K"] = generic.ArrayObject([element])
        writer.mark_update(element.reference)

    for one in (double_page, double_element):
        data = change(final, one)
        opened: Any
        for opened in (PdfFileReader(io.BytesIO(data)), history.Reader(data)):
            with pytest.raises(PdfError, match="Circular reference"):
                opened.get_historical_resolver(opened.total_revisions - 1)._load_reverse_xref_cache()


def packed(data: bytes, change: Callable[[Any, list[Any]], None]) -> bytes:
    """Return the letter written anew, all in object streams, its elements changed; pikepdf spells what is asked."""
    pdf: Any = pikepdf.open(io.BytesIO(data))
    elements = [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and "/K" in one]
    change(pdf, [one for one in elements if one.get("/Type") == "/StructElem"])
    output = io.BytesIO()
    pdf.save(output, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return output.getvalue()


def one_child_by_reference(pdf: Any, elements: list[Any]) -> None:
    elements[0].K = elements[1].K = elements[2]


def children_inside(pdf: Any, elements: list[Any]) -> None:
    inner = pikepdf.Dictionary(Type=pikepdf.Name.StructElem, K=pikepdf.Array([elements[1]]))
    elements[0].K = pikepdf.Array([1, inner, pikepdf.Array([elements[2]])])
    elements[3].K = inner


def children_of_other_kinds(pdf: Any, elements: list[Any]) -> None:
    elements[0].Type, elements[1].Type = pikepdf.Name.OBJR, pdf.make_indirect(pikepdf.Name.StructElem)
    del elements[2].Type
    elements[3].Type = 5
    elements[4].K = pikepdf.Array([pdf.make_indirect(pikepdf.Array([elements[5]])), 3, pikepdf.Name.X])


def children_by_an_array_elsewhere(pdf: Any, elements: list[Any]) -> None:
    for one in elements[:3]:
        one.K = pdf.make_indirect(pikepdf.Array(one.K if isinstance(one.K, pikepdf.Array) else [one.K]))


def references_through_parents(pdf: Any, elements: list[Any]) -> None:
    thing = pikepdf.Dictionary(Parent=elements[0], P=elements[1], A=pikepdf.Array([elements[2], 7]))
    pdf.Root.Thing = pdf.make_indirect(thing)
    elements[3].Thing = pikepdf.Dictionary(Parent=pikepdf.Dictionary(A=elements[1]), B=pdf.Root.Thing)


@pytest.mark.parametrize(
    "one",
    [
        one_child_by_reference, children_inside, children_of_other_kinds, children_by_an_array_elsewhere,
        references_through_parents,
    ],
)  # fmt: skip
def test_elements_in_object_streams_give_the_paths_that_stock_pyhanko_finds(
    final: bytes, one: Callable[[Any, list[Any]], None]
) -> None:
    data = packed(final, one)
    outcomes = []
    opened: Any
    for opened in (PdfFileReader(io.BytesIO(data)), history.Reader(data)):
        try:
            outcomes.append(tables(opened))
        except PdfError as fault:
            outcomes.append([{"fault": str(fault)}])
    assert outcomes[0] == outcomes[1]
    changed = change(data, change_an_old_object)
    if "fault" not in outcomes[0][0]:
        assert tables(history.Reader(changed)) == tables(PdfFileReader(io.BytesIO(changed)))


def test_the_outline_of_an_object_of_a_letter_names_what_its_object_names(final: bytes) -> None:
    opened: Any = history.Reader(packed(final, lambda pdf, elements: None))
    outlined = 0
    for number in range(1, int(opened.trailer["/Size"])):
        outline = opened.outline_of((number, 0)) if opened.last_change((number, 0)) is not None else None
        if outline is not None:
            outlined += 1
            value = opened.get_object(generic.Reference(number, 0, opened))
            assert outline.edges == tuple(outlines.edges_in(value, ()))
    assert outlined > 20


def test_every_object_is_read_as_stock_pyhanko_reads_it(final: bytes) -> None:
    stock, ours = PdfFileReader(io.BytesIO(final)), history.Reader(final)
    for number in range(1, int(stock.trailer["/Size"])):
        reference = generic.Reference(number)
        assert shown(ours, reference) == shown(stock, reference)


def shown(opened: Any, reference: Any) -> bytes:
    output = io.BytesIO()
    try:
        opened.get_object(reference).write_to_stream(output)
    except PdfError as fault:  # a number that the cross-reference has as free
        return repr(fault).encode()
    return output.getvalue()


@pytest.mark.parametrize(
    ("index", "place", "expected"),
    [
        (b"5 0 6 2 ", 0, b"1"),
        (b"5 0 6 2 ", 1, None),  # 5 stands elsewhere
        (b"5 0 6 2 ", 2, None),  # behind /N
        (b"5 0 5 2 ", 0, b"1"),
        (b"5 0 5 2 ", 1, None),  # only the first of two counts
        (b"6 0 7 2 ", 0, None),
        (b"5 0 x 2 ", 0, b"1"),  # unreadable only behind the object
        (b"x 0 5 2 ", 1, None),
        (b"5 4 6 2 ", 0, None),  # a reference, which no object stream may hold
    ],
)
def test_object_streams_are_read_as_stock_pyhanko_reads_them(
    final: bytes, index: bytes, place: int, expected: bytes | None
) -> None:
    opened: Any
    for opened in (PdfFileReader(io.BytesIO(final)), history.Reader(final)):
        head = {name("/Type"): name("/ObjStm"), name("/N"): generic.NumberObject(2)}
        head[name("/First")] = generic.NumberObject(len(index))
        stream = generic.StreamObject(head, stream_data=index + b"1 2 1 0 R ")
        opened.cache_indirect_object(0, 9999, stream)
        if expected is None:
            with pytest.raises(PdfError):
                opened._get_object_from_stream(5, 9999, place)
        else:
            output = io.BytesIO()
            opened._get_object_from_stream(5, 9999, place).write_to_stream(output)
            assert output.getvalue() == expected


def test_the_overridden_methods_still_have_the_form_we_override() -> None:
    assert version("pyhanko") == seams.PYHANKO
    stock = reader.HistoricalResolver
    assert list(inspect.signature(PdfFileReader._get_object_from_stream).parameters)[1:] == [
        "idnum", "stmnum", "idx",
    ]  # fmt: skip
    assert list(inspect.signature(stock._load_reverse_xref_cache).parameters) == ["self"]
    assert list(inspect.signature(stock._get_usages_of_ref).parameters) == ["self", "ref"]
    used = inspect.getsource(policies.StandardDiffPolicy.apply)
    assert "old._load_reverse_xref_cache()" in used
    assert "old._get_usages_of_ref(new_ref)" in used
    assert "_historical_resolver_cache" in inspect.getsource(PdfFileReader.get_historical_resolver)
