"""One vector: a file named for what it shows, and the verdict it must get."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service.verification.trust import Trust
from tests.vectors.builder.authority import DAY, T0

VALID, INVALID, INDETERMINATE = "valid", "invalid", "indeterminate"


@dataclass(frozen=True)
class Vector:
    """`reasons` must all be among the report's; `trust` names a file of the folder trust/."""

    name: str
    title: str
    make: Callable[[], bytes]
    verdict: str
    reasons: tuple[str, ...] = ()
    status: str | None = None
    trust: str = "street"
    now: datetime = T0 + DAY
    receipt: Callable[[], bytes] | None = None
    suffix: str = ".pdf"


@dataclass(frozen=True)
class Family:
    """Vectors of one idea, and where the idea is described."""

    id: str
    title: str
    source: str
    vectors: tuple[Vector, ...]


Bundles = dict[str, Callable[[], Trust | bytes]]
"""Trust by name: a bundle, or the certificates of a PEM file."""
