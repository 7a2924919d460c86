"""Fixtures of the archive's tests."""

from pathlib import Path

import pytest

from tests.archive.building import Archive, make_archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path)
