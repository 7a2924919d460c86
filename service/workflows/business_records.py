"""日管控, 周排查, 月调度: register what enterprises have made, one act and one log entry for many."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, canonical_json, new_id
from service.db.records import BusinessRecord
from service.errors import ConflictError, InputError, ServiceError
from service.registry import business_records as registry
from service.registry import csv_form, query, visits
from service.registry.business_records import Gap, Paper
from service.registry.columns import heading_key
from service.workflows import acts
from service.workflows.parts import Parts

KIND = "business_records"
HEADINGS = ("主体", "种类", "日期", "记录人", "隐患数", "停业", "摘要")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def register(
    parts: Parts, papers: Sequence[tuple[str, Paper]], *, who: str, first_line: int | None = None
) -> int:
    """Register papers by entity (id, name, licence or credit code), all or none; those known already are passed over.

    Return how many are new; raise ConflictError where another paper stands for the same time. Where the papers come
    from a table, `first_line` is the line of the first, and messages name the line.
    """
    now = parts.clock()
    made = new_id(parts.entropy)
    with parts.sessions.begin() as session:
        rows = []
        for number, (word, paper) in enumerate(papers, start=first_line or 0):
            with _line(number if first_line else None):
                row = _checked(session, word, paper, china_day(now))
            if row is None:
                continue
            row.id, row.batch, row.recorded_at, row.recorded_by = new_id(parts.entropy), made, now, who
            session.add(row)
            session.flush()  # the same paper twice in one file is found by the next
            rows.append(
                {"entity": row.entity, "kind": row.kind, "begins": str(row.begins), "sha256": row.sha256}
            )
        if rows:
            statement = canonical_json(rows)
            parts.store.put(statement)  # durable before the entry that names it
            digest = FileDigest.of(statement)
            entry = Entry(kind=KIND, event=Event.RECORD, id=made, time=format_utc(now), file=digest)
            parts.log.append(session, [entry.to_bytes()], now)
            acts.note(session, made, "登记企业记录", by=who, now=now, why=f"{len(rows)} 份")
    parts.log.publish()
    return len(rows)


def _checked(session: Session, word: str, paper: Paper, today: date) -> BusinessRecord | None:
    """Return the row of a paper, None where it is registered already; raise where it cannot be right."""
    if paper.on > today or paper.hazards < 0 or not paper.by.strip():
        raise InputError("E-REG-890", f"“{word}”的{paper.kind}：日期还没到、隐患数为负，或没有记录人。")
    (entity,) = visits.find_entities(session, [word], paper.on)
    start = registry.begins(paper.kind, paper.on)
    same = select(BusinessRecord).where(
        BusinessRecord.entity == entity.entity,
        BusinessRecord.kind == paper.kind,
        BusinessRecord.begins == start,
    )
    old = session.scalars(same).first()
    if old is None:
        return BusinessRecord(
            entity=entity.entity,
            kind=paper.kind,
            begins=start,
            made_on=paper.on,
            made_by=paper.by.strip(),
            hazards=paper.hazards,
            closed=paper.closed,
            sha256=paper.sha256,
        )
    if old.sha256 != paper.sha256:
        raise ConflictError("E-REG-891", f"“{entity.name}”{start}的{paper.kind}已登记，摘要不同；请核实。")
    return None


@contextmanager
def _line(number: int | None) -> Iterator[None]:
    """Name the line of a table in the error that its row raises."""
    try:
        yield
    except ServiceError as error:
        if number is None:
            raise
        raise type(error)(error.code, f"第{number}行：{error.message}") from error


def read_table(path: Path) -> list[tuple[str, Paper]]:
    """Return the papers of a CSV with HEADINGS; raise InputError naming the line that is wrong."""
    try:
        headings, *lines = csv_form.records(csv_form.text_of(path))
    except (csv.Error, ValueError) as exc:
        raise InputError("E-REG-892", f"表头应为：{'、'.join(HEADINGS)}。") from exc
    names = [heading_key(one) for one in headings]
    if not lines or not set(HEADINGS[:4]) <= set(names):
        raise InputError("E-REG-892", f"表头应为：{'、'.join(HEADINGS)}；下面至少一行。")
    rows = (dict(zip(names, line, strict=False)) for line in lines)
    return [
        ((row.get("主体") or "").strip(), _paper(number, row)) for number, row in enumerate(rows, start=2)
    ]


def missing(parts: Parts, *, unit: str | None = None, on: date | None = None) -> list[Gap]:
    """Return the enterprises whose records of the last days, week and month are missing."""
    day = on or china_day(parts.clock())
    with parts.sessions.begin() as session:
        below = query.find_unit(session, unit, day).code if unit else None
        return registry.gaps(session, parts.rules, day, below=below)


def _paper(number: int, line: Mapping[str, str]) -> Paper:
    try:
        digest = _digest(line.get("摘要") or "")
        return Paper(
            (line.get("种类") or "").strip(),
            date.fromisoformat((line.get("日期") or "").strip()),
            (line.get("记录人") or "").strip(),
            int(line.get("隐患数") or 0),
            (line.get("停业") or "").strip() == "是",
            digest,
        )
    except (ValueError, TypeError) as exc:
        raise InputError(
            "E-REG-892", f"第{number}行有误：日期应如 2026-11-24，隐患数为数字，摘要为64位十六进制。"
        ) from exc


def _digest(text: str) -> str | None:
    digest = text.strip().lower()
    if digest and not _DIGEST.fullmatch(digest):
        raise ValueError("no digest")
    return digest or None
