"""Where tests keep what may be lost with the machine: in memory where there is room, where nobody waits for a disk."""

import os
import re
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - whoever keeps something there makes a folder of their own
_ROOM = 4 * 2**30  # bytes; a run keeps some hundred million at a time


def memory() -> Path | None:
    """Return a folder in memory, or None where there is none or too little of it."""
    if not os.access(_MEMORY, os.W_OK):
        return None
    found = re.search(r"MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text("utf-8"))
    available = int(found[1]) * 1024 if found else 0
    return _MEMORY if min(shutil.disk_usage(_MEMORY).free, available) > _ROOM else None


def is_memory(path: Path) -> bool:
    """Say whether a path lies in memory."""
    return path.is_relative_to(_MEMORY)
