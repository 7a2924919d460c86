"""Frozen rows of a 责任清单: what its hash names, so that a name can be erased and the hash still be proved.

A row keeps a cadre's name beside its seal, SHA-256(salt ‖ "name" ‖ name), with the salt of the person. The hash
is over the rows without names, seals in their place: erasing name and salt changes nothing that was hashed, and
without the salt nobody can find the name by trying.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Sha256Hex, canonical_json, sha256_hex
from service.db.tables import Cadre, Entity, Salt
from service.errors import CorruptError, InputError, NotFoundError
from service.registry.dated import as_of
from service.registry.query import ListRow

ERASED = "（已依法删除）"
_PHONES = ("person_mobile", "cadre_mobile")
_NAME, _SEAL = "cadre", "cadre_seal"
_BATCH = 500  # ids in one statement

Row = Mapping[str, Any]


def freeze(session: Session, rows: Sequence[ListRow]) -> list[dict[str, Any]]:
    """Return the rows as a version keeps them: no telephone numbers, which may change freely, and names sealed."""
    if not rows:
        raise InputError("E-REG-603", "该单位在这一层级没有包保主体，不能编制责任清单。")
    salts = {
        salt.person: salt.salt for salt in _find(session, Salt, Salt.person, [one.cadre_id for one in rows])
    }
    kept = []
    for row in rows:
        if row.cadre_id not in salts:
            raise NotFoundError("E-REG-404", f"编号为“{row.cadre_id}”的人员没有登记，或已依法删除个人信息。")
        facts = {key: value for key, value in asdict(row).items() if key not in _PHONES}
        kept.append(facts | {_SEAL: seal(salts[row.cadre_id], row.cadre)})
    return kept


def seal(salt: bytes, name: str) -> Sha256Hex:
    """Return the seal of a name."""
    return Sha256Hex(hashlib.sha256(salt + b"name" + name.encode()).hexdigest())


def sealed(rows: Iterable[Row]) -> bytes:
    """Return the canonical bytes that a version's hash names: the rows without names."""
    return canonical_json([_nameless(row) for row in rows])


def own_digest(rows: Iterable[Row], cadre_id: str) -> Sha256Hex:
    """Return the digest of one cadre's own rows, by entity: what a commitment binds."""
    own = [_nameless(row) for row in rows if row["cadre_id"] == cadre_id]
    return sha256_hex(canonical_json(sorted(own, key=lambda row: (row["entity_id"], row["duty"]))))


def require_intact(text: str, digest: str) -> None:
    """Raise CorruptError unless the rows kept are those that the hash names, erased names or not."""
    if sha256_hex(sealed(json.loads(text))) != digest:
        raise CorruptError("E-REG-604", "清单内容与其摘要不符，可能被改动；请从备份恢复。")


def without(text: str, cadre_id: str) -> str | None:
    """Return the rows with the name of one person erased; None where the person is not in them."""
    rows = json.loads(text)
    found = [row for row in rows if row["cadre_id"] == cadre_id and row[_NAME] != ERASED]
    for row in found:
        row[_NAME] = ERASED
    return canonical_json(rows).decode() if found else None


def numbers(session: Session, rows: Iterable[Row], on: date) -> tuple[dict[str, str], dict[str, str]]:
    """Return the telephone numbers of the day, by cadre and by entity, which a printed list shows."""
    rows = list(rows)
    people = _find(session, Cadre, Cadre.cadre, [row["cadre_id"] for row in rows], on)
    shops = _find(session, Entity, Entity.entity, [row["entity_id"] for row in rows], on)
    return (
        {one.cadre: one.mobile or "" for one in people},
        {one.entity: one.mobile or "" for one in shops},
    )


def _nameless(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != _NAME}


def _find(session: Session, table: Any, key: Any, ids: Sequence[str], on: date | None = None) -> list[Any]:
    wanted = sorted(set(ids))
    found: list[Any] = []
    for start in range(0, len(wanted), _BATCH):
        query = select(table).where(key.in_(wanted[start : start + _BATCH]))
        found += session.scalars(query.where(as_of(table, on)) if on else query).all()
    return found
