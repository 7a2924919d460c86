"""One verification while it runs: what is given, and what has been found so far."""

from dataclasses import dataclass, field
from datetime import datetime

from service.core import Envelope
from service.verification import drawing, hidden, receipts
from service.verification.findings import Findings
from service.verification.judging import Judged
from service.verification.structure import Document
from service.verification.trust import Trust


@dataclass(slots=True)
class Case:
    """One verification while it runs."""

    data: bytes
    trust: Trust
    now: datetime
    known: int = 0
    findings: Findings = field(default_factory=Findings)
    document: Document | None = None
    envelope: Envelope | None = None
    ours: bool = False
    signatures: list[Judged] = field(default_factory=list)
    stamps: list[Judged] = field(default_factory=list)
    logged: receipts.Logged | None = None
    unseen: hidden.Found = field(default_factory=dict)
    unused: str = ""
    canvas: drawing.Canvas | None = None
