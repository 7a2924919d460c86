"""How much memory this process has held at most."""

from pathlib import Path


def peak_mb() -> float:
    """Return the most that this program has held, in MB.

    Not getrusage: a child's ru_maxrss begins with what its parent held when it was started.
    """
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(peak.split()[1]) / 1024, 1)
