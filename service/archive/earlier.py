"""Earlier checkpoints, kept in the folder or by someone else: what an audit compares the rebuilt tree with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.archive import durable
from service.archive.kept import KEPT
from service.archive.objects import Finding
from service.errors import InputError, ServiceError, SetupError, VerificationError
from service.tlog import checkpoint as checkpoints
from service.tlog import cosignature, note
from service.tlog.cosignature import Cosigner
from service.tlog.merkle import Hash


@dataclass(slots=True)
class Earlier:
    """The roots that the tree must have had, by size, and what was wrong with the files themselves."""

    roots: dict[int, set[Hash]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def gather(
    folder: Path, verifier: note.Verifier, given: Sequence[bytes], cosigners: Sequence[Cosigner]
) -> Earlier:
    """Return what the kept checkpoints and the `given` ones say; raise InputError for a given one that is none."""
    found = Earlier()
    for signed in given:
        try:
            head = checkpoints.open_checkpoint(signed, [verifier])
        except VerificationError as exc:
            raise InputError("E-ARC-046", f"给出的检查点不是本日志所签：{exc.message}") from exc
        found.roots.setdefault(head.size, set()).add(head.root)
    for path in _files(folder / KEPT):
        _read(path, verifier, cosigners, found)
    return found


def _files(folder: Path) -> Iterator[Path]:
    names = folder.iterdir() if folder.is_dir() else ()
    return (path for path in sorted(names) if path.suffix != ".tsr")


def _read(path: Path, verifier: note.Verifier, cosigners: Sequence[Cosigner], found: Earlier) -> None:
    where = f"{KEPT}/{path.name}"
    if path.name.startswith(durable.TEMPORARY):
        found.findings.append(Finding("E-ARC-110", "写入中断留下的临时文件，可以删除。", where, notice=True))
        return
    try:
        content = durable.read(path, "检查点")
        head = checkpoints.open_checkpoint(content, [verifier])
        cosignature.cosignatures(content, cosigners)
    except ServiceError as exc:
        if isinstance(exc, SetupError):
            raise
        found.findings.append(Finding("E-ARC-132", f"保存的检查点不可信：{exc.message}", where))
        return
    if path.name.lstrip("0") != str(head.size):
        found.findings.append(Finding("E-ARC-133", "保存的检查点与文件名所记的条数不符。", where))
    found.roots.setdefault(head.size, set()).add(head.root)
