"""四性检测 (DA/T 70-2018): each item of 真实性, 完整性, 可用性, 安全性 answered by a machine check, or 未检测.

Works on dossiers, be they gathered from a live archive or unpacked from what was handed over: no database. An item
that nothing here can check (a virus, without a scanner) is never called passed.
"""

from collections.abc import Sequence

from service.archive.inspecting_batches import inspect_batch
from service.archive.inspecting_objects import SignedObject
from service.archive.inspecting_paper import PaperObject
from service.archive.inspection import Dossier, Inspected, Inspection, Surroundings


def inspect(dossiers: Sequence[Dossier], around: Surroundings) -> Inspection:
    """Return the report on a batch and on each of its objects; never raises for what the dossiers contain."""
    objects = tuple(inspect_one(one, around) for one in dossiers)
    return Inspection(around.stage, around.now, inspect_batch(dossiers, around), objects)


def inspect_one(dossier: Dossier, around: Surroundings) -> Inspected:
    """Return the report on one object."""
    run = PaperObject(dossier, around) if dossier.is_paper else SignedObject(dossier, around)
    items = (*run.authentic(), *run.complete(), *run.usable(), *run.safe())
    return Inspected(str(dossier.metadata.get("code", "")), str(dossier.metadata.get("number", "")), items)
