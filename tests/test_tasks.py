"""The queue stands beside the database, carries row ids as JSON and nothing else, and tells when it is out of reach."""

import json
import pickle
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from huey import PostgresHuey, SqliteHuey
from sqlalchemy import text

from service import tasks
from service.db.engine import open_engine
from service.errors import SetupError
from service.settings import Settings
from tests.conftest import DATABASES


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    postgresql = request.param == "postgresql"
    url = request.getfixturevalue("new_database")() if postgresql else ""
    made = Settings(home=tmp_path, database_url=url)
    tasks.create_queue(made)
    return made


def test_the_queue_is_where_the_database_is(settings: Settings) -> None:
    queue = tasks.make_queue(settings)
    assert isinstance(queue, PostgresHuey if settings.database_url else SqliteHuey)
    assert (settings.home / "queue.sqlite3").exists() != bool(settings.database_url)
    queue.storage.close()


def test_a_message_is_json_that_names_a_job_by_its_row(settings: Settings) -> None:
    queue = tasks.make_queue(settings)
    done: list[int] = []

    @queue.task(name="run_job")  # type: ignore[untyped-decorator]
    def run_job(job: int) -> None:
        done.append(job)

    run_job(7)
    (message,) = queue.storage.enqueued_items()
    assert json.loads(message)["message"]["args"] == [7]
    queue.execute(queue.dequeue())
    assert done == [7] and queue.storage.queue_size() == 0
    queue.storage.close()


def test_a_pickle_in_the_queue_is_never_opened(settings: Settings, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
            return Path.touch, (tmp_path / "sprung",)

    queue = tasks.make_queue(settings)
    queue.storage.enqueue(pickle.dumps(Trap()))
    with pytest.raises(ValueError):
        queue.dequeue()
    assert not (tmp_path / "sprung").exists()
    queue.storage.close()


def test_making_the_queue_twice_loses_no_message(settings: Settings) -> None:
    queue = tasks.make_queue(settings)
    queue.storage.enqueue(b"{}")
    tasks.create_queue(settings)
    assert queue.storage.queue_size() == 1
    queue.storage.close()


def test_an_immediate_queue_needs_no_tables(tmp_path: Path) -> None:
    tasks.create_queue(Settings(home=tmp_path, tasks_immediate=True))
    assert list(tmp_path.iterdir()) == []


def test_the_password_shows_nowhere(new_database: Callable[..., str], tmp_path: Path) -> None:
    url = new_database()
    password = url.split(":")[2].split("@")[0]
    queue = tasks.make_queue(Settings(home=tmp_path, database_url=url))
    seen = f"{queue!r} {vars(queue)} {vars(queue.storage)} {queue.storage.connection!r}"
    assert password not in seen
    with pytest.raises(SetupError) as caught:
        tasks.create_queue(Settings(home=tmp_path, database_url=url.replace(url[-6:], "absent")))
    assert password not in str(caught.value)


def test_a_server_that_does_not_answer_is_named_with_what_to_do() -> None:
    with socket.socket() as probe:  # bound and not listening: nobody answers here
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        url = f"postgresql://liangze:geheim@127.0.0.1:{port}/liangze"
        engine = open_engine(url)
        with pytest.raises(SetupError, match=rf"E-SYS-011 .*127\.0\.0\.1:{port}/liangze") as caught:
            engine.connect()
        assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x@y/z", "postgresql+psycopg://a:b@c:port/d", "://"])
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SetupError, match="E-SYS-012") as caught:
        open_engine(url)
    assert url == "://" or url not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_address_may_be_written_as_postgresqls_own_tools_do(
    new_database: Callable[..., str], scheme: str
) -> None:
    engine = open_engine(new_database().replace("postgresql+psycopg", scheme))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()
