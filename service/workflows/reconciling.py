"""After a restore: is anything missing that someone has already seen? Only then may the log go on, or a new one begin.

Evidence is every checkpoint newer than the backup that can be found: kept ones, those in receipts people hold, and what
the witnesses have cosigned. A restored log that is shorter than any of them has lost entries and never goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import httpx

from service.archive import origins
from service.archive.folder import Head
from service.archive.log import Log
from service.archive.witness import Submission, format_submission
from service.clock import format_utc
from service.core import Entry, Event, FileDigest, LetterId
from service.db.tables import Setting
from service.errors import ConflictError, InputError, NotFoundError
from service.tlog import note, proof
from service.workflows import witnessing
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that tells how far the log had come."""

    source: str
    size: int
    signed: bytes | None
    """The checkpoint itself, where it is at hand."""


def evidence(parts: Parts, receipts: Sequence[bytes], checkpoints: Sequence[bytes]) -> list[Evidence]:
    """Gather what kept checkpoints, receipts, given checkpoints and witnesses tell."""
    found = [_of(f"kept/{size}", parts.log.kept.read(size).signed) for size in parts.log.kept.sizes()]
    found += [_of("回执", proof.parse_proof(one).checkpoint) for one in receipts]
    found += [_of("检查点", one) for one in checkpoints]
    return [*found, *_witnesses(parts)]


def reconcile(parts: Parts, found: Iterable[Evidence], *, alone: bool = False) -> int:
    """Let the restored log go on and return its size; raise ConflictError where entries are lost or history differs.

    `alone` says that there is no evidence but the backup itself, and that this is known and wanted.
    """
    head = parts.log.published()
    if head is None or parts.log.held() is None:
        raise ConflictError("E-SYS-160", "存证日志没有停写，无需核对。")
    pieces = list(found)
    if not pieces and not alone:
        raise InputError("E-SYS-161", "没有回执、检查点或见证方可供核对；确知没有时，请加 --alone 声明。")
    for one in pieces:
        _require_within(parts.log, head, one)
    with parts.sessions.begin() as session:
        parts.log.hold(session, None)
    return head.checkpoint.size


def new_origin(parts: Parts, name: str) -> bytes:
    """End the held log and begin one called `name`; return the signed head that its first entry names.

    The next start sets the old log's folder aside (`origins.set_aside`) and publishes the new one.
    """
    head = parts.log.published()
    if head is None or parts.log.held() is None:
        raise ConflictError("E-SYS-160", "存证日志没有停写，不能另起新日志。")
    old = note.Verifier.parse(parts.log.vkey).name
    if name == old:
        raise InputError("E-SYS-162", "新日志须另取名称。")
    now = parts.clock()
    log = parts.log.renamed(name)
    parts.store.put(head.signed)
    entry = Entry(
        kind="log",
        event=Event.ORIGIN,
        id=LetterId(parts.entropy(16).hex()),
        time=format_utc(now),
        file=FileDigest.of(head.signed),
    )
    with parts.sessions.begin() as session:
        parts.log.hold(session, f"已于 {format_utc(now)} 终止，由 {name} 接续。")
        log.begin(session, now)
        log.append(session, [entry.to_bytes()], now)
        session.merge(Setting(name="log_origin", value=name))
    origins.set_aside(parts.settings.archive, name)
    log.publish()
    return head.signed


def _require_within(log: Log, head: Head, one: Evidence) -> None:
    if one.size > head.checkpoint.size:
        lost = one.size - head.checkpoint.size
        raise ConflictError(
            "E-SYS-163",
            f"{one.source}见过 {one.size} 条，恢复出的只有 {head.checkpoint.size} 条：少了 {lost} 条，日志不能续写。"
            "请找回更新的备份，或运行 liangze archive new-origin 另起新日志。",
        )
    if one.signed is not None and not log.contains(one.signed):
        raise ConflictError(
            "E-SYS-164", f"{one.source}所记的历史与恢复出的不同：备份不是这个日志的，或日志被改写过。"
        )


def _of(source: str, signed: bytes) -> Evidence:
    text, _ = note.parse_note(signed)
    try:
        size = int(text.split("\n")[1])
    except (IndexError, ValueError) as exc:
        raise InputError("E-SYS-165", f"{source}中没有可读的检查点。") from exc
    return Evidence(source, size, signed)


def _witnesses(parts: Parts) -> list[Evidence]:
    """Ask each witness how far it has cosigned: a request from size 0 is answered with that (409)."""
    head = parts.log.published()
    rows = witnessing.known(parts)
    if head is None or not rows:
        return []
    found = []
    body = format_submission(Submission(0, (), head.signed))
    with httpx.Client(timeout=witnessing.TIMEOUT_SECONDS) as http:
        for row in rows:
            try:
                answer = http.post(f"{row.url}/add-checkpoint", content=body)
            except httpx.HTTPError as exc:
                raise NotFoundError(
                    "E-SYS-166", f"联系不上见证方 {row.url}（{type(exc).__name__}），稍后再核对。"
                ) from exc
            size = int(answer.text) if answer.status_code == 409 and answer.text.strip().isdecimal() else 0
            found.append(Evidence(f"见证方 {row.url} ", size, None))
    return found
