"""What the workers of a batch do: render one paper, lay its files ready; they end with the batch, however it ends."""

import ctypes
import hashlib
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import structlog

from service.core import sha256_hex
from service.documents import catalogue
from service.documents.content import Content
from service.documents.docx import render_docx
from service.documents.fonts import known
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.errors import ServiceError
from service.workflows import batch_folder
from service.workflows.batch_folder import Made
from service.workflows.papers.desk import Target

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux
_log = structlog.get_logger("liangze.batch")


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper on its way to a worker."""

    stem: str
    target: Target
    content: Content
    made_of: str
    formats: tuple[str, ...]
    mark: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a paper was not made; a value, since not every exception survives the way between processes."""

    code: str
    message: str

    @classmethod
    def by(cls, error: Exception, paper: str) -> "Refused":
        """Return what an exception says to people; what nobody foresaw goes to the log by its type."""
        if isinstance(error, ServiceError):
            return cls(error.code, error.message)
        _log.error("paper_broken", paper=paper, error=type(error).__name__)
        return cls("E-DOC-113", f"内部错误（{type(error).__name__}），请把此行报给维护人员。")


@dataclass(frozen=True, slots=True)
class Hand:
    """What a worker makes papers with."""

    kind: Kind
    fonts: Path
    folder: Path
    specimen: bool


Waiting = dict[Future[list[Made] | Refused], Paper]


class Pool:
    """The worker processes, begun when first needed; they end with this process, however it ends."""

    def __init__(self, workers: int, hand: Hand) -> None:
        self._workers, self._hand = workers, hand
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, paper: Paper) -> "Future[list[Made] | Refused]":
        """Have a worker make a paper; without workers it is made at once."""
        if not self._workers:
            done: Future[list[Made] | Refused] = Future()
            done.set_result(_make(self._hand, paper))
            return done
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(self._hand,)
            )
        return self._pool.submit(_work, paper)


_hand: Hand | None = None  # of a worker process, set as it begins


def _begin(hand: Hand) -> None:
    global _hand
    _hand = hand
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@cache
def _renderer(fonts: Path) -> PdfRenderer:
    return PdfRenderer(fonts)


def _work(paper: Paper) -> list[Made] | Refused:
    if _hand is None:
        raise RuntimeError("this process was not begun as a worker")
    return _make(_hand, paper)


def _make(hand: Hand, paper: Paper) -> list[Made] | Refused:
    """Render a paper and have its files lie ready, unseen yet; return them, or why there are none."""
    try:
        return [_write(hand, paper, one) for one in paper.formats]
    except Exception as error:  # one paper must not stop the rest, whatever is wrong with it
        return Refused.by(error, paper.target.id)


def _write(hand: Hand, paper: Paper, form: str) -> Made:
    if form == "pdf":
        data = _renderer(hand.fonts).render(hand.kind, paper.content, specimen=hand.specimen, mark=paper.mark)
    else:
        data = render_docx(hand.kind, paper.content, specimen=hand.specimen, faces=known(hand.fonts))
    name, target = f"{paper.stem}.{form}", paper.target
    batch_folder.waiting(hand.folder / name).write_bytes(data)
    return Made(name, target.id, target.unit, paper.made_of, sha256_hex(data), len(data))


def made_with(hand: Hand, *code: str) -> bytes:
    """Return what changes when template, program, fonts, marks, or key and address of the QR codes do.

    Files made with other ones are made again.
    """
    folder = Path(catalogue.__file__).parent
    program = [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in (".py", ".css")]
    fonts = [f"{path.name} {path.stat().st_size}".encode() for path in sorted(hand.fonts.glob("*"))]
    parts = [
        catalogue.wording_digest(hand.kind.folder),
        hand.kind.text_status.value,
        str(hand.specimen),
        *code,
    ]
    digest = hashlib.sha256()
    for value in (*program, *fonts, *(part.encode() for part in parts)):
        digest.update(hashlib.sha256(value).digest())
    return digest.digest()
