"""Figures as offices report them: N/M with the percentage cut, never rounded up; 0/0 is —."""

from collections.abc import Iterable
from dataclasses import dataclass

NONE = "—"


@dataclass(frozen=True, slots=True)
class Figure:
    """`done` of `total`."""

    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.done <= self.total:
            raise ValueError(f"{self.done} of {self.total}")

    def __str__(self) -> str:
        return f"{self.done}/{self.total}（{self.percent}）" if self.total else NONE

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(self.done + other.done, self.total + other.total)

    @property
    def percent(self) -> str:
        """The percentage with one decimal, cut: 100% only where all are done; — for 0/0."""
        if not self.total:
            return NONE
        if self.done == self.total:
            return "100%"
        tenths = self.done * 1000 // self.total
        return f"{tenths // 10}.{tenths % 10}%"

    @property
    def open(self) -> int:
        """How many are not done."""
        return self.total - self.done

    def to_json(self) -> list[int]:
        """Return [done, total], as records keep it."""
        return [self.done, self.total]


def count(states: Iterable[bool]) -> Figure:
    """Return how many of `states` are true."""
    done = total = 0
    for state in states:
        done += state
        total += 1
    return Figure(done, total)
