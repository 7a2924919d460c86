"""Checking letters: gather trust from files, judge, compare with poppler's pdfsig, export receipts and letters."""

import hashlib
import shutil
import subprocess
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from service.core import FileDigest, Sha256Hex, parse_entry
from service.db.tables import Letter, LogEntry, LogHead
from service.errors import InputError, SetupError, VerificationError
from service.tlog import proof
from service.verification import showing
from service.verification import trust as bundles
from service.verification.isolation import Job, Pool
from service.verification.reasons import REASONS
from service.verification.report import Reason, Report, Status, verdict_of
from service.verification.trust import Trust
from service.workflows import letters, receipts
from service.workflows.parts import Parts
from service.workflows.sources import Source, read_file

RECEIPT = ".tlog-proof"


@dataclass(frozen=True, slots=True)
class Final:
    """A finished letter: its number, bytes and receipt."""

    id: str
    number: str
    pdf: bytes
    receipt: bytes


def gather_trust(paths: Sequence[Path], log_key: Path | None = None) -> Trust:
    """Return the trust that bundles, certificates (PEM or DER) and folders of both give together."""
    found = [_trust_of(path) for path in _expand(paths, (".json", ".pem", ".crt", ".cer", ".der"))]
    if log_key is not None:
        found.append(bundles.trust_of_log(read_text(log_key)))
    return bundles.merge(*found)


def _trust_of(path: Path) -> Trust:
    data = read_file(path)
    if data.lstrip()[:1] == b"{":
        return Trust.read_bundle(data)
    return bundles.trust_of_certificates(data)


def read_text(path: Path) -> str:
    """Return the text of a key file; raise InputError when it is none."""
    try:
        return read_file(path).decode("ascii").strip()
    except UnicodeDecodeError as exc:
        raise InputError("E-VER-103", f"{path} 不是日志公钥文件（log.vkey）。") from exc


def _expand(paths: Iterable[Path], suffixes: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in suffixes)
            if not inside:
                raise InputError("E-VER-104", f"文件夹 {path} 中没有可用的文件（{'、'.join(suffixes)}）。")
            found += inside
        else:
            found.append(path)
    return found


@dataclass(frozen=True, slots=True)
class Receipts:
    """The receipts at hand: one named for whatever is checked, or many, found by the digest they speak of."""

    sole: bytes | None = None
    by_digest: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)

    def of(self, data: bytes) -> bytes | None:
        """Return the receipt of `data`, else the one of its longest logged beginning (a renewed file)."""
        if self.sole is not None:
            return self.sole
        digest, at, found = hashlib.sha256(), 0, None
        for size in sorted({size for size, _ in self.by_digest.values() if size <= len(data)}):
            digest.update(data[at:size])
            at = size
            found = self.by_digest.get(digest.hexdigest(), (0, found))[1]
        return found


def gather_receipts(path: Path) -> Receipts:
    """Return the receipt of a file, or those of a folder; raise InputError for what is no receipt."""
    if not path.is_dir():
        return Receipts(sole=read_file(path))
    found: dict[str, tuple[int, bytes]] = {}
    for one in _expand([path], (RECEIPT,)):
        data = read_file(one)
        try:
            file = parse_entry(proof.parse_proof(data).extra or b"").file
        except InputError as exc:
            raise InputError("E-VER-106", f"{one} 不是存证回执：{exc.message}") from exc
        if file is not None:
            found[file.sha256] = (file.size, data)
    return Receipts(by_digest=found)


def check_sources(
    found: Iterable[Source],
    trust: Trust,
    now: datetime,
    receipts: Receipts | None = None,
    *,
    workers: int = 1,
    fresh: bool = False,
) -> Iterator[Report]:
    """Yield the report of each file in order; `workers` processes with limits share the work (isolation.Pool).

    Where receipts are at hand and none is this file's, the verdict is not `valid`. A process that holds keys or
    runs threads takes `fresh`.
    """
    with Pool(workers, fresh=fresh) as pool:
        for report, source, receipt in _judge_all(pool, found, trust, now, receipts):
            if source.fault is not None:
                yield replace(_unread(report, source.fault), file=source.file)
            else:
                yield report if receipt or not receipts else _without_receipt(report)


def check_all(
    paths: Sequence[Path], trust: Trust, now: datetime, receipts: Receipts | None = None, *, workers: int = 1
) -> Iterator[Report]:
    """Yield the report of each file on disk, in order, from a process that holds keys."""
    found = (Source(str(path), read_file(path)) for path in paths)
    return check_sources(found, trust, now, receipts, workers=workers, fresh=True)


def _judge_all(
    pool: Pool, found: Iterable[Source], trust: Trust, now: datetime, receipts: Receipts | None
) -> Iterator[tuple[Report, Source, bool]]:
    """Yield each report with its source, whose bytes are gone by then, and whether a receipt was at hand."""
    judged: deque[tuple[Source, bool]] = deque()

    def jobs() -> Iterator[Job]:
        for source in found:
            receipt = receipts.of(source.data) if receipts else None
            judged.append((Source(source.file, fault=source.fault), receipt is not None))
            yield Job(source.data, source.file, receipt)

    for report in pool.verify_all(jobs(), trust, now):
        source, had = judged.popleft()
        yield report, source, had


def _unread(report: Report, code: str) -> Report:
    reasons = (Reason(code, REASONS[code].text),)
    return replace(report, sha256="", reasons=reasons, verdict=verdict_of(reasons), status=Status.UNKNOWN)


def _without_receipt(report: Report) -> Report:
    reasons = (*report.reasons, Reason("RECEIPT_MISSING", REASONS["RECEIPT_MISSING"].text))
    status = Status.UNKNOWN if report.status is Status.IN_FORCE else report.status
    return replace(report, reasons=reasons, verdict=verdict_of(reasons), status=status)


def certificates_of(source: Source) -> tuple[bytes, ...]:
    """Return the certificates that a file brings along, read in a process with limits."""
    return showing.certificates(source.data) if source.fault is None else ()


def finals(parts: Parts) -> list[Final]:
    """Return every finished letter with its receipt."""
    with parts.sessions.begin() as session:
        rows = session.execute(
            select(Letter.id, Letter.number, Letter.head, LogEntry.index.label("place"), LogHead)
            .join(LogEntry, LogEntry.id == Letter.id)
            .join(LogHead, LogHead.origin == LogEntry.origin)
            .where(Letter.state.in_(letters.FINISHED))
            .order_by(Letter.number, LogHead.time, LogEntry.index)
        ).all()
    newest = {row.id: row for row in rows}
    return [
        Final(
            row.id,
            row.number,
            parts.store.get(Sha256Hex(row.head)),
            receipts.receipt(parts, row.LogHead, row.place),
        )
        for row in newest.values()
    ]


def object_check(trust: Trust, now: datetime) -> Callable[[FileDigest, int, bytes], list[str]]:
    """Return the check of a full audit: every signed PDF in the store is judged, whichever revision it is."""

    pool = Pool(fresh=True)

    def check_object(_digest: FileDigest, _index: int, data: bytes) -> list[str]:
        if not data.startswith(b"%PDF") or b"/ByteRange" not in data:
            return []
        report = pool.verify(data, trust, now)
        return [] if report.verdict == "valid" else [reason.text for reason in report.reasons]

    weakref.finalize(check_object, pool.close)
    return check_object


def pdfsig(path: Path) -> None:
    """Raise VerificationError unless poppler's pdfsig, an independent program, accepts every signature."""
    program = shutil.which("pdfsig")
    if program is None:
        raise SetupError("E-SYS-030", "缺少 pdfsig（poppler-utils），请运行 make setup。")
    done = subprocess.run(  # noqa: S603 - a fixed program, no shell
        [program, "-nocert", str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    valid = done.stdout.count("Signature Validation: Signature is Valid.")
    # poppler cannot check document timestamps ("not yet verified"); everything else must be valid.
    unknown = done.stdout.count("Signature has not yet been verified")
    if valid == 0 or valid + unknown != done.stdout.count("Signature Validation:"):
        raise VerificationError("E-VER-105", f"pdfsig 不认可 {path.name} 的签名。")
