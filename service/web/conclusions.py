"""Conclusions on files that can still be printed: nothing is kept here, the browser brings them back, sealed.

What a report says (never the file) goes out in a form of the page, encrypted and authenticated under a key derived
from the pepper (https://github.com/fernet/spec), so that any process of the deployment prints it, and prints nothing
that this deployment did not find. It counts for a quarter of an hour.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.clock import format_utc, parse_utc
from service.core import Json
from service.errors import CorruptError, InputError
from service.verification import wire
from service.verification.report import Report
from service.workflows.access import secrets
from service.workflows.parts import Parts

LASTS = timedelta(minutes=15)
MAX_SEALED = 4 * 2**20  # characters; one with pictures of six changed pages has less than two million
_PURPOSE = "door conclusion"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a report says: the report, and the fields of its kind with the pictures of what changed."""

    report: Report
    values: Mapping[str, Json]


def seal(parts: Parts, found: Conclusion, now: datetime) -> str:
    """Return the conclusion as letters and digits that only this deployment reads."""
    value = {"until": format_utc(now + LASTS), "report": found.report.to_json(), "values": found.values}
    packed = base64.b85encode(zlib.compress(json.dumps(value).encode()))
    return secrets.encrypt(parts, _PURPOSE, packed.decode(), now)


def unseal(parts: Parts, sealed: str, now: datetime) -> Conclusion:
    """Return what was sealed; InputError where it is too old or none of ours."""
    if len(sealed) > MAX_SEALED:
        raise _gone()
    try:
        packed = secrets.decrypt(parts, _PURPOSE, sealed)
    except CorruptError as exc:
        raise _gone() from exc
    value = json.loads(zlib.decompress(base64.b85decode(packed)))  # ours: nobody else could have sealed it
    if parse_utc(value["until"]) <= now:
        raise _gone()
    return Conclusion(wire.read_report(value["report"]), value["values"])


def _gone() -> InputError:
    return InputError("E-VER-169", "这份结论已经过期（十五分钟内有效），请重新验证文件。")
