"""查验记录: who checked which files where and when, and what was found; filed as evidence of a visit or supervision."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.clock import format_utc, parse_utc
from service.core import Entry, Event, FileDigest, Json, canonical_json, new_id, parse_canonical
from service.db.records import Supervision, Visit
from service.errors import ConflictError, InputError, NotFoundError
from service.verification.report import Report
from service.workflows import acts
from service.workflows.parts import Parts

KIND = "site_check"
MAX_RECORD = 16 * 2**20  # bytes
_ACT = "查验记录"
_LONGEST = 200
_KEYS = {"v", "who", "where", "when", "found", "files"}
_FILE_KEYS = {"file", "sha256", "verdict", "status", "number"}
_SHA256 = re.compile(r"([0-9a-f]{64})?")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Who checked, where, when, and what was found besides the verdicts."""

    who: str
    where: str
    when: datetime
    found: tuple[str, ...] = ()


def record(around: Circumstances, reports: Sequence[Report]) -> bytes:
    """Return the record as canonical JSON: the same for the same circumstances and reports."""
    for label, text in (("查验人", around.who), ("地点", around.where)):
        if not text.strip() or len(text) > _LONGEST:
            raise InputError("E-VER-170", f"查验记录须写明{label}，不超过 {_LONGEST} 个字。")
    return canonical_json(
        {
            "v": 1,
            "who": around.who.strip(),
            "where": around.where.strip(),
            "when": format_utc(around.when),
            "found": list(around.found),
            "files": [
                {
                    "file": one.file,
                    "sha256": one.sha256,
                    "verdict": one.verdict.value,
                    "status": one.status.value,
                    "number": one.letter.number if one.letter else None,
                }
                for one in reports
            ],
        }
    )


def file(parts: Parts, subject: str, data: bytes, *, who: str) -> str:
    """Keep a record as evidence of a visit or supervision, in store and log; return its digest.

    Raises InputError for what is no record, NotFoundError for an unknown visit or supervision, ConflictError for a
    record that is filed there already.
    """
    value, now = _read(data), parts.clock()
    if parse_utc(value["when"]) > now:
        raise InputError("E-VER-171", "查验记录的时间还没到，请核对。")
    digest = FileDigest.of(data)
    with parts.sessions.begin() as session:
        if session.get(Visit, subject) is None and session.get(Supervision, subject) is None:
            raise NotFoundError("E-VER-172", f"没有编号为 {subject} 的督导或督查记录。")
        why = f"{value['who']}：{_summary(value)}；SHA-256 {digest.sha256}"
        if any(one.what == _ACT and one.why.endswith(digest.sha256) for one in acts.of(session, subject)):
            raise ConflictError("E-VER-173", "这份查验记录已经归入该次督导或督查。")
        parts.store.put(data)  # durable before the rows that name it
        acts.note(session, subject, _ACT, by=who, now=now, why=why)
        entry = Entry(
            kind=KIND, event=Event.RECORD, id=new_id(parts.entropy), time=format_utc(now), file=digest
        )
        parts.log.append(session, [entry.to_bytes()], now)
    parts.log.publish()
    return digest.sha256


def _summary(value: Json) -> str:
    counts = Counter(one["verdict"] for one in value["files"])
    words = {"valid": "有效", "invalid": "无效", "indeterminate": "无法确定"}
    return f"查验 {len(value['files'])} 份，" + "、".join(f"{words[key]} {counts[key]}" for key in words)


def _read(data: bytes) -> Json:
    if len(data) > MAX_RECORD:
        raise InputError("E-VER-171", "查验记录过大。")
    value = parse_canonical(data)
    if not isinstance(value, dict) or set(value) != _KEYS or value["v"] != 1:
        raise InputError("E-VER-171", "不是第 1 版查验记录（liangze verify … --inspector 写出的文件）。")
    texts = all(isinstance(value[key], str) for key in ("who", "where", "when"))
    files = isinstance(value["files"], list) and all(_is_file(one) for one in value["files"])
    if not texts or not files or not isinstance(value["found"], list):
        raise InputError("E-VER-171", "查验记录的内容不合规定。")
    return value


def _is_file(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == _FILE_KEYS
        and value["verdict"] in ("valid", "invalid", "indeterminate")
        and isinstance(value["sha256"], str)
        and _SHA256.fullmatch(value["sha256"]) is not None
    )
