"""Job rows: work written down in the transaction that needs it, run by a worker, swept until done.

The queue only carries row ids. It may lose or repeat them: a job row stays pending until its work is
committed, and every piece of work is a compare-and-swap that a repetition finds already done.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.db.tables import Job
from service.errors import ServiceError
from service.workflows.parts import Parts

MAX_ATTEMPTS = 5

Work = Callable[[Parts, str], None]
_log = structlog.get_logger("liangze.jobs")


def add(session: Session, task: str, target: str, now: datetime) -> None:
    """Write down that `task` is due for `target`, once, in the caller's transaction."""
    job = session.scalar(select(Job).where(Job.task == task, Job.target == target))
    if job is None:
        session.add(
            Job(
                task=task,
                target=target,
                state="pending",
                attempts=0,
                fault=None,
                created_at=now,
                updated_at=now,
            )
        )
    elif job.state == "failed":
        job.state, job.attempts, job.updated_at = "pending", 0, now


def pending(session: Session) -> list[tuple[int, int]]:
    """Return (id, attempts so far) of the jobs still to do, oldest first."""
    rows = session.execute(select(Job.id, Job.attempts).where(Job.state == "pending").order_by(Job.id))
    return [(job, attempts) for job, attempts in rows]


def counts(session: Session) -> dict[str, int]:
    """Return how many jobs stand in each state."""
    return dict(session.execute(select(Job.state, func.count()).group_by(Job.state)))


def faults(session: Session) -> list[str]:
    """Return what failed jobs said, for people."""
    rows = session.execute(select(Job.task, Job.target, Job.fault).where(Job.state == "failed"))
    return [f"{task} {target}: {fault}" for task, target, fault in rows]


def run(parts: Parts, job_id: int, work: Mapping[str, Work]) -> None:
    """Do one job; a fault that people must see is kept on the row, and retried up to MAX_ATTEMPTS times."""
    with parts.sessions.begin() as session:
        job = session.get(Job, job_id)
        if job is None or job.state != "pending":
            return
        task, target = job.task, job.target
    try:
        work[task](parts, target)
    except ServiceError as error:
        _log.warning("job_fault", job=job_id, task=task, code=error.code)
        _close(parts, job_id, error)
    except (
        Exception
    ) as error:  # the worker loop: a job that breaks must not stop the others, nor be forgotten
        _log.exception("job_broken", job=job_id, task=task)
        _close(parts, job_id, ServiceError("E-SYS-061", f"内部错误（{type(error).__name__}），详见日志。"))
    else:
        _close(parts, job_id, None)


def _close(parts: Parts, job_id: int, error: ServiceError | None) -> None:
    with parts.sessions.begin() as session:
        job = session.get_one(Job, job_id)
        job.attempts += 1
        job.updated_at = parts.clock()
        job.fault = str(error) if error else None
        if error is None:
            job.state = "done"
        elif job.attempts >= MAX_ATTEMPTS:
            job.state = "failed"
