"""A completeness proof and the roster it carries, as values: canonical JSON, version 1, no name of anyone in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from service.core import Json, canonical_json, parse_canonical
from service.errors import InputError

_KEYS = {"v", "unit", "day", "checkpoint", "roster", "roster_index", "commitments", "gaps", "doubles"}


@dataclass(frozen=True, slots=True)
class Proof:
    """N of N, or the gaps: what was counted, under which checkpoint; `to_bytes` is proof.json."""

    unit: str
    day: date
    checkpoint: str
    roster: str
    roster_index: int
    commitments: tuple[tuple[str, str, int], ...]
    """(pseudonym, letter, index of its newest entry, counted through all logs), sorted."""
    gaps: tuple[str, ...]
    doubles: tuple[str, ...]

    @property
    def people(self) -> int:
        """N: how many the roster has."""
        return len(roster_subjects(self.roster.encode()))

    @property
    def is_complete(self) -> bool:
        """Say whether each has exactly one."""
        return not self.gaps and not self.doubles

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return canonical_json(
            {
                "v": 1,
                "unit": self.unit,
                "day": self.day.isoformat(),
                "checkpoint": self.checkpoint,
                "roster": self.roster,
                "roster_index": self.roster_index,
                "commitments": [list(row) for row in self.commitments],
                "gaps": list(self.gaps),
                "doubles": list(self.doubles),
            }
        )


def roster_bytes(unit: str, subjects: Iterable[str]) -> bytes:
    """Return the roster object of a unit: pseudonyms only, sorted."""
    return canonical_json({"v": 1, "unit": unit, "subjects": sorted(set(subjects))})


def roster_subjects(roster: bytes) -> list[str]:
    """Return the pseudonyms of a roster object; raise InputError for anything else."""
    value = parse_canonical(roster)
    if not isinstance(value, dict) or set(value) != {"v", "unit", "subjects"} or value["v"] != 1:
        raise InputError("E-ARC-064", "不是第 1 版名册。")
    subjects = value["subjects"]
    if not isinstance(subjects, list) or subjects != sorted({str(one) for one in subjects}):
        raise InputError("E-ARC-064", "名册中的代号没有按序排列，或有重复。")
    return subjects


def parse(data: bytes) -> Proof:
    """Parse proof.json; raise InputError for anything else. Nothing is verified yet."""
    value = parse_canonical(data)
    if not isinstance(value, dict) or set(value) != _KEYS or value["v"] != 1:
        raise InputError("E-ARC-068", "不是第 1 版完整性证明。")
    try:
        return Proof(
            unit=str(value["unit"]),
            day=date.fromisoformat(value["day"]),
            checkpoint=str(value["checkpoint"]),
            roster=str(value["roster"]),
            roster_index=int(value["roster_index"]),
            commitments=tuple(_row(one) for one in value["commitments"]),
            gaps=tuple(map(str, value["gaps"])),
            doubles=tuple(map(str, value["doubles"])),
        )
    except (TypeError, ValueError) as exc:
        raise InputError("E-ARC-068", "完整性证明的内容不合规定。") from exc


def _row(value: Json) -> tuple[str, str, int]:
    subject, letter, index = value
    return str(subject), str(letter), int(index)
