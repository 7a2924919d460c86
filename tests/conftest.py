"""What tests of several packages share."""

from pathlib import Path

import pytest

from samples import make_lucheng


@pytest.fixture(scope="session")
def small_street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    town = make_lucheng.lucheng()[0]
    book = make_lucheng.build(make_lucheng.Maker(7), [town], 90)
    path = tmp_path_factory.mktemp("workbook") / "street.xlsx"
    path.write_bytes(make_lucheng.workbook_bytes(book))
    return path
