"""Earlier checkpoints, kept in the folder or by someone else: what an audit compares the rebuilt tree with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.archive import anchors, durable
from service.archive.anchors import Judge
from service.archive.kept import KEPT
from service.archive.objects import Finding
from service.errors import InputError, ServiceError, SetupError, VerificationError
from service.tlog import checkpoint as checkpoints
from service.tlog import cosignature, note
from service.tlog.cosignature import Cosigner
from service.tlog.merkle import Hash
from service.verification.reasons import REASONS


@dataclass(slots=True)
class Earlier:
    """The roots that the tree must have had, by size, and what was wrong with the files themselves."""

    roots: dict[int, set[Hash]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def gather(
    folder: Path,
    verifier: note.Verifier,
    given: Sequence[bytes],
    cosigners: Sequence[Cosigner],
    judge: Judge | None = None,
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
        if anchors.is_anchor(path.name):
            if not path.with_name(anchors.checkpoint_of(path.name)).exists():
                found.findings.append(Finding("E-ARC-135", "时间戳所指的检查点缺失。", f"{KEPT}/{path.name}"))
            continue
        _read(path, verifier, cosigners, found)
        _anchors(path, judge, found)
    return found


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.iterdir()) if folder.is_dir() else ())


def _anchors(checkpoint: Path, judge: Judge | None, found: Earlier) -> None:
    """Check the timestamps over a kept checkpoint, and that none of the row is missing."""
    stamps = anchors.responses(checkpoint)
    present = sum(anchors.is_anchor(path.name) for path in checkpoint.parent.glob(f"{checkpoint.name}.*"))
    if present != len(stamps):
        found.findings.append(Finding("E-ARC-136", "续加的时间戳不连续。", f"{KEPT}/{checkpoint.name}"))
    try:
        faults = list(anchors.faults(checkpoint.read_bytes(), stamps, judge))
    except ServiceError:
        return  # the checkpoint itself is unreadable, which `_read` reports
    for number, why in faults:
        name = anchors.path_of(checkpoint, number).name
        text = f"检查点的时间戳不成立（{REASONS[why].text if why in REASONS else why}）"
        found.findings.append(Finding("E-ARC-134", text, f"{KEPT}/{name}"))


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
