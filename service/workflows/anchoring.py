"""Anchor the log in time: once a Chinese day its newest checkpoint is kept and timestamped; old stamps are renewed.

The first round of a day does it, so that everything of the days before is below the day's anchor.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from asn1crypto import tsp
from cryptography import x509
from sqlalchemy import select

from service.archive import anchors
from service.archive.folder import Head
from service.clock import china_day
from service.db.tables import Certificate, Setting
from service.errors import NotFoundError
from service.workflows.parts import Parts

DAY = "anchored_on"
RENEW_BEFORE = timedelta(days=90)
"""How long before the end of its certificate a timestamp is renewed."""
LEAST_AGE = timedelta(days=30)
"""A younger timestamp is not renewed: the authority had nothing better to give."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """A checkpoint with its first and its newest timestamp."""

    head: Head
    path: Path
    time: datetime
    authority: str
    stamps: int


def daily(parts: Parts) -> None:
    """Anchor the log and renew what ends soon, unless that was done today."""
    today = china_day(parts.clock()).isoformat()
    with parts.sessions.begin() as session:
        done = session.get(Setting, DAY)
        if done is not None and done.value == today:
            return
    if parts.log.published() is None:
        return
    anchor(parts)
    renew(parts)
    with parts.sessions.begin() as session:
        session.merge(Setting(name=DAY, value=today))


def anchor(parts: Parts) -> Anchored:
    """Keep the newest checkpoint, timestamp it unless it is, and return it; raise NotFoundError without a log."""
    head = parts.log.published()
    if head is None:
        raise NotFoundError("E-SYS-240", "存证日志尚未发布，没有检查点可以加盖时间戳。")
    path = parts.log.kept.keep(head)
    if not anchors.responses(path):
        _stamp(parts, path)
    return anchored(path, head)


def anchored(path: Path, head: Head) -> Anchored:
    """Return what is known of a kept checkpoint that has been timestamped."""
    stamps = anchors.responses(path)
    token = anchors.read(stamps[0])
    name = x509.load_der_x509_certificate(token.signed.certificate).subject
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Anchored(head, path, token.time, str(common[0].value) if common else "", len(stamps))


def renew(parts: Parts) -> int:
    """Timestamp again what ends soon, once the authority has a certificate that lasts longer; return how many."""
    with parts.sessions.begin() as session:
        certificates = session.scalars(select(Certificate.not_after).where(Certificate.use == "tsa"))
        newest = max(certificates, default=None)
    now, count = parts.clock(), 0
    for path in anchors.anchored(parts.settings.archive):
        last = anchors.responses(path)[-1]
        end, age = anchors.ends(last), now - anchors.read(last).time
        if end < now + RENEW_BEFORE and age > LEAST_AGE and (newest is None or newest > end):
            _stamp(parts, path)
            count += 1
    return count


def _stamp(parts: Parts, path: Path) -> None:
    data = anchors.covered(path.read_bytes(), anchors.responses(path))
    request = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": hashlib.sha256(data).digest(),
            },
            "cert_req": True,
        }
    )
    response = asyncio.run(parts.timestamper.async_request_tsa_response(request))
    anchors.keep(path, response.dump())
