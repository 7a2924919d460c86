"""How many bytes a prepared letter keeps for a timestamp token: measured with the authorities that will be asked.

A hole in a PDF cannot grow once it is signed around. Tokens differ much: one of ours (P-256) has 2 KB, one with an
RSA-4096 chain 6 KB and more. What was measured is kept with the addresses it was measured at.
"""

import asyncio
import json
from datetime import timedelta

from service.clock import format_utc, parse_utc
from service.core import sha256_hex
from service.db.tables import Setting
from service.errors import InputError
from service.signing import cms
from service.signing.timestamps import LocalTimeStamper
from service.workflows.parts import Parts

NAME = "token_room"
MARGIN = 512
"""Bytes beyond the largest token seen: serial numbers and fractions of seconds vary, a certificate may be renewed."""
UNMEASURED = 8000
"""Kept while an authority of the list has not answered yet; enough for three certificates of RSA-4096."""
MEASURE_EVERY = timedelta(days=1)


def token_bytes(parts: Parts) -> int:
    """Return the room for one token; never less than cms.TOKEN_BYTES."""
    if isinstance(parts.timestamper, LocalTimeStamper):
        dummy = asyncio.run(parts.timestamper.async_dummy_response("sha256"))
        return max(cms.TOKEN_BYTES, len(dummy.dump()) + MARGIN)
    return max(cms.TOKEN_BYTES, _measured(parts))


def _measured(parts: Parts) -> int:
    now = parts.clock()
    urls = sha256_hex(parts.settings.tsa_urls.encode())
    with parts.sessions.begin() as session:
        row = session.get(Setting, NAME)
    kept = _read(row.value) if row else None
    if kept is not None and kept["urls"] == urls and now - parse_utc(str(kept["at"])) < MEASURE_EVERY:
        return int(kept["bytes"])
    sizes = parts.timestamper.measure()  # type: ignore[union-attr] # the local one has returned above
    room = max(sizes.values(), default=0) + MARGIN
    if len(sizes) < len(set(parts.settings.tsa_urls.split())):
        room = max(room, UNMEASURED)
    value = json.dumps({"urls": urls, "bytes": room, "at": format_utc(now)})
    with parts.sessions.begin() as session:
        session.merge(Setting(name=NAME, value=value))
    return room


def _read(text: str) -> dict[str, str | int] | None:
    try:
        value = json.loads(text)
        parse_utc(value["at"])
    except (ValueError, KeyError, TypeError, InputError):
        return None
    return value if isinstance(value, dict) else None
