"""What was changed after each signature (step 8 of `verdict`): first in structure, then in pixels."""

from service.verification import changes, drawing, hidden, pixels, structure
from service.verification.case import Case
from service.verification.guard import ProofError
from service.verification.judging import Judged
from service.verification.structure import Document


def compare(case: Case, document: Document) -> None:
    """Say of each signature what was changed after it, and note what was not permitted."""
    size = len(case.data)
    compared = [one for one in case.signatures or case.stamps if one.signature.end < size]
    for one in case.signatures:
        one.changes = "none" if one.signature.end == size else "unknown"
    if not compared:
        _look(case)
        return
    with case.findings.step():
        if case.ours:
            changes.require_only_premade_fields(document)
            changes.require_closed(document)
    if case.ours and not case.known and len(compared) > 1:
        case.canvas = drawing.Canvas()
    drawn: dict[int, tuple[drawing.Page, ...]] = {}
    with case.findings.step():
        drawn[size] = _draw(case)
    judged = structure.revision_ending_at(document, case.known)
    for one in compared:
        try:
            changed = changes.require_permitted(document, one.signature, ours=case.ours, judged=judged)
            if size in drawn:
                _compare_pixels(case, document, _seen(case, one, judged), changed, drawn)
            one.changes = "permitted"
        except ProofError as fault:
            case.findings.note(fault.code, one.signature.field, fault.message)
            one.changes = "forbidden" if fault.code in ("CHANGES_FORBIDDEN", "CHANGES_PIXELS") else "unknown"
            if fault.code == "CHANGES_UNKNOWN":
                _see_unknown_change(case, document, one, drawn)


def _seen(case: Case, one: Judged, judged: int) -> tuple[int, int]:
    """Return end and number of the revision to compare the file with: the signed one, or the known one after it."""
    if judged and case.known > one.signature.end:
        return case.known, judged
    return one.signature.end, one.signature.revision


def _see_unknown_change(
    case: Case, document: Document, one: Judged, drawn: dict[int, tuple[drawing.Page, ...]]
) -> None:
    """What structure cannot judge, ink can: a page that looks other than it was signed is no open question."""
    if len(case.data) not in drawn:
        return
    try:
        if changes.permits_annotations(one.signature):
            return
        seen = (one.signature.end, one.signature.revision)
        _compare_pixels(case, document, seen, frozenset(), drawn)
    except ProofError as fault:
        one.changes = "forbidden" if fault.code == "CHANGES_PIXELS" else "unknown"
        case.findings.note(fault.code, one.signature.field, fault.message)


def _draw(case: Case) -> tuple[drawing.Page, ...]:
    """Draw the file; look for text that nobody sees, unless that was done when its known beginning was judged."""
    if case.known:
        return drawing.drawn(case.data)
    watcher = hidden.Watcher()
    pages = drawing.drawn(case.data, watcher, case.canvas)
    case.unseen |= watcher.found
    return pages


def _look(case: Case) -> None:
    """Draw a file of one revision only to look for unseen text: other people's may be too large for that."""
    try:
        _draw(case)
    except ProofError as fault:
        if case.ours:
            case.findings.note(fault.code, None, fault.message)


def note_hidden(case: Case) -> None:
    """Note what the file holds that nobody sees; in a letter of ours nothing may."""
    for code, detail in case.unseen.items():
        case.findings.note(code, None, detail)
    if case.ours and case.unseen:
        case.findings.note("HIDDEN_IN_LETTER", None, ", ".join(sorted(case.unseen)))


def _compare_pixels(
    case: Case,
    document: Document,
    seen: tuple[int, int],
    changed: frozenset[str],
    drawn: dict[int, tuple[drawing.Page, ...]],
) -> None:
    """Raise ProofError where the revision `seen` (end, number) looks other than the file, but for later signatures.

    With a known prefix that is the known file, which looked like each revision before it when it was judged.
    """
    end, revision = seen
    later = {each.field for each in document.signatures if each.end > end}
    if end not in drawn:
        drawn[end] = drawing.drawn(case.data[:end], canvas=case.canvas)
    boxes = pixels.boxes_of(document, revision, changed | later)
    pixels.require_same(drawn[end], drawn[len(case.data)], boxes)
