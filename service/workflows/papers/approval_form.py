"""审定表 from a list version: what the list holds, what the departments said, what the committee decided."""

from collections.abc import Sequence

from sqlalchemy import select

from service.clock import china_day
from service.core import Json, Party, Role, Sha256Hex, parse_canonical
from service.db.records import Cosign, ListReview
from service.db.tables import ListVersion
from service.workflows.papers.desk import Desk, Paper, Target, day, file_name, missing


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the newest version of each list in the scope."""
    codes = desk.codes(unit)
    newest: dict[tuple[str, str], ListVersion] = {}
    for row in desk.session.scalars(select(ListVersion).order_by(ListVersion.version)):
        if row.unit in codes and tier in (None, row.tier):
            newest[row.unit, row.tier] = row
    return [
        Target(
            row.id, file_name(row.unit, row.tier, f"{row.version:03d}", desk.unit(row.unit).name), row.unit
        )
        for row in newest.values()
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the approval form of a list version (by id)."""
    version = desk.session.get(ListVersion, target)
    if version is None:
        raise missing("责任清单版本", target)
    review = desk.session.get(ListReview, target)
    body, name = desk.body(version.unit), desk.full_name(version.unit)
    rows = parse_canonical(version.rows.encode())
    compiled = china_day(version.created_at)
    fields = {
        "unit_name": name,
        "year": compiled.year,
        "tier": version.tier,
        "version": version.version,
        "digest": version.sha256,
        "entity_count": len({row["entity_id"] for row in rows}),
        "cadre_count": len({row["cadre_id"] for row in rows}),
        "high_risk_count": len({row["entity_id"] for row in rows if row["high_risk"]}),
        "compiled_by": body.office,
        "compiled_on": compiled.isoformat(),
        "cosigns": _cosigns(desk, target),
        "approved_by": version.approved_by or body.committee,
        "approved_on": day(version.approved_on),
        **_reviewed(review),
    }
    place = desk.unit(version.unit).name
    number = f"{place}审定〔{compiled.year}〕{version.tier}{version.version}号"
    party = Party(Role.OFFICE, 1, "office", fields["approved_by"], "审定机关印章")
    return Paper(
        fields,
        f"{name}{compiled.year}年度食品安全包保责任清单审定表",
        number,
        body.office,
        (party,),
        version.version,
        Sha256Hex(version.sha256),
    )


def _reviewed(review: ListReview | None) -> dict[str, Json]:
    if review is None:
        return {"submitted_on": "", "meeting_on": "", "minutes": "", "in_force_on": ""}
    return {
        "submitted_on": day(china_day(review.submitted_at) if review.submitted_at else None),
        "meeting_on": day(review.meeting_on),
        "minutes": review.minutes or "",
        "in_force_on": day(review.in_force_on),
    }


def _cosigns(desk: Desk, version: str) -> list[dict[str, Json]]:
    rows = desk.session.scalars(select(Cosign).where(Cosign.version == version).order_by(Cosign.id))
    return [
        {
            "department": row.department,
            "opinion": row.opinion or "",
            "note": row.note or "",
            "answered_on": day(china_day(row.answered_at) if row.answered_at else None),
        }
        for row in rows
    ]
