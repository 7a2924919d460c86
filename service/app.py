"""Composition root: settings in, parts and tasks out; the only wiring."""

import ctypes
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from huey import Huey
from huey.consumer import Consumer
from sqlalchemy import Engine

from service import tasks
from service.archive import log as archive_log
from service.archive import origins
from service.clock import Clock, system_clock
from service.core import Entropy
from service.db import schema
from service.db.engine import Sessions, open_engine, open_reader, sessions_of
from service.documents.pdf import PdfRenderer
from service.errors import CorruptError, SetupError
from service.keys import service_keys
from service.settings import Settings
from service.signing.timestamps import LocalTimeStamper
from service.signing.tsa_client import HttpTimeStamper, Terms
from service.workflows import enrolment, generations, jobs, outside, periodic, rebuilding, setup
from service.workflows.parts import Parts
from service.workflows.tsa_serials import Serials

POLL_SECONDS = 0.05
SWEEP_SECONDS = 60
PR_SET_PDEATHSIG = 1  # prctl(2), Linux

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class App:
    """One deployment, opened."""

    parts: Parts
    queue: Huey
    run_job: Callable[[int], Any]

    def pending(self) -> int:
        """Return how many jobs are still to do."""
        with self.parts.reader.begin() as session:
            return len(jobs.pending(session, self.parts.clock()))

    def waiting(self) -> list[str]:
        """Return why jobs wait that something outside keeps from being done (待时间戳), one line each."""
        with self.parts.reader.begin() as session:
            return jobs.waiting(session)

    def hurry(self) -> None:
        """Let what waits be tried now, whatever its time."""
        with self.parts.sessions.begin() as session:
            jobs.hurry(session)

    def drain(self, progress: Progress | None = None) -> None:
        """Have every pending job done by a worker of this process; raise the first fault of those that failed."""
        feeder = tasks.Feeder(self.parts, self.run_job)
        known: set[tuple[int, int]] = set()
        done = 0
        with self._working() as is_sweep_due:
            while waiting := feeder.feed():
                known.update(waiting)
                done = max(done, len(known) - len(waiting))
                if progress:
                    progress(done, len(known))
                time.sleep(POLL_SECONDS)
                if is_sweep_due():
                    feeder.again()
        with self.parts.reader.begin() as session:
            faults = jobs.faults(session)
        if faults:
            raise CorruptError("E-SYS-060", f"有 {len(faults)} 项后台工作失败：{faults[0]}")

    def serve(self) -> None:
        """Work until the process is told to stop; what is pending is fed again every minute."""
        feeder = tasks.Feeder(self.parts, self.run_job)
        with self._working() as is_sweep_due:
            while True:
                feeder.feed()
                time.sleep(POLL_SECONDS * 10)
                if is_sweep_due():
                    feeder.again()
                    periodic.run(self.parts)

    @contextmanager
    def _working(self) -> Iterator[Callable[[], bool]]:
        """Run the Huey workers for the length of the block; each ends after the task in hand.

        Yields what replaces workers that died and says whether all that is pending should be fed again: the
        queue forgets a message when it hands it out, so one whose worker died, or failed before the job row told
        of it, comes back only so.
        """
        many = self.parts.settings.workers > 1
        consumer = self.queue.create_consumer(
            workers=self.parts.settings.workers,
            worker_type="process" if many else "thread",
            periodic=False,
            initial_delay=0.01,
            max_delay=0.05,
            check_worker_health=False,
        )
        if many:  # children must not share the parent's connection to the queue
            self.queue.storage.close()
            gc.freeze()  # what is loaded stays: else each full collection takes them 0.15 s
        hands = [hand for _, hand in consumer.worker_threads]
        for hand in hands:
            hand.start()
        swept = time.monotonic()

        def is_sweep_due() -> bool:
            nonlocal swept
            if not _replace_dead(consumer, hands) and time.monotonic() - swept < SWEEP_SECONDS:
                return False
            swept = time.monotonic()
            return True

        try:
            yield is_sweep_due
        finally:
            consumer.stop_flag.set()
            for hand in hands:
                hand.join()
            self.queue.storage.close()


def _replace_dead(consumer: Consumer, hands: list[Any]) -> bool:
    """Start a worker for each that has died (out of memory, killed); say whether there was one."""
    dead = [at for at, hand in enumerate(hands) if not hand.is_alive()]
    if dead:  # a forked child must not share the parent's connection to the queue
        consumer.huey.storage.close()
    for at in dead:
        hands[at] = consumer._create_process(consumer._create_worker(), f"Worker-{at + 1}")
        hands[at].start()
    return bool(dead)


def _settle(*engines: Engine) -> None:
    """Make a forked worker its own: its own database connections, and an end when its parent ends."""
    for engine in engines:
        engine.dispose(close=False)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def build(settings: Settings, clock: Clock = system_clock, entropy: Entropy = os.urandom) -> App:
    """Open a deployment that `init` has made; raise SetupError when there is none."""
    setup.require_ready(settings)
    parts = _open(settings, clock, entropy)
    with parts.sessions.begin() as session:
        setup.require_same_environment(session, settings)
        if setup.read_setting(session, setup.MARK) is None:
            raise SetupError("E-SYS-021", f"数据目录 {settings.home} 的初始化未完成，请再运行 liangze init。")
    queue = tasks.make_queue(settings)
    if settings.workers > 1:
        engines = [one.kw["bind"] for one in (parts.sessions, parts.reader)]
        queue.on_startup(name="settle")(partial(_settle, *engines))
    return App(parts, queue, tasks.register(queue, parts))


def initialise(
    settings: Settings,
    clock: Clock = system_clock,
    entropy: Entropy = os.urandom,
    *,
    organization: str = "两责系统演示单位",
) -> None:
    """Make a deployment: folders, keys, database, log; its own certificates are the log's first entries."""
    setup.init(settings, clock, entropy, organization=organization)
    tasks.create_queue(settings)
    parts = _open(settings, clock, entropy)
    uses = {"issuing_ca": "ca", "tsa_ca": "tsa_ca", "tsa": "tsa"}
    found = setup.certificates(settings)
    for der in found.values():
        parts.store.put(der)
    with parts.sessions.begin() as session:
        for name, der in found.items():
            issuer = found["tsa_ca"] if name == "tsa" else None
            session.add(enrolment.certificate_row(der, uses[name], issuer=issuer))
            enrolment.log_certificate(parts, session, der, clock())
        setup.finish(session)
    parts.log.publish()
    parts.close()


def rebuild(settings: Settings, crls: Sequence[bytes], clock: Clock = system_clock) -> int:
    """Make the lost database of a deployment anew from its archive and keys; return how many entries its log has."""
    head = rebuilding.rebuild_deployment(settings, clock, crls)
    tasks.create_queue(settings)
    return head.checkpoint.size


def _open(settings: Settings, clock: Clock, entropy: Entropy) -> Parts:
    engine = open_engine(settings.database)
    schema.require_current(engine)
    sessions, reader = sessions_of(engine), sessions_of(open_reader(settings.database))
    signers = setup.load_signers(settings)
    store, work = setup.stores(settings)
    with sessions.begin() as session:
        origin = setup.read_setting(session, "log_origin") or ""
        own = generations.load(settings, session)
    origins.set_aside(settings.archive, origin)
    return Parts(
        settings=settings,
        sessions=sessions,
        reader=reader,
        clock=clock,
        entropy=entropy,
        store=store,
        work=work,
        log=archive_log.load(sessions, settings.archive, origin, signers["log"], reader),
        renderer=PdfRenderer(settings.fonts),
        issuing_ca=own.issuing[0],
        tsa_ca=own.timing[0],
        earlier=(*own.issuing[1:], *own.timing[1:]),
        timestamper=_timestamper(settings, own, sessions, clock, entropy),
        trust_key=signers["trust"],
        qr_key=signers["qr"],
        pepper=lambda: service_keys.load_pepper(settings.pepper),
    )


def _timestamper(
    settings: Settings, own: generations.Loaded, sessions: Sessions, clock: Clock, entropy: Entropy
) -> LocalTimeStamper | HttpTimeStamper:
    """Return the outside authorities where they are configured, else the local one; never one for the other."""
    if settings.tsa_urls.split():
        terms = Terms(
            tuple(settings.tsa_urls.split()),
            lambda: [one for one in outside.anchors(settings.anchors) if one.use == "time"],
            settings.tsa_policy or None,
        )
        return HttpTimeStamper(terms, clock, entropy)
    return LocalTimeStamper(
        own.tsa.signer,
        own.tsa.certificate,
        [own.timing[0].certificate],
        clock,
        Serials(sessions, entropy),
    )
