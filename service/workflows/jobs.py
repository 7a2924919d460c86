"""Job rows: work written down in the transaction that needs it, run by a worker, swept until done.

The queue only carries row ids. It may lose or repeat them: a job row stays pending until its work is
committed, and every piece of work is a compare-and-swap that a repetition finds already done.

A letter's next step need not go through the queue: whoever has done one job goes on with those of GOES_ON that it
wrote down. Each is still a row and a commit of its own, and is enqueued where it is left lying.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from service.db.tables import Job
from service.errors import ServiceError, UnavailableError
from service.workflows.parts import Parts

MAX_ATTEMPTS = 5
_BATCH = 500  # targets in one statement; below every database's limit of parameters
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""How long a job rests for which something outside is down; the last one repeats, and it never fails of it."""

GOES_ON = frozenset({"archive", "complete", "todo"})
"""Tasks that only a job before them asks for, and that its worker does next."""

Work = Callable[[Parts, str], None]
_written: ContextVar[list[Job] | None] = ContextVar(
    "jobs that the job in hand has written down", default=None
)
_log = structlog.get_logger("liangze.jobs")


def add(session: Session, task: str, target: str, now: datetime, *, again: bool = False) -> None:
    """Write down that `task` is due for `target`, once, in the caller's transaction; `again`: even if it was done."""
    job = session.scalar(select(Job).where(Job.task == task, Job.target == target))
    if job is None:
        job = Job(
            task=task,
            target=target,
            state="pending",
            attempts=0,
            fault=None,
            not_before=None,
            created_at=now,
            updated_at=now,
        )
        session.add(job)
        if task in GOES_ON and (written := _written.get()) is not None:
            written.append(job)
    elif job.state == "failed" or (again and job.state == "done"):
        job.state, job.attempts, job.not_before, job.updated_at = "pending", 0, None, now


def add_all(session: Session, task: str, targets: Sequence[str], now: datetime) -> None:
    """Write down, as `add` does once for each, that `task` is due for many targets."""
    known = {
        target
        for start in range(0, len(targets), _BATCH)
        for target in session.scalars(
            select(Job.target).where(Job.task == task, Job.target.in_(targets[start : start + _BATCH]))
        )
    }
    fresh = [one for one in targets if one not in known]
    facts = {"task": task, "state": "pending", "attempts": 0, "created_at": now, "updated_at": now}
    if fresh:
        session.execute(insert(Job), [{**facts, "target": one} for one in fresh])
    for one in known:
        add(session, task, one, now)


def pending(session: Session, now: datetime) -> list[tuple[int, int]]:
    """Return (id, attempts so far) of the jobs to do now, oldest first; those that wait are left out."""
    due = Job.not_before.is_(None) | (Job.not_before <= now)
    rows = session.execute(select(Job.id, Job.attempts).where(Job.state == "pending", due).order_by(Job.id))
    return [(job, attempts) for job, attempts in rows]


def going_on(session: Session) -> set[int]:
    """Return the jobs that whoever wrote them down does next, if nothing has happened to it."""
    rows = select(Job.id).where(Job.state == "pending", Job.task.in_(GOES_ON), Job.attempts == 0)
    return set(session.scalars(rows))


def waiting(session: Session) -> list[str]:
    """Return why jobs wait, one line for each."""
    rows = session.scalars(select(Job.fault).where(Job.state == "pending", Job.not_before.is_not(None)))
    return [fault or "" for fault in rows]


def hurry(session: Session) -> int:
    """Let every waiting job be tried at once; return how many there are."""
    found = session.scalars(select(Job).where(Job.state == "pending", Job.not_before.is_not(None))).all()
    for job in found:
        job.not_before = None
    return len(found)


def counts(session: Session) -> dict[str, int]:
    """Return how many jobs stand in each state."""
    return dict(session.execute(select(Job.state, func.count()).group_by(Job.state)))


def faults(session: Session) -> list[str]:
    """Return what failed jobs said, for people."""
    rows = session.execute(select(Job.task, Job.target, Job.fault).where(Job.state == "failed"))
    return [f"{task} {target}: {fault}" for task, target, fault in rows]


def run(parts: Parts, job_id: int, work: Mapping[str, Work]) -> list[int]:
    """Do one job and return those that it wrote down to be done next by whoever did it.

    A fault that people must see is kept on the row, and retried up to MAX_ATTEMPTS times.
    """
    with parts.reader.begin() as session:
        job = session.get(Job, job_id)
        if job is None or job.state != "pending":
            return []
        task, target = job.task, job.target
    try:
        with _noting() as written:
            work[task](parts, target)
    except ServiceError as error:
        _close(parts, job_id, error)
        _log.warning("job_fault", job=job_id, task=task, code=error.code)
    except (
        Exception
    ) as error:  # the worker loop: a job that breaks must not stop the others, nor be forgotten
        _close(parts, job_id, ServiceError("E-SYS-061", f"内部错误（{type(error).__name__}），详见日志。"))
        _log.exception("job_broken", job=job_id, task=task)
    else:
        _close(parts, job_id, None)
        return [one.id for one in written if one.id is not None]
    return []


@contextmanager
def _noting() -> Iterator[list[Job]]:
    """Yield the list of what is written down meanwhile; a row that is rolled back is not there when `run` looks."""
    written: list[Job] = []
    before = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(before)


def _close(parts: Parts, job_id: int, error: ServiceError | None) -> None:
    with parts.sessions.begin() as session:
        job = session.get_one(Job, job_id)
        job.attempts += 1
        job.updated_at = parts.clock()
        job.fault = str(error) if error else None
        job.not_before = None
        if error is None:
            job.state = "done"
        elif isinstance(error, UnavailableError):
            job.not_before = job.updated_at + WAITS[min(job.attempts, len(WAITS)) - 1]
        elif job.attempts >= MAX_ATTEMPTS:
            job.state = "failed"
