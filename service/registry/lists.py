"""责任清单 as versions: the canonical rows of one unit and tier, named by their hash."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Entropy, Json, Sha256Hex, canonical_json, new_id, sha256_hex
from service.db.tables import ListVersion
from service.registry.query import ListRow


def canonical_rows(rows: Sequence[ListRow]) -> bytes:
    """Return the canonical JSON of `rows`, whatever order they come in; it holds no telephone number."""
    return canonical_json(sorted((_row(row) for row in rows), key=lambda row: (row["cadre"], row["entity"])))


def rows_sha256(rows: Sequence[ListRow]) -> Sha256Hex:
    """Return the hash that names these rows: of a whole list, or of the cadre's own rows a letter binds."""
    return sha256_hex(canonical_rows(rows))


def keep_version(
    session: Session,
    unit: str,
    tier: str,
    rows: Sequence[ListRow],
    *,
    who: str,
    now: datetime,
    entropy: Entropy,
) -> ListVersion:
    """Return the newest version of the list; a new draft is added only where the rows have changed."""
    newest = session.scalars(
        select(ListVersion)
        .where(ListVersion.unit == unit, ListVersion.tier == tier)
        .order_by(ListVersion.version.desc())
    ).first()
    content = canonical_rows(rows)
    if newest is not None and newest.sha256 == sha256_hex(content):
        return newest
    version = ListVersion(
        id=new_id(entropy),
        unit=unit,
        tier=tier,
        version=newest.version + 1 if newest else 1,
        sha256=sha256_hex(content),
        rows=content.decode(),
        state="draft",
        approved_by=None,
        approved_on=None,
        leaf=None,
        created_at=now,
        created_by=who,
    )
    session.add(version)
    session.flush()
    return version


def _row(row: ListRow) -> dict[str, Json]:
    return {
        "cadre": row.cadre.cadre,
        "cadre_name": row.cadre.name,
        "cadre_post": row.cadre.post,
        "duty": row.duty,
        "entity": row.entity.entity,
        "entity_name": row.entity.name,
        "uscc": row.entity.uscc,
        "licence": row.entity.licence,
        "address": row.entity.address,
        "tier": row.entity.tier,
    }
