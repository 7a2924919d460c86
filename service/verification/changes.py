"""What was changed after a signature, and was that permitted (ISO 32000-2, 12.8.2; ETSI EN 319 142-1, 5.4)?

pyHanko compares each later revision with the signed one; a whitelist decides. In letters of ours only further
signatures in pre-made fields, DSS data and document timestamps may follow; DocMDP and FieldMDP always bind.
"""

import io
from collections.abc import Iterable
from typing import Any

from pyhanko.sign import diff_analysis
from pyhanko.sign.diff_analysis import ModificationLevel, StandardDiffPolicy, SuspiciousModification
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, enumerate_sig_fields

from service.verification import structure
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_DEPTH
from service.verification.structure import Document, Signature


def require_permitted(
    document: Document, signature: Signature, *, ours: bool, judged: int = 0
) -> frozenset[str]:
    """Return the names of the fields changed after `signature`; raise ProofError for what was not permitted.

    The caller answers for what was changed up to revision `judged`, compared and found permitted before: what follows
    is compared with that revision.
    """
    reader = document.reader
    policy = _own_policy() if ours else diff_analysis.DEFAULT_DIFF_POLICY
    level, changed = ModificationLevel.NONE, frozenset[str]()
    with hostile("CHANGES_UNKNOWN"):
        permission, locked = docmdp_of(signature), _fieldmdp_of(signature)
        first = max(signature.revision, judged)
        old = reader.get_historical_resolver(first)
        for revision in range(first + 1, reader.xrefs.total_revisions):
            try:
                result = policy.apply(
                    old=old,
                    new=reader.get_historical_resolver(revision),
                    field_mdp_spec=locked,
                    doc_mdp=permission,
                )
            except SuspiciousModification as exc:
                # only where comments were permitted (DocMDP 3) can what was added be harmless
                is_open = not ours and permission is MDPPerm.ANNOTATE
                code = "CHANGES_UNKNOWN" if is_open else "CHANGES_FORBIDDEN"
                raise ProofError(code, str(exc)[:200]) from exc
            level = max(level, result.modification_level)
            changed |= frozenset(map(str, result.changed_form_fields))
        if level > ModificationLevel.LTA_UPDATES and permission is MDPPerm.NO_CHANGES:
            raise ProofError("CHANGES_FORBIDDEN", "the signature permits no changes")
        if level > ModificationLevel.FORM_FILLING:
            raise ProofError("CHANGES_UNKNOWN", str(level))
        before, after = (_values(one, changed) for one in (old, reader))
        # a field may look different because its value changed, for no other reason
        return frozenset(name for name in changed if before.get(name) != after.get(name))


def docmdp_of(signature: Signature) -> MDPPerm | None:
    """Return the DocMDP permission that the signature, or else its field's /Lock, sets."""
    parameters = _transform(signature, "/DocMDP")
    if parameters is not None:
        return MDPPerm(structure.entry(parameters, "/P", MDPPerm.FILL_FORMS.value))
    permission = structure.entry(structure.entry(signature.holder, "/Lock", {}), "/P")
    return None if permission is None else MDPPerm(permission)


def permits_annotations(signature: Signature) -> bool:
    """Say whether the signature lets comments be added afterwards (DocMDP 3), so that the page may change."""
    with hostile("CHANGES_UNKNOWN"):
        return docmdp_of(signature) is MDPPerm.ANNOTATE


def _fieldmdp_of(signature: Signature) -> FieldMDPSpec | None:
    """Return which fields the signature locks (ISO 32000-2, 12.8.2.4), by its reference or its field's /Lock."""
    parameters = _transform(signature, "/FieldMDP")
    if parameters is None:
        parameters = structure.entry(signature.holder, "/Lock")
    return None if parameters is None else FieldMDPSpec.from_pdf_object(parameters)


def _transform(signature: Signature, method: str) -> Any:
    for each in structure.entry(signature.dictionary, "/Reference", ()):
        reference = each.get_object()
        if reference["/TransformMethod"] == method:
            return reference["/TransformParams"]
    return None


def require_only_premade_fields(document: Document) -> None:
    """Raise ProofError if a letter got a field after its first signature that is no document timestamp."""
    timestamps = {one.field for one in document.signatures if one.is_timestamp}
    with hostile("CHANGES_UNKNOWN"):
        old = document.reader.get_historical_resolver(document.signatures[0].revision)
        before, after = _names(old), _names(document.reader)
    if after - before - timestamps:
        raise ProofError("CHANGES_FORBIDDEN", f"fields added: {sorted(after - before - timestamps)}")


def require_closed(document: Document) -> None:
    """Raise ProofError if more follows a letter's last signature than one revision of validation data."""
    last = document.signatures[-1].end
    after = [update for update in document.updates if update.start >= last]
    with hostile("CHANGES_UNKNOWN"):
        root: Any = document.reader.root
        store = root.raw_get("/DSS") if "/DSS" in root else None
        catalogue: Any = document.reader.root_ref
        own = {getattr(one, "idnum", None) for one in (catalogue, store)} - {None}
    if len(after) > 1 or any(not update.numbers & own for update in after):
        raise ProofError(
            "CHANGES_FORBIDDEN", "after the last signature only validation data may follow, once"
        )


def _names(handler: Any) -> set[str]:
    fields: Iterable[tuple[str, Any, Any]] = enumerate_sig_fields(handler)
    return {str(name) for name, _, _ in fields}


def _values(handler: Any, wanted: Iterable[str]) -> dict[str, bytes]:
    """Return the values of the named form fields, inherited ones too, as they would be written."""
    names, found = set(wanted), dict[str, bytes]()
    form = structure.entry(handler.root, "/AcroForm", {})
    waiting = [(each.get_object(), "", None, 0) for each in structure.entry(form, "/Fields", ())]
    while names and waiting:
        field, path, value, depth = waiting.pop()
        part = structure.entry(field, "/T")
        name = path if part is None else f"{path}.{part}" if path else str(part)
        value = structure.entry(field, "/V", value)
        if name in names and part is not None:
            found[name] = _written(value)
        if depth < MAX_DEPTH:
            waiting += [
                (each.get_object(), name, value, depth + 1) for each in structure.entry(field, "/Kids", ())
            ]
    return found


def _written(value: Any) -> bytes:
    if value is None:
        return b""
    out = io.BytesIO()
    value.get_object().write_to_stream(out, None)
    return out.getvalue()


def _own_policy() -> StandardDiffPolicy:
    """Return the whitelist for letters of ours: no metadata, no Info, no form values other than signatures."""
    permitted = {"/AcroForm", "/DSS", "/Extensions"}
    level = ModificationLevel.LTA_UPDATES
    return StandardDiffPolicy(
        global_rules=[
            diff_analysis.CatalogModificationRule(ignored_keys=permitted),  # type: ignore[no-untyped-call]
            diff_analysis.XrefStreamRule().as_qualified(level),
            diff_analysis.ObjectStreamRule().as_qualified(level),
            diff_analysis.DSSCompareRule().as_qualified(level),
        ],
        form_rule=diff_analysis.FormUpdatingRule(
            field_rules=[
                diff_analysis.SigFieldCreationRule(),  # type: ignore[no-untyped-call]
                diff_analysis.SigFieldModificationRule(),
            ]
        ),
    )
