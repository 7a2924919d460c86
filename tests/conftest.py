"""What tests of several packages share: a small street, and both databases, SQLite and a real PostgreSQL."""

import gc
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from samples import make_lucheng
from service.keys import software
from service.workflows.access import passwords
from tests import costs, once, room
from tests.postgresql import Server, programs, start

WITHOUT = "LIANGZE_TEST_WITHOUT_POSTGRESQL"
DATABASES = ("sqlite", "postgresql")


def pytest_configure() -> None:
    """Let the tests' folders lie in memory: syncs are asked for as ever, and cost nothing."""
    if folder := room.memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of every garbage collection: it lives to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _cheap_guesses() -> Iterator[None]:
    """Wrap keys and hash passwords cheaply; the program's own costs have their tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(software, "COST", costs.CHEAP)
        patch.setattr(passwords, "_HASHER", costs.CHEAP_HASHER)
        yield


@pytest.fixture(scope="session", autouse=True)
def _run(tmp_path_factory: pytest.TempPathFactory) -> None:
    once.begin(tmp_path_factory)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server of this run; `make setup-test` installs the package."""
    if os.environ.get(WITHOUT) == "1":
        pytest.skip(f"{WITHOUT} is set")
    binaries = programs()
    if binaries is None:
        pytest.fail(f"PostgreSQL is not installed: run make setup-test, or set {WITHOUT}=1", pytrace=False)
    server = start(binaries)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def new_database(postgresql: Server) -> Callable[..., str]:
    """Return a function that makes a database with a name of its own and returns its address."""
    numbers = itertools.count(1)

    def new_database(template: str = "template0") -> str:
        return postgresql.create(f"test_{next(numbers)}", template=template)

    return new_database


@pytest.fixture(scope="session")
def small_street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    town = make_lucheng.lucheng()[0]
    book = make_lucheng.build(make_lucheng.Maker(7), [town], 90)
    path = tmp_path_factory.mktemp("workbook") / "street.xlsx"
    path.write_bytes(make_lucheng.workbook_bytes(book))
    return path
