"""Fixtures: the external vectors, and a small signing key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.fixture
def vectors() -> Callable[[str], Any]:
    return lambda name: json.loads((VECTORS / "tlog" / name).read_bytes())
