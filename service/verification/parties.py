"""Who had to sign a letter, and who did: the certified content.json against the signing certificates.

The office certifies the content, so its parties, roles and order are what everybody agreed on. A file without
content.json is somebody else's: nothing is expected of it.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from service.core import Envelope, Party, Role, canonical_json, parse_envelope
from service.errors import InputError
from service.verification import chain, changes, policy, structure
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_CONTENT, MAX_DEPTH
from service.verification.structure import Document

CONTENT = "content.json"
_ROLE_POLICY = {
    Role.OFFICE: policy.POLICY_SEAL,
    Role.CADRE: policy.POLICY_PERSON,
    Role.LEADER: policy.POLICY_PERSON,
}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a field: the certificate, and who vouches for its issuer (None: no path was found)."""

    certificate: chain.Certificate
    voucher: str | None


def read_envelope(document: Document) -> Envelope | None:
    """Return the envelope that the first signature covers, None if the file carries no content of ours."""
    with hostile("PARTY_CONTENT"):
        handler: Any = document.reader
        if document.signatures:
            handler = document.reader.get_historical_resolver(document.signatures[0].revision)
        found = [one for one in _attachments(handler.root) if one]
        if not found:
            return None
        if len(found) > 1:
            raise ProofError("PARTY_CONTENT", "more than one content.json")
        if len(found[0]) > MAX_CONTENT:
            raise ProofError("PARTY_CONTENT", "content.json too large")
        value = json.loads(found[0])
        if not isinstance(value, dict) or "envelope" not in value:
            return None  # somebody else's attachment of that name
        if canonical_json(value) != found[0]:
            raise ProofError("PARTY_CONTENT", "content.json is not canonical")
        try:
            return parse_envelope(value["envelope"])
        except InputError as exc:
            raise ProofError("PARTY_CONTENT", str(exc)) from exc


def require_certified(document: Document, envelope: Envelope) -> None:
    """Raise ProofError unless the first signature is the office's, and certifies."""
    first = document.signatures[0]
    office = next((party.field for party in envelope.parties if party.role is Role.OFFICE), None)
    if first.field != office or first.is_timestamp:
        raise ProofError("PARTY_NOT_CERTIFIED")
    with hostile("PARTY_NOT_CERTIFIED"):
        certified = document.reader.root["/Perms"].raw_get("/DocMDP").reference
        if certified.idnum != first.number or changes.docmdp_of(first) is None:
            raise ProofError("PARTY_NOT_CERTIFIED")


def require_order(envelope: Envelope, signed: tuple[str, ...]) -> None:
    """Raise ProofError unless `signed`, the fields in the order they were signed, is as the letter has it."""
    order = {party.field: party.order for party in envelope.parties}
    unknown = [field for field in signed if field not in order]
    if unknown:
        raise ProofError("PARTY_UNKNOWN_FIELD", ", ".join(unknown))
    if [order[field] for field in signed] != sorted(order[field] for field in signed):
        raise ProofError("PARTY_ORDER")
    due = sorted(order.values())[: len(signed)]
    if sorted(order[field] for field in signed) != due:
        raise ProofError("PARTY_ORDER", "somebody before has not signed")


def require_party(party: Party, signer: Signer, merged: Collection[tuple[str, str]] = ()) -> None:
    """Raise ProofError unless the certificate's subject is the party.

    A person may sign for a unit that was merged into theirs (`merged`: full names before and after, as the trust
    bundle has them); a seal may not.
    """
    name = signer.certificate.name
    unit = name.get("organization_name")
    if unit != party.unit and (party.role is Role.OFFICE or (party.unit, unit) not in merged):
        raise ProofError("PARTY_WRONG", "unit")
    if party.name is not None and name.get("common_name") != party.name:
        raise ProofError("PARTY_WRONG", "name")
    if party.subject is not None and name.get("serial_number") != party.subject:
        raise ProofError("PARTY_WRONG", "subject")
    own = signer.certificate.policies & policy.OWN_POLICIES
    if (own or signer.voucher in ("closed", "demo")) and own != {_ROLE_POLICY[party.role]}:
        raise ProofError("PARTY_WRONG", "certificate policy does not fit the role")


def require_distinct(envelope: Envelope, signers: Mapping[str, Signer]) -> None:
    """Raise ProofError if two parties are one person: nobody countersigns their own letter."""
    seen: dict[str, str] = {}
    for party in envelope.parties:
        signer = signers.get(party.field)
        if signer is None:
            continue
        subject = signer.certificate.name.get("serial_number")
        for mark in (signer.certificate.sha256, signer.certificate.parsed.public_key.sha256.hex(), subject):
            if isinstance(mark, str) and seen.setdefault(mark, party.field) != party.field:
                raise ProofError("PARTY_SELF", f"{seen[mark]} = {party.field}")


def missing(envelope: Envelope, signed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields of the parties that have not signed."""
    return tuple(party.field for party in envelope.parties if party.field not in signed)


def _attachments(root: Any) -> list[bytes]:
    """Return the distinct files named content.json among associated files and embedded files."""
    specifications = list(root["/AF"]) if "/AF" in root else []
    if "/Names" in root and "/EmbeddedFiles" in root["/Names"]:
        specifications += _named(root["/Names"]["/EmbeddedFiles"], 0)
    found: dict[bytes, None] = {}
    for one in specifications:
        specification = one.get_object()
        if CONTENT in (str(structure.entry(specification, key)) for key in ("/UF", "/F")):
            found[bytes(specification["/EF"]["/F"].data)] = None
    return list(found)


def _named(node: Any, depth: int) -> list[Any]:
    if depth > MAX_DEPTH:
        raise ProofError("PARTY_CONTENT", "name tree too deep")
    own = list(structure.entry(node, "/Names", ()))[1::2]
    for kid in structure.entry(node, "/Kids", ()):
        own += _named(kid.get_object(), depth + 1)
    return own
