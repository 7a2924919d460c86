"""包保责任公示牌 of an entity: who answers for it and whom the public may call; never anyone's own number."""

from collections.abc import Sequence

from service.db.tables import Cadre, Entity
from service.registry import visiting
from service.registry.records import TIER_LEVEL
from service.workflows import naming
from service.workflows.papers import enterprise
from service.workflows.papers.desk import Desk, Paper, Target, missing
from service.workflows.papers.visit_record import main_cadres

HOTLINE = "12315"  # 全国统一的市场监管投诉举报电话; an office may give its own as an extra field
_CITY = "市级领导包保"
_PERIODS = {"季": "季度", "半年": "半年", "年": "年"}


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the entities in business that a cadre answers for; those of the city too."""
    held = main_cadres(desk)
    return [
        enterprise.target_of(entity)
        for entity in enterprise.open_entities(desk, unit, tier)
        if entity.entity in held or entity.tier == "A"
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the board of one entity (by id)."""
    entity, cadre = desk.entities([target]).get(target), main_cadres(desk, [target]).get(target)
    if entity is None or entity.status != enterprise.OPEN or (cadre is None and entity.tier != "A"):
        raise missing("已落实包保的在营主体", target)
    fields = {
        "tier": entity.tier,
        "entity": entity.name,
        "address": entity.address,
        "cadre_name": cadre.name if cadre else _CITY,
        "cadre_post": naming.office_of(desk.unit(cadre.unit).name, cadre.post) if cadre else "",
        "person": entity.person or "",
        "director": _director(desk, entity),
        "officer": entity.officer or "",
        "station": entity.station or "",
        "hotline": HOTLINE,
        "frequency": _frequency(desk, entity),
        "posted_by": _office(desk, entity, cadre),
    }
    number = f"公示〔{desk.on.year}〕{entity.entity[:8]}号"
    return Paper(fields, f"{entity.name}食品安全包保责任公示牌", number, fields["posted_by"])


def _director(desk: Desk, entity: Entity) -> str:
    if entity.director:
        return entity.director
    return "待配备" if enterprise.firm(desk, entity).needs_director else "按规定无需配备"


def _frequency(desk: Desk, entity: Entity) -> str:
    rule = visiting.frequency_of(entity, desk.book.frequencies, desk.on)
    return f"每{_PERIODS[rule.period]}督导不少于{rule.times}次" if rule else "按需督导"


def _office(desk: Desk, entity: Entity, cadre: Cadre | None) -> str:
    """Return the office that posts: of the cadre's unit, else of the tier's level, else of the place."""
    if cadre is not None:
        return desk.body(cadre.unit).office
    above = desk.ancestor(entity.unit, TIER_LEVEL[entity.tier]) or desk.ancestor(entity.unit, "district")
    return desk.body(above or entity.unit).office
