"""Batch (批量生成): all papers of a kind in a scope, by worker processes, resumable.

One faulty row never stops the rest. The contents are read in this process, in one transaction that holds
nobody up; the workers only render and write.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from service.clock import china_day
from service.core import content_json, sha256_hex
from service.db.engine import open_reader, sessions_of
from service.documents import binding
from service.documents.written import Written
from service.errors import ConflictError, CorruptError, UsageError
from service.workflows import batch_folder, going_out, marks, paper_sources, texts, writing
from service.workflows.batch_folder import Fault, Folder, Made
from service.workflows.batch_work import Hand, Paper, Pool, Refused, Waiting, made_with
from service.workflows.going_out import Going
from service.workflows.papers.desk import Desk, Target
from service.workflows.parts import Parts

FORMATS = ("pdf", "docx")
MERGED = "合订本.pdf"
_QUEUED = 4  # papers that wait for each worker: enough to keep it busy, few enough to keep memory flat
_FEW = 2  # papers that are made sooner than a worker process begins
_UNSAFE = re.compile(r"[^\w（）〔〕-]+")
_NAME_LIMIT = 60  # characters of a file's name: 180 bytes at most, all file systems take 255

Progress = Callable[[int, int, int], None]
"""Called with papers done, papers in all, papers that were rendered in this run."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    kind: str
    unit: str | None = None
    tier: str | None = None
    formats: tuple[str, ...] = FORMATS


@dataclass(slots=True)
class Outcome:
    """What a batch did."""

    made: list[Made] = field(default_factory=list)
    rendered: int = 0
    faults: list[Fault] = field(default_factory=list)
    merged: Path | None = None


def run(
    parts: Parts,
    order: Order,
    out: Path,
    *,
    written: Sequence[Written] = (),
    merged: bool = False,
    workers: int = 2,
    progress: Progress = lambda *_: None,
) -> Outcome:
    """Make everything the order names in `out` that is not finished there; raise what stops the whole of it.

    Without workers, or for very few papers, all is done in this process.

    Of documents `written` in a content file these are made, else what the registry has.
    A paper that cannot be made is a fault of the outcome and a row of faults.csv.
    """
    _require(order, merged)
    kind, on = texts.printable(parts, order.kind), china_day(parts.clock())
    name: dict[str, Any] = {
        **{"kind": order.kind, "unit": order.unit, "tier": order.tier, "formats": list(order.formats)},
        **({"content": True} if written else {}),
    }
    with batch_folder.open_folder(out, name) as folder, _desk(parts, on) as desk:
        source = writing.Source(kind, written) if written else paper_sources.Registry(order.kind)
        found = source.targets(desk, order.unit, order.tier)
        if not found:
            raise UsageError("E-DOC-110", f"这个范围内没有可以生成的“{kind.title}”。")
        hand = Hand(kind, parts.settings.fonts, out, specimen=parts.demo)
        crew = workers if len(found) > _FEW else 0
        outcome = _Run(parts, desk, source, hand, folder, order.formats).make(found, crew, progress)
        outcome.made = folder.made()
        bound = _bind(folder, outcome) if merged else None
        about = {
            "v": 1,
            "order": name,
            "title": kind.title,
            "on": on.isoformat(),
            "text": kind.text_status.value,
        }
        folder.close({**about, "faults": len(outcome.faults), "merged": bound}, outcome.faults)
    parts.log.publish()
    return outcome


def _require(order: Order, merged: bool) -> None:
    if not order.formats or set(order.formats) - set(FORMATS):
        raise UsageError("E-DOC-111", "--format 只能取 pdf、docx，可用逗号并列。")
    if merged and "pdf" not in order.formats:
        raise UsageError("E-DOC-111", "合订本由 PDF 合成，--format 须含 pdf。")


@contextmanager
def _desk(parts: Parts, on: date) -> Iterator[Desk]:
    engine = open_reader(parts.settings.database)
    try:
        with sessions_of(engine).begin() as session:
            yield Desk(session, on, parts.rules)
    finally:
        engine.dispose()


class _Run:
    """One run: what is read, what is waited for, what came of it."""

    def __init__(
        self,
        parts: Parts,
        desk: Desk,
        source: paper_sources.Source,
        hand: "Hand",
        folder: Folder,
        formats: tuple[str, ...],
    ) -> None:
        self._parts, self._desk, self._source = parts, desk, source
        self._hand, self._folder, self._formats = hand, folder, formats
        self._base = made_with(hand, marks.keys(parts)[0], marks.public_url(parts.settings))
        self._outcome = Outcome()
        with parts.sessions.begin() as session:
            self._dead = frozenset[str]().union(*(marks.dead_contents(session, one) for one in marks.DEAD))

    def make(self, found: list[Target], workers: int, progress: Progress) -> Outcome:
        """Make what is not finished; the pool begins with the first paper that is not."""
        done = 0
        waiting: Waiting = {}
        with Pool(workers, self._hand) as pool:
            for stem, target in _stems(found):
                paper = self._read(stem, target)
                if paper is not None:
                    waiting[pool.submit(paper)] = paper
                while len(waiting) >= max(workers, 1) * _QUEUED:
                    self._collect(waiting)
                done += 1
                progress(done - len(waiting), len(found), self._outcome.rendered)
            while waiting:
                self._collect(waiting)
                progress(done - len(waiting), len(found), self._outcome.rendered)
        return self._outcome

    def _read(self, stem: str, target: Target) -> Paper | None:
        """Return a paper that is still to be made; none where it is finished or faulty."""
        try:
            content = self._source.content(self._desk, target.id)
            body = content_json(content.envelope, content.fields)
        except Exception as error:  # one row must not stop the rest, whatever is wrong with it
            self._fault(stem, target, Refused.by(error, target.id))
            return None
        made_of = sha256_hex(self._base + body)
        formats = self._formats  # all of what was ended meanwhile: it holds again once it is issued again
        if marks.content_prefix(body) not in self._dead:
            formats = tuple(one for one in formats if not self._folder.finished(f"{stem}.{one}", made_of))
        if not formats:
            return None
        return Paper(stem, target, content, made_of, formats, marks.mark(self._parts, content))

    def _collect(self, waiting: "Waiting") -> None:
        ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for one in ready:
            paper = waiting.pop(one)
            try:
                came = one.result()
            except BrokenProcessPool as exc:
                raise CorruptError(
                    "E-DOC-112",
                    "有工作进程被系统终止（可能内存不足）。已完成的文书都已记下，再运行一次即可接着做。",
                ) from exc
            if isinstance(came, Refused):
                self._fault(paper.stem, paper.target, came)
                continue
            try:
                self._put_out(paper, came)
            except ConflictError as error:
                self._fault(paper.stem, paper.target, Refused.by(error, paper.target.id))
                continue
            self._outcome.rendered += 1

    def _put_out(self, paper: Paper, came: list[Made]) -> None:
        """Put a paper on record, then let its files be seen: no page is about whose code nobody could end."""
        for made in came:
            if made.name.endswith(".pdf"):
                about = self._source.about(paper.target, paper.content)
                pdf = batch_folder.waiting(self._folder.path / made.name).read_bytes()
                kind, unit = self._hand.kind, paper.target.unit
                going_out.issue(self._parts, Going(kind, paper.content, about, unit, pdf))
        for made in came:
            self._folder.show(made)

    def _fault(self, stem: str, target: Target, why: "Refused") -> None:
        self._outcome.faults.append(Fault(stem, target.id, target.unit, why.code, why.message))


def _stems(found: list[Target]) -> Iterator[tuple[str, Target]]:
    """Yield each target with a file name that no other has and that stays in the folder, whatever the registry says."""
    used: set[str] = set()
    for target in found:
        plain = _UNSAFE.sub("", target.file_name)[:_NAME_LIMIT].strip("-")
        stem = plain or sha256_hex(target.id.encode())[:16]
        if stem.casefold() in used:
            stem = f"{stem}-{sha256_hex(target.id.encode())[:8]}"
        used.add(stem.casefold())
        yield stem, target


def _bind(folder: Folder, outcome: Outcome) -> dict[str, Any]:
    """Bind all PDFs into one to print, unless it is there; return its line in the manifest."""
    found = [made for made in folder.made() if made.name.endswith(".pdf")]
    made_of = sha256_hex("".join(made.sha256 for made in found).encode())
    outcome.merged = path = folder.path / MERGED
    before = folder.merged
    if before.get("made_of") == made_of and before.get("sha256") == batch_folder.file_digest(path):
        return dict(before)
    binding.bind([folder.path / made.name for made in found], path)
    return {"name": MERGED, "made_of": made_of, "sha256": batch_folder.file_digest(path)}
