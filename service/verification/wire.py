"""A report read back from its JSON: how it leaves a worker process, as plain values and nothing that can run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.clock import parse_utc
from service.verification.reasons import REASONS
from service.verification.report import (
    LetterReport,
    Reason,
    Report,
    SignatureReport,
    Status,
    TimestampReport,
    Verdict,
    verdict_of,
)


def read_report(value: Mapping[str, Any]) -> Report:
    """Return the report whose `to_json` is `value`; raise ValueError, KeyError or TypeError for anything else."""
    reasons = tuple(_reason(one) for one in value["reasons"])
    if value["v"] != 1 or Verdict(value["verdict"]) is not verdict_of(reasons):
        raise ValueError("verdict")
    return Report(
        file=str(value["file"]),
        sha256=str(value["sha256"]),
        verdict=Verdict(value["verdict"]),
        status=Status(value["status"]),
        checked=parse_utc(value["checked"]),
        as_of=_time(value["as_of"]),
        voucher=str(value["voucher"]),
        reasons=reasons,
        signatures=tuple(
            SignatureReport(**{**one, "time": _time(one["time"])}) for one in value["signatures"]
        ),
        timestamps=tuple(
            TimestampReport(**{**one, "time": _time(one["time"])}) for one in value["timestamps"]
        ),
        letter=None if value["letter"] is None else LetterReport(**value["letter"]),
        receipt=value["receipt"],
    )


def _reason(value: Mapping[str, Any]) -> Reason:
    code = value["code"]
    return Reason(code, REASONS[code].text, value["signature"], str(value["detail"]))


def _time(value: str | None) -> datetime | None:
    return None if value is None else parse_utc(value)
