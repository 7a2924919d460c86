"""What the public pages work with: a deployment, workers that judge, lists of the minute, conclusions for a while."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from service.clock import china_day
from service.core import Json, new_id, sha256_hex
from service.documents import fonts
from service.documents.pdf import PdfRenderer
from service.verification.isolation import Pool
from service.verification.report import Report
from service.verification.trust import Trust
from service.workflows import authority, browsing, marks, verification_report
from service.workflows.parts import Parts

FRESH = timedelta(minutes=1)
"""How old a list or trust bundle that is handed out may be: what becomes void is known a minute later."""
KEPT = timedelta(minutes=15)
"""How long the conclusion on a file (never the file) can still be printed."""
_MOST_KEPT = 64  # conclusions; one with pictures of six changed pages has about 1 MB
PER_MINUTE = 30
"""Files and pictures that one address may have judged in a minute; an inspection's batch is for the command line."""
_ADDRESSES = 10_000


class Pace:
    """So many requests a minute from one address; remembers the addresses seen last."""

    def __init__(self, most: int = PER_MINUTE) -> None:
        self._most = most
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def admits(self, address: str, now: float) -> bool:
        """Say whether one more may come at `now` (seconds), and count it."""
        with self._lock:
            left, then = self._seen.pop(address, (float(self._most), now))
            left = min(self._most, left + (now - then) * self._most / 60)
            self._seen[address] = (max(left - 1, 0) if left >= 1 else left), now
            if len(self._seen) > _ADDRESSES:
                self._seen.popitem(last=False)
            return left >= 1


@dataclass(slots=True)
class Door:
    """What the pages work with: the deployment, workers that judge, and lists made anew each minute."""

    parts: Parts
    pool: Pool
    pace: Pace = field(default_factory=Pace)
    shelf: "Shelf" = field(default_factory=lambda: Shelf())
    printing: threading.Lock = field(default_factory=threading.Lock)
    _printer: PdfRenderer | None = None
    _known: tuple[datetime, bytes] | None = None
    _trust: tuple[datetime, Trust] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

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
                with self.parts.sessions.begin() as session:
                    self._trust = now, authority.trust(self.parts, session, now)
            return self._trust[1]

    def named(self, report: Report) -> Report:
        """Return the report with the unit's name in place of its code: people are told to ask there."""
        if report.letter is None:
            return report
        with self.parts.sessions.begin() as session:
            found = browsing.name(session, china_day(report.checked), report.letter.unit)
        return replace(report, letter=replace(report.letter, unit=found)) if found else report

    def print(self, report: Report, values: Mapping[str, Json]) -> bytes:
        """Return the printed report; one at a time, so that verdicts do not wait for paper."""
        settings = self.parts.settings
        with self.printing:
            self._printer = self._printer or PdfRenderer(settings.fonts)
            kind, faces = verification_report.load(settings.templates), fonts.load_fonts(settings.fonts)
            return verification_report.print_fields(report, values, kind, self._printer, faces)

    def judge(self, data: bytes, name: str, receipt: bytes | None) -> Report:
        """Return the report on a file. What many show at once (a notice on a wall) is judged once a minute."""
        now, trust = self.parts.clock(), self.trust()
        key = sha256_hex(data) + (sha256_hex(receipt) if receipt is not None else "")
        known = self.shelf.judged(key, trust)
        if known is None:
            known = self.pool.verify(data, trust, now, receipt=receipt, file=name)
            self.shelf.remember(key, trust, known)
        return replace(known, file=name, checked=now)


@dataclass(slots=True)
class Shelf:
    """Conclusions for a while, in memory: reports by digest as long as the trust is the same, fields to be printed."""

    _printable: OrderedDict[str, tuple[datetime, Report, Mapping[str, Json]]] = field(
        default_factory=OrderedDict
    )
    _judged: OrderedDict[str, Report] = field(default_factory=OrderedDict)
    _trust: Trust | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, parts: Parts, report: Report, values: Mapping[str, Json], now: datetime) -> str:
        """Keep what a report says and return the token under which it can be printed."""
        token = new_id(parts.entropy)
        with self._lock:
            self._printable[token] = now, report, values
            while len(self._printable) > _MOST_KEPT:
                self._printable.popitem(last=False)
        return token

    def get(self, token: str, now: datetime) -> tuple[Report, Mapping[str, Json]] | None:
        """Return what was kept under a token, None where that is too long ago."""
        with self._lock:
            found = self._printable.get(token)
        return (found[1], found[2]) if found and now - found[0] < KEPT else None

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
