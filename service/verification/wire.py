"""A report read back from its JSON: how it leaves a worker process, as plain values and nothing that can run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.clock import parse_utc
from service.errors import InputError
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
        checked=_moment(value["checked"]),
        as_of=_time(value["as_of"]),
        voucher=str(value["voucher"]),
        reasons=reasons,
        signatures=tuple(SignatureReport(**_plain(one)) for one in value["signatures"]),
        timestamps=tuple(TimestampReport(**_plain(one)) for one in value["timestamps"]),
        letter=None if value["letter"] is None else LetterReport(**_plain(value["letter"])),
        receipt=None if value["receipt"] is None else _plain(value["receipt"], times=()),
    )


def _plain(value: Mapping[str, Any], times: tuple[str, ...] = ("time",)) -> dict[str, Any]:
    """Return an object of strings, numbers, truth values and times; raise ValueError for one that holds more."""
    if not all(one is None or isinstance(one, str | int) for one in value.values()):
        raise ValueError("not plain")
    return {key: _time(one) if key in times else one for key, one in value.items()}


def _reason(value: Mapping[str, Any]) -> Reason:
    code = value["code"]
    return Reason(code, REASONS[code].text, value["signature"], str(value["detail"]))


def _moment(value: str) -> datetime:
    try:
        return parse_utc(value)
    except InputError as exc:
        raise ValueError("time") from exc


def _time(value: str | None) -> datetime | None:
    return None if value is None else _moment(value)
