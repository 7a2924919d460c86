"""换届 from an uploaded roster: read at once (a roster is small), matched, and drafted as one 清单调整单."""

import tempfile
from pathlib import Path

from service.clock import china_day
from service.errors import InputError
from service.registry import intake as reading
from service.registry.known import known
from service.workflows import adjusting, uploads
from service.workflows.access.roles import Person
from service.workflows.adjusting import Sheet
from service.workflows.parts import Parts

_SHOWN = 5  # faults that the message names


def draft(parts: Parts, data: bytes, unit: str, *, by: Person) -> Sheet:
    """Draft the 换届 of a unit and what lies below from a workbook's 包保干部 sheet; InputError names its faults."""
    suffix = uploads.suffix_of(data)
    with parts.sessions.begin() as session:
        knowing = known(session, china_day(parts.clock()))
    with tempfile.TemporaryDirectory(prefix="liangze-") as folder:
        path = Path(folder) / f"包保干部{suffix}"
        path.write_bytes(data)
        book = reading.read_workbook(path, knowing)
    if book.faults:
        told = "".join(str(one) for one in book.faults[:_SHOWN])
        raise InputError("E-SYS-371", f"名册有 {len(book.faults)} 处错误，没有编制：{told}")
    sheet, _ = adjusting.draft_roster(parts, book.cadres, unit, who=by.who[:64], why="换届", by=by)
    return sheet
