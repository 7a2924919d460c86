"""Papers from a content file: what people wrote, completed by what registry and rules know of the unit."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.core import Envelope, Json, LetterId, Party, Role
from service.documents.content import Content
from service.documents.kinds import Kind, PartySpec
from service.documents.written import Written
from service.errors import InputError
from service.registry import deadlines, query
from service.workflows import paper_sources
from service.workflows.papers.desk import Desk, Target, file_name
from service.workflows.papers.notice_board import HOTLINE
from service.workflows.papers.task_list import frequency

_ISSUERS = ("issuer", "committee", "approved_by", "compiled_by", "entity", "cadre_unit")
_KNOWN: Mapping[str, Callable[[Desk, str], Json]] = {
    "unit.name": lambda desk, code: desk.full_name(code),
    "unit.committee": lambda desk, code: desk.body(code).committee,
    "unit.committee_short": lambda desk, code: desk.body(code).committee_short,
    "unit.office": lambda desk, code: desk.body(code).office,
    "unit.parent.committee": lambda desk, code: desk.above(code),
    "unit.hotline": lambda _, __: HOTLINE,
    "rules.legal_basis": lambda desk, _: desk.basis,
    "rules.frequency": lambda desk, _: frequency(desk),
}
_WORKDAYS = "_days"  # a field of source rules.deadlines is named for its deadline: personnel_days


@dataclass(frozen=True, slots=True)
class Source:
    """The papers of one content file."""

    kind: Kind
    written: Sequence[Written]

    def targets(self, desk: Desk, unit: str | None, tier: str | None) -> list[Target]:
        """Return a paper for each document that names a unit, else for what the registry has to be completed by it."""
        found: list[Target] = []
        for number, one in enumerate(self.written):
            if one.unit or self.kind.id not in paper_sources.kinds():
                code = _unit(desk, one)
                found.append(Target(f"{number}/", file_name(code, f"{number + 1:03d}", one.number), code))
                continue
            known = paper_sources.targets(desk, self.kind.id, unit, tier)
            wanted = [each for each in known if one.target in ("", each.id)]
            found += [replace(each, id=f"{number}/{each.id}") for each in wanted]
        return found

    def content(self, desk: Desk, target: str) -> Content:
        """Return the content of one of `targets`."""
        number, _, known = target.partition("/")
        one = self.written[int(number)]
        if known:
            return _completed(paper_sources.content(desk, self.kind.id, known), one)
        return _new(desk, self.kind, one)

    def about(self, target: Target, content: Content) -> str:
        """Return the record that was completed; of a paper that people wrote, its unit and number."""
        return target.id.partition("/")[2] or f"{target.unit}/{content.envelope.number}"


def _completed(content: Content, one: Written) -> Content:
    known = content.envelope
    envelope = replace(
        known,
        number=one.number or known.number,
        title=one.title or known.title,
        date=one.date or known.date,
    )
    return Content(envelope, {**content.fields, **one.fields})


def _new(desk: Desk, kind: Kind, one: Written) -> Content:
    if not one.number:
        raise InputError("E-DOC-118", f"内容文件没有写 number（“{kind.title}”的编号或者发文字号）。")
    code = _unit(desk, one)
    fields = _known_of(desk, kind, code, one.fields) | dict(one.fields)
    unit = next((str(fields[name]) for name in _ISSUERS if fields.get(name)), desk.full_name(code))
    on = one.date or desk.on.isoformat()
    identity = hashlib.sha256(f"{kind.id}/{code}/{one.number}/{on}".encode()).hexdigest()
    envelope = Envelope(
        letter=LetterId(identity[:32]),
        number=one.number,
        kind=kind.id,
        title=one.title or str(fields.get("title") or kind.title),
        unit=unit,
        date=on,
        parties=tuple(_party(spec, unit, fields, one) for spec in kind.parties),
    )
    return Content(envelope, fields)


def _unit(desk: Desk, one: Written) -> str:
    if not one.unit:
        raise InputError("E-DOC-118", "内容文件没有写 unit（制发单位的名称或者代码）。")
    return query.find_unit(desk.session, one.unit, desk.on).code


def _known_of(desk: Desk, kind: Kind, code: str, given: Mapping[str, Json]) -> dict[str, Json]:
    """Return what registry and rules say of the fields that nobody filled in."""
    found: dict[str, Json] = {}
    for field in kind.fields:
        if field.name in given or field.source is None:
            continue
        what = field.name.removesuffix(_WORKDAYS)
        if field.source in _KNOWN:
            found[field.name] = _KNOWN[field.source](desk, code)
        elif field.source == "rules.deadlines" and what in deadlines.SUBJECTS:
            found[field.name] = desk.workdays(what)
    return found


def _party(spec: PartySpec, unit: str, fields: Mapping[str, Json], one: Written) -> Party:
    """Return who signs: as the file says, else by the fields that such kinds share."""
    own = {
        Role.OFFICE: {"unit": unit},
        Role.CADRE: {key: fields.get(f"cadre_{key}", "") for key in ("unit", "post", "name")},
        Role.LEADER: {"unit": fields.get("leader_unit", ""), "post": fields.get("leader_title", "")},
    }[spec.role]
    given = (one.parties or {}).get(spec.field, {})
    if not isinstance(given, Mapping) or set(given) - {"unit", "post", "name"}:
        raise InputError("E-DOC-118", f"内容文件的 parties.{spec.field} 只能写 unit、post、name。")
    own |= given
    return Party(
        *(spec.role, spec.order, spec.field, str(own.get("unit") or unit)),
        *(str(own.get("post") or "") or None, str(own.get("name") or "") or None),
    )
