"""After a whole ceremony no secret lies in the database, queue, log, archive or output: every file is read."""

import base64
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from asn1crypto import pem
from sqlalchemy import select

from service.app import App
from service.db.tables import Job
from service.errors import ForbiddenError
from service.keys import service_keys
from service.workflows import drawings, pins, signing
from tests.workflows.conftest import PIN, people

NEW, WRONG = "518294", "917364"


def _spellings(secret: bytes) -> Iterator[bytes]:
    """Yield a secret as it may lie somewhere: raw, hex, Base64 at each of its three offsets."""
    yield secret
    yield secret.hex().encode()
    for skip in range(3):
        yield base64.b64encode(secret[skip:])[:40]


def _secrets(app: App) -> list[bytes]:
    """Return pepper and service keys, as files hold them and in their parts."""
    folder = app.parts.settings.secrets
    found = list(_spellings(service_keys.load_pepper(app.parts.settings.pepper)))
    for path in folder.glob("*.key"):
        der = pem.unarmor(path.read_bytes())[2] if path.read_bytes().startswith(b"-----") else None
        text = b"".join(
            line for line in path.read_bytes().splitlines() if b"-" not in line and b"#" not in line
        )
        der = der or base64.b64decode(text)
        found += [one for one in _spellings(der[36:68]) if len(one) >= 16]  # the private scalar of P-256
        found.append(text[:60])
    return found


def test_every_file_the_database_the_queue_and_all_output(
    app: App, issued: list[str], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    parts = app.parts
    first = people(parts)[0]
    drawings.keep(parts, first, PIN, [[(0.0, 0.0), (30.0, 40.0)]])
    with pytest.raises(ForbiddenError) as refused:
        signing.sign_letters(parts, first, WRONG, device="test")
    pins.change_pin(parts, first, PIN, NEW)
    signing.sign_letters(parts, first, NEW, device="test")
    with parts.sessions.begin() as session:
        jobs = session.scalars(select(Job)).all()
        assert all(re.fullmatch(r"[0-9a-f]{1,40}", job.target) for job in jobs)  # row ids, nothing else
    app.drain()
    out, err = capfd.readouterr()
    shown = f"{out}{err}{caplog.text}{refused.value}"
    assert not [pin for pin in (PIN, NEW, WRONG) if pin in shown]
    long = _secrets(app)
    pin = re.compile(rb"(?<![0-9A-Za-z+/.])(?:%s)(?![0-9A-Za-z+/.])" % "|".join((PIN, NEW, WRONG)).encode())
    home, seen = parts.settings.home, 0
    for path in sorted(one for one in home.rglob("*") if one.is_file()):
        data = path.read_bytes()
        seen += 1
        if path.parent != parts.settings.secrets:
            assert not [one for one in long if one in data], path
        if path.suffix not in {".pdf", ""} and "tile" not in path.parts:
            assert not pin.search(data), path
    assert seen > 20
    assert _finds(home, parts.settings.secrets, long)


def _finds(home: Path, secrets: Path, long: list[bytes]) -> bool:
    """Say whether the scan would find a secret where there is one: the pepper's own file."""
    return any(one in (secrets / "pepper").read_bytes() for one in long) and home in secrets.parents
