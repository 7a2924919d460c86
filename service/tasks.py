"""Background tasks on Huey: thin, idempotent, payload a row id as JSON, never pickle, never a secret."""

import json
from collections.abc import Callable
from typing import Any

from huey import Huey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer

from service.settings import Settings
from service.workflows import jobs, work
from service.workflows.parts import Parts


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
    """Return the queue of this deployment; it may lose messages, the job rows may not."""
    return SqliteHuey(
        "liangze",
        filename=str(settings.home / "queue.sqlite3"),
        serializer=JsonSerializer(),
        results=False,
        immediate=settings.tasks_immediate,
    )


def register(queue: Huey, parts: Parts) -> Callable[[int], Any]:
    """Register the one task on `queue` and return its handle: call it with a job's row id to enqueue it."""

    @queue.task(name="run_job")  # type: ignore[untyped-decorator]
    def run_job(job_id: int) -> None:
        jobs.run(parts, job_id, work.TASKS)

    return run_job  # type: ignore[no-any-return]
