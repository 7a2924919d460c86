"""What WeasyPrint lacks: signature fields (ISO 32000-1, 12.7.4.5) and PDF/UA-1 beside PDF/A-3a in one file.

A template writes `<input type=checkbox name=cadre title=…>`; WeasyPrint makes it a tagged widget, we make it a
signature field. PDF/UA identification: ISO 14289-1, 5; its extension schema: ISO 19005-3, 6.6.2.3.
"""

from collections.abc import Sequence
from typing import Any

import pydyf

from service.core import Party
from service.errors import InputError

_PRINT_AND_LOCKED = 4 | 128
_SIGNATURES_EXIST = 1
_CHECKBOX_ONLY = ("DA", "V", "AS", "MK", "Border", "Ff")
_UA = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Indicates, which part of ISO 14289 standard is followed</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
</rdf:RDF>"""


def finish(pdf: Any, parties: Sequence[Party]) -> None:
    """Turn the widgets into the parties' signature fields, declare PDF/UA-1; raise InputError if they differ."""
    widgets = {_text(o["T"]): o for o in _dictionaries(pdf) if o.get("Subtype") == "/Widget"}
    ordered = sorted(parties, key=lambda party: party.order)
    if sorted(widgets) != sorted(party.field for party in ordered) or len(widgets) != _count(pdf):
        raise InputError("E-DOC-010", "模板中的签名域与信封所列签署各方不一致。")
    for party in ordered:
        _to_signature_field(pdf, widgets[party.field], _locked_by(party, ordered))
    if ordered:
        fields = pydyf.Array(widgets[party.field].reference for party in ordered)
        pdf.catalog["AcroForm"] = pydyf.Dictionary({"Fields": fields, "SigFlags": _SIGNATURES_EXIST})
    for element in _dictionaries(pdf):
        if element.get("S") == "/Form":
            (element["K"],) = element["K"]  # an array here makes pyHanko refuse every later signature
        if element.get("S") == "/TH" and "A" in element:
            element["A"]["Scope"] = (
                "/Column"  # WeasyPrint names heads by id, but only under their first column
            )
        if element.get("S") == "/Table":
            _unwrap_rows(pdf, element)
    _declare_ua(pdf)
    pdf.catalog["AF"] = pydyf.Array(
        dict.fromkeys(pdf.catalog["AF"])
    )  # WeasyPrint names each attached file twice


def _unwrap_rows(pdf: Any, table: Any) -> None:
    """Let a table hold its rows itself: WeasyPrint tags a floated one as a table of tables, one with the rows."""
    inner = [kid for kid in _kids(pdf, table) if kid.get("S") == "/Table"]
    for one in inner:
        if any(kid.get("S") != "/NonStruct" for kid in _kids(pdf, one)):
            table["K"] = one["K"]
            for kid in _kids(pdf, table):
                kid["P"] = table.reference


def _kids(pdf: Any, element: Any) -> list[Any]:
    found = [_object(pdf, kid) for kid in element.get("K", ()) if isinstance(kid, bytes)]
    return [kid for kid in found if isinstance(kid, pydyf.Dictionary)]


def _to_signature_field(pdf: Any, widget: Any, lock: Any) -> None:
    appearance = _object(pdf, widget["AP"]["N"]["on"])
    appearance.stream = []
    appearance.extra["Resources"] = pydyf.Dictionary({})
    for key in _CHECKBOX_ONLY:
        widget.pop(key, None)
    x1, y1, x2, y2 = widget["Rect"]
    pdf.add_object(lock)
    widget.update(
        FT="/Sig",
        F=_PRINT_AND_LOCKED,
        Rect=pydyf.Array([min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]),
        AP=pydyf.Dictionary({"N": appearance.reference}),
        Lock=lock.reference,
    )


def _locked_by(party: Party, ordered: Sequence[Party]) -> Any:
    """Return the lock of a party's field: all fields but those that sign later (FieldMDP)."""
    later = [pydyf.String(other.field) for other in ordered if other.order > party.order]
    lock: dict[str, Any] = {"Type": "/SigFieldLock", "Action": "/Exclude" if later else "/All"}
    if later:
        lock["Fields"] = pydyf.Array(later)
    return pydyf.Dictionary(lock)


def _declare_ua(pdf: Any) -> None:
    metadata = _object(pdf, pdf.catalog["Metadata"])
    xml = b"".join(metadata.stream)
    metadata.stream = [xml.replace(b"</rdf:RDF>", _UA, 1)]


def _dictionaries(pdf: Any) -> list[Any]:
    return [o for o in pdf.objects if isinstance(o, pydyf.Dictionary)]


def _count(pdf: Any) -> int:
    return sum(1 for o in _dictionaries(pdf) if o.get("Subtype") == "/Widget")


def _object(pdf: Any, reference: bytes) -> Any:
    return pdf.objects[int(reference.split()[0])]


def _text(value: Any) -> str:
    return value.string if isinstance(value.string, str) else value.string.decode()
