"""Backup while serving, and restore; a restored log appends nothing until it is reconciled (see `reconciling`).

A backup is a folder: database, archive (a bare copy that can be audited as it stands), pending work, manifest. Made
again into the same folder it copies only what is new. Keys and pepper are never in it: they are kept apart, by hand.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.archive import audit, copying, durable, origins
from service.archive.audit import AuditReport, Scope
from service.archive.folder import CHECKPOINT
from service.archive.log import Log
from service.archive.store import FolderStore
from service.clock import Clock, format_utc
from service.core import sha256_hex
from service.db import snapshot
from service.db.engine import open_engine, sessions_of
from service.db.schema import require_current
from service.db.tables import Setting
from service.errors import ConflictError, CorruptError, InputError, NotFoundError, SetupError
from service.keys import service_keys
from service.settings import Settings
from service.workflows import setup
from service.workflows.parts import Parts, work_lock

MANIFEST = "manifest.json"
WHY_HELD = "自备份恢复，尚未核对。请运行 liangze archive reconcile。"
_VERSION = 1

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Done:
    """What a backup or a restore came to."""

    size: int
    objects: int
    audit: AuditReport


def backup(parts: Parts, target: Path, progress: Progress | None = None) -> Done:
    """Bring the backup in `target` up to this instant and audit it; raise CorruptError where that finds faults."""
    head = parts.log.published()
    if head is None:
        raise NotFoundError("E-SYS-150", "存证日志尚未发布，无可备份。")
    url = parts.settings.database
    fresh = target / ".new" / snapshot.name(url)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    fresh.unlink(missing_ok=True)
    # (1) pending work with the database of one instant: nothing is dropped from the work store meanwhile
    with work_lock(parts.settings):
        snapshot.take(url, fresh)
        copying.copy_objects(parts.work, FolderStore(target / "work"))
    # (2) the archive, which holds at least what the database speaks of; (3) the names, the manifest last
    copied = copying.copy_objects(parts.store, FolderStore(target / "archive" / "store"))
    origins.copy_ended(parts.settings.archive, target / "archive", with_store=True)
    copying.copy_log(parts.settings.archive, target / "archive", head.signed)
    fresh.rename(target / fresh.name)
    durable.sync_folders([target])
    report = audit.audit(target / "archive", parts.log.vkey, progress=progress)
    _require_sound(report)
    durable.replace(target / MANIFEST, _manifest(parts, target / fresh.name, report))
    return Done(report.size, copied, report)


def restore(settings: Settings, source: Path, clock: Clock, progress: Progress | None = None) -> Done:
    """Make a new data directory from a backup; keys and pepper must be in place. The log stays held.

    Raises ConflictError where there is a database or an archive already, CorruptError for a damaged backup.
    """
    manifest = _read_manifest(source)
    _require_place(settings, manifest)
    copy = source / str(manifest["database"]["file"])
    if sha256_hex(durable.read(copy, "数据库备份")) != manifest["database"]["sha256"]:
        raise CorruptError("E-SYS-151", f"数据库备份与清单不符：{copy}。请改用另一份备份。")
    store, work = setup.stores(settings)
    copying.copy_objects(FolderStore(source / "work"), work)
    copying.copy_objects(FolderStore(source / "archive" / "store"), store)
    snapshot.bring_back(copy, settings.database)
    engine = open_engine(settings.database)
    require_current(engine)
    sessions = sessions_of(engine)
    signer = service_keys.load_key_file(settings.secrets / "log.key")
    log = Log(sessions, settings.archive, str(manifest["origin"]), signer)
    with sessions.begin() as session:
        log.hold(session, WHY_HELD)
        session.merge(Setting(name="restored", value=format_utc(clock())))
    origins.copy_ended(source / "archive", settings.archive, with_store=True)
    copying.copy_log(
        source / "archive", settings.archive, durable.read(source / "archive" / CHECKPOINT, "检查点")
    )
    log.recover()
    engine.dispose()
    report = audit.audit(settings.archive, log.vkey, Scope(store=store), progress=progress)
    _require_sound(report)
    return Done(report.size, report.objects, report)


def _manifest(parts: Parts, database: Path, report: AuditReport) -> bytes:
    value = {
        "v": _VERSION,
        "made": format_utc(parts.clock()),
        "environment": parts.settings.environment,
        "origin": report.origin,
        "size": report.size,
        "root": report.root,
        "objects": report.objects,
        "database": {"file": database.name, "sha256": sha256_hex(database.read_bytes())},
    }
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _read_manifest(source: Path) -> dict[str, Any]:
    try:
        value = json.loads(durable.read(source / MANIFEST, "备份清单"))
        _ = value["database"]["file"], value["database"]["sha256"], value["origin"], value["environment"]
    except (ValueError, KeyError, TypeError) as exc:
        raise InputError("E-SYS-152", f"{source} 不是完整的备份（{MANIFEST} 读不出）。") from exc
    if value.get("v") != _VERSION:
        raise InputError("E-SYS-152", f"{source} 是别的版本的备份（{value.get('v')}）。")
    return dict(value)


def _require_place(settings: Settings, manifest: dict[str, Any]) -> None:
    if manifest["environment"] != settings.environment:
        raise InputError(
            "E-SYS-153", f"备份出自 {manifest['environment']} 环境，当前为 {settings.environment}。"
        )
    for path in (settings.archive, settings.work):
        if path.exists() and any(path.iterdir()):
            raise ConflictError("E-SYS-154", f"{path} 不是空的，恢复不会覆盖已有的档案。")
    missing = [name for name in setup.SERVICE_KEYS if not (settings.secrets / f"{name}.key").exists()]
    if missing or not settings.pepper.exists():
        raise SetupError(
            "E-SYS-155", f"请先把另行保管的密钥与 pepper 放回 {settings.secrets}（备份中没有它们）。"
        )


def _require_sound(report: AuditReport) -> None:
    if not report.ok:
        first = next(one for one in report.findings if not one.notice)
        raise CorruptError(
            "E-SYS-156", f"副本核查未通过，共 {report.faults} 处，如 {first.where}：{first.text}"
        )
