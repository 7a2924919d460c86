"""Background tasks on Huey: thin, idempotent, payload a row id as JSON, never pickle, never a secret."""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from huey import Huey, PostgresHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer

from service.db.engine import is_postgresql, postgresql_connector
from service.settings import Settings
from service.workflows import jobs, work
from service.workflows.parts import Parts

NAME = "liangze"
PREFIX = "queue"  # of its tables, beside those of the schema
LISTEN_SECONDS = 0.25  # a worker looks at least this often whether it is to stop
ALONE_SECONDS = 10.0  # after which a job is enqueued that its writer should have gone on with


class JsonSerializer(Serializer):  # type: ignore[misc] # huey has no types
    """Queue messages as JSON: a hostile row in the queue can name a job and nothing else."""

    def _serialize(self, data: Any) -> bytes:
        value = {"message": data._asdict()} if isinstance(data, Message) else {"value": data}
        return json.dumps(value, separators=(",", ":")).encode()

    def _deserialize(self, data: bytes) -> Any:
        value = json.loads(data)
        if "message" not in value:
            return value["value"]
        fields = value["message"]
        return Message(**{**fields, "args": tuple(fields["args"])})


def make_queue(settings: Settings) -> Huey:
    """Return the queue of this deployment, beside its database; it may lose messages, the job rows may not."""
    common = {"serializer": JsonSerializer(), "results": False, "immediate": settings.tasks_immediate}
    if not is_postgresql(settings.database):
        return SqliteHuey(NAME, filename=str(settings.home / "queue.sqlite3"), **common)
    queue = PostgresHuey(
        NAME,
        connection=postgresql_connector(settings.database),
        read_timeout=LISTEN_SECONDS,
        table_prefix=PREFIX,
        create_tables=False,
        **common,
    )
    queue.on_shutdown(name="close")(queue.storage.close)  # a worker's ear for new messages is its own
    return queue


def create_queue(settings: Settings) -> None:
    """Make the queue's tables where they are wanting; part of `init`, for a server's user may not make tables."""
    queue = make_queue(settings)
    if not queue.immediate:  # an immediate queue keeps its messages in memory
        queue.storage.initialize_schema()
        queue.storage.close()


def register(queue: Huey, parts: Parts) -> Callable[[int], Any]:
    """Register the one task on `queue` and return its handle: call it with a job's row id to enqueue it."""

    @queue.task(name="run_job")  # type: ignore[untyped-decorator]
    def run_job(job_id: int) -> None:
        due = deque([job_id])
        while due:
            due.extend(jobs.run(parts, due.popleft(), work.TASKS))

    return run_job  # type: ignore[no-any-return]


class Feeder:
    """Enqueues what is pending, each attempt once.

    What a worker goes on with by itself is left to it for a while; where it still waits then, that worker has died.
    """

    def __init__(self, parts: Parts, run_job: Callable[[int], Any]) -> None:
        self._parts, self._run_job = parts, run_job
        self._fed: set[tuple[int, int]] = set()
        self._seen: dict[int, float] | None = None

    def feed(self) -> list[tuple[int, int]]:
        """Enqueue pending jobs not fed yet (or fed before their last attempt) and return all that are pending."""
        with self._parts.reader.begin() as session:
            pending = jobs.pending(session, self._parts.clock())
            going_on = jobs.going_on(session) if pending else set()
        alone = self._alone(going_on)
        for job in pending:
            if job not in self._fed and (job[0] not in going_on or job[0] in alone):
                self._fed.add(job)
                self._run_job(job[0])
        return pending

    def again(self) -> None:
        """Let all that is pending be enqueued anew: a queue forgets a message when it hands it out."""
        self._fed.clear()
        self._seen = None

    def _alone(self, going_on: set[int]) -> set[int]:
        """Return those of the jobs with which nobody goes on: known for long, or left from before."""
        now = time.monotonic()
        if self._seen is None:
            self._seen = dict.fromkeys(going_on, now - ALONE_SECONDS)
        self._seen = {job: self._seen.get(job, now) for job in going_on}
        return {job for job, since in self._seen.items() if now - since >= ALONE_SECONDS}
