"""The mirror for outsiders: tiles, bundles and checkpoints as static files, no object (https://c2sp.org/tlog-tiles).

Any web server can serve the folder to any tlog client. It holds digests and pseudonyms, never a document or a name.
"""

from pathlib import Path

from service.archive import durable, origins
from service.archive.copying import copy_log
from service.archive.folder import CHECKPOINT, Head, LogFolder
from service.errors import ConflictError, NotFoundError
from service.tlog import note

KEY = "log.vkey"


def export(source: Path, target: Path, vkey: str) -> Head:
    """Bring the mirror in `target` up to what `source` shows and return that head; repeating it adds what is new.

    Raises ConflictError where `target` holds another log, a newer one, or another history; CorruptError where the
    tiles do not lead to the checkpoint. The checkpoint goes last: a mirror never shows what it cannot prove.
    """
    verifier = note.Verifier.parse(vkey)
    head = LogFolder(source, verifier).shown()
    if head is None:
        raise NotFoundError("E-ARC-060", f"{source} 中没有已发布的存证日志。")
    _require_older(LogFolder(target, verifier), head, target)
    origins.copy_ended(source, target, with_store=False)
    copy_log(source, target, head.signed)
    mirrored = LogFolder(target, verifier)
    if mirrored.root_at(head.checkpoint.size) != head.checkpoint.root:
        raise ConflictError("E-ARC-061", f"镜像 {target} 的瓦片推不出检查点，请删除后重新导出。")
    durable.replace(target / KEY, f"{verifier.vkey}\n".encode())
    return head


def _require_older(mirror: LogFolder, head: Head, target: Path) -> None:
    """Raise ConflictError unless the mirror is empty or an earlier state of the same log."""
    if not (target / CHECKPOINT).exists():
        if target.is_dir() and any(target.iterdir()):
            raise ConflictError("E-ARC-062", f"{target} 不是空文件夹，也不是本日志的镜像，请另选一个。")
        return
    shown = mirror.shown()
    if shown is None or shown.checkpoint.size > head.checkpoint.size:
        raise ConflictError("E-ARC-063", f"镜像 {target} 比本日志新：日志可能被回退过，请先核查。")
