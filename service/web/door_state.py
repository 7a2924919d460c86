"""What the public pages work with: a deployment, workers that judge, lists and verdicts of the minute."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from service.clock import china_day
from service.core import sha256_hex
from service.documents import fonts
from service.documents.pdf import PdfRenderer
from service.verification.isolation import Pool
from service.verification.report import Report
from service.verification.trust import Trust
from service.web.conclusions import Conclusion
from service.web.turns import Turns
from service.workflows import authority, browsing, marks, verification_report
from service.workflows.parts import Parts

FRESH = timedelta(minutes=1)
"""How old a list or trust bundle that is handed out may be: what becomes void is known a minute later."""
_MOST_KEPT = 64  # reports
PER_MINUTE = 30
"""Files and pictures that one address may have judged in a minute; an inspection's batch is for the command line."""
_ADDRESSES = 10_000


class Pace:
    """So many requests a minute from one address; remembers the addresses seen last.

    Where several processes serve, each admits its share of them, counted for itself: an address that comes again and
    again, by whichever process, gets no more than one process alone would admit. The first few may come at once.
    """

    def __init__(self, most: int = PER_MINUTE, processes: int = 1) -> None:
        self._most, self._each_minute = most, most / processes
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def admits(self, address: str, now: float) -> bool:
        """Say whether one more may come at `now` (seconds), and count it."""
        with self._lock:
            left, then = self._seen.pop(address, (float(self._most), now))
            left = min(self._most, left + (now - then) * self._each_minute / 60)
            self._seen[address] = (max(left - 1, 0) if left >= 1 else left), now
            if len(self._seen) > _ADDRESSES:
                self._seen.popitem(last=False)
            return left >= 1


@dataclass(slots=True)
class Door:
    """What the pages work with: the deployment, workers that judge, and lists made anew each minute.

    Each process that serves them has its own: the same lists, made within the same minute, and verdicts on the same
    bytes. What must hold whichever of them answers (the conclusion that is printed) the browser brings along, sealed.
    """

    parts: Parts
    pool: Pool
    turns: Turns
    pace: Pace = field(default_factory=Pace)
    shelf: "Shelf" = field(default_factory=lambda: Shelf())
    printing: threading.Lock = field(default_factory=threading.Lock)
    _printer: PdfRenderer | None = None
    _known: tuple[datetime, bytes] | None = None
    _trust: tuple[datetime, Trust] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """End the workers."""
        self.pool.close()

    def known(self) -> bytes:
        """Return the signed list of keys and dead papers."""
        now = self.parts.clock()
        with self._lock:
            if self._known is None or now - self._known[0] >= FRESH:
                self._known = now, marks.known_bytes(self.parts, now)
            return self._known[1]

    def trust(self) -> Trust:
        """Return what files are judged by."""
        now = self.parts.clock()
        with self._lock:
            if self._trust is None or now - self._trust[0] >= FRESH:
                self._trust = now, authority.trust_now(self.parts)
            return self._trust[1]

    def named(self, report: Report) -> Report:
        """Return the report with the unit's name in place of its code: people are told to ask there."""
        if report.letter is None:
            return report
        with self.parts.reader.begin() as session:
            found = browsing.name(session, china_day(report.checked), report.letter.unit)
        return replace(report, letter=replace(report.letter, unit=found)) if found else report

    def print(self, said: Conclusion) -> bytes:
        """Return the printed report; one at a time, so that verdicts do not wait for paper."""
        settings = self.parts.settings
        with self.printing:
            self._printer = self._printer or PdfRenderer(settings.fonts)
            kind, faces = verification_report.load(settings.templates), fonts.load_fonts(settings.fonts)
            return verification_report.print_fields(said.report, said.values, kind, self._printer, faces)

    def judge(self, data: bytes, name: str, receipt: bytes | None) -> Report:
        """Return the report on a file. What many show at once (a notice on a wall) is judged once a minute."""
        now, trust = self.parts.clock(), self.trust()
        key = sha256_hex(data) + (sha256_hex(receipt) if receipt is not None else "")
        known = self.shelf.judged(key, trust)
        if known is None:
            with self.turns.taken():
                known = self.pool.verify(data, trust, now, receipt=receipt, file=name)
            self.shelf.remember(key, trust, known)
        return replace(known, file=name, checked=now)


@dataclass(slots=True)
class Shelf:
    """Reports by the digest of the file, as long as the trust is the same; lost with the process, and judged anew."""

    _judged: OrderedDict[str, Report] = field(default_factory=OrderedDict)
    _trust: Trust | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def judged(self, key: str, trust: Trust) -> Report | None:
        """Return the report on these bytes by this very trust."""
        with self._lock:
            if self._trust is not trust:
                self._judged.clear()
                self._trust = trust
            return self._judged.get(key)

    def remember(self, key: str, trust: Trust, report: Report) -> None:
        """Keep a report on bytes; one that a limit ended is not kept, it may end better the next time."""
        if any(one.code.startswith("LIMIT_") for one in report.reasons):
            return
        with self._lock:
            if self._trust is trust:
                self._judged[key] = report
                while len(self._judged) > _MOST_KEPT:
                    self._judged.popitem(last=False)
