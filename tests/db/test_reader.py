"""A reader sees one moment, holds no writer up and cannot write, on both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.db.engine import open_engine, open_reader
from tests.conftest import DATABASES

COUNT = text("SELECT count(*) FROM note")
ADD = text("INSERT INTO note VALUES ('x')")


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'reader.sqlite3'}"
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


def test_a_reader_sees_one_moment_and_holds_nobody_up(database_url: str) -> None:
    writer, reader = open_engine(database_url), open_reader(database_url)
    with writer.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
        connection.execute(ADD)
    with reader.begin() as reading:
        assert reading.scalar(COUNT) == 1
        with writer.begin() as connection:
            connection.execute(ADD)
        assert reading.scalar(COUNT) == 1
    with reader.begin() as reading:
        assert reading.scalar(COUNT) == 2
        with pytest.raises(DBAPIError):
            reading.execute(ADD)
    for engine in (writer, reader):
        engine.dispose()
