"""The values of a 四性检测 (DA/T 70-2018): what is inspected, with what, and the report that comes of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.clock import format_utc
from service.core import Json
from service.verification.trust import Trust

PAPER_FORMATS = {"application/pdf": "纸质扫描件（PDF）", "image/jpeg": "纸质扫描件（JPG）"}
"""What the metadata says of a scan (纸质签订), by its media type."""
Scanner = Callable[[bytes], str | None]
"""Returns what it found in the bytes, None where it found nothing; raises ServiceError where it could not look."""


class Stage(StrEnum):
    """When the check is made."""

    FILING = "归档"
    TRANSFER = "移交接收"
    KEEPING = "长期保存"


class Result(StrEnum):
    """How one item came out."""

    PASSED = "通过"
    FAILED = "不通过"
    UNCHECKED = "未检测"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its property and number, what was checked, how it came out, and why."""

    number: str
    property: str
    name: str
    result: Result
    detail: str = ""

    def to_json(self) -> Json:
        """Return the JSON value."""
        return {
            "number": self.number,
            "property": self.property,
            "name": self.name,
            "result": self.result.value,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Dossier:
    """One filed document with what belongs to it, as found; `fault` says why something is not there."""

    metadata: Mapping[str, Json]
    file: bytes | None
    receipt: bytes | None
    entries: tuple[bytes, ...]
    fault: str = ""
    issued: bytes | None = None
    """What was printed to be signed by hand, where `file` is the scan of it."""

    @property
    def is_paper(self) -> bool:
        """True for 纸质签订: the document is a scan, and has no electronic signature of the parties."""
        return self.metadata.get("format") in PAPER_FORMATS.values()


@dataclass(frozen=True, slots=True)
class Inspected:
    """One object, or a batch as a whole."""

    name: str
    title: str
    items: tuple[Item, ...]

    @property
    def result(self) -> Result:
        """不通过 where any item failed, else 通过; what was not checked is told by the items."""
        return Result.FAILED if any(one.result is Result.FAILED for one in self.items) else Result.PASSED

    def to_json(self) -> Json:
        """Return the JSON value."""
        items = [one.to_json() for one in self.items]
        return {"name": self.name, "title": self.title, "result": self.result.value, "items": items}


@dataclass(frozen=True, slots=True)
class Inspection:
    """The report of a batch."""

    stage: Stage
    time: datetime
    batch: Inspected
    objects: tuple[Inspected, ...]

    @property
    def result(self) -> Result:
        """不通过 where anything failed."""
        failed = any(one.result is Result.FAILED for one in (self.batch, *self.objects))
        return Result.FAILED if failed else Result.PASSED

    def to_json(self) -> Json:
        """Return the JSON value of report v1."""
        return {
            "v": 1,
            "stage": self.stage.value,
            "time": format_utc(self.time),
            "result": self.result.value,
            "counts": dict(Counter(i.result.value for one in (self.batch, *self.objects) for i in one.items)),
            "batch": self.batch.to_json(),
            "objects": [one.to_json() for one in self.objects],
        }


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a batch is judged with. None: nobody looked, so the items that need it are 未检测."""

    trust: Trust
    now: datetime
    stage: Stage
    scanner: Scanner | None = None
    expected: int | None = None
    """How many documents the register of the sender has."""
    surplus: Sequence[str] | None = None
    """Files on the medium that no manifest names."""
    package_faults: Sequence[str] | None = None
    """How the package as a whole breaks its form; None where there is no package yet."""
    disposed: Sequence[str] = ()
    """档号 of documents that were disposed of: their numbers are no gap."""
    restored: bool | None = None
    """Whether a backup was restored and audited."""


def answer(number: str, name: str, faults: Iterable[str] | None, detail: str = "") -> Item:
    """Return an item: passed without faults, failed with them, unchecked where None, `detail` saying why."""
    groups = {"1": "真实性", "2": "完整性", "3": "可用性", "4": "安全性"}
    if faults is None:
        return Item(number, groups[number[0]], name, Result.UNCHECKED, detail)
    found = "；".join(faults)
    return Item(number, groups[number[0]], name, Result.FAILED if found else Result.PASSED, found or detail)
