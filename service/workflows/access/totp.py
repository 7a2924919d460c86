"""The second factor: time-based one-time passwords (RFC 6238), 30 seconds, six digits, none accepted twice."""

import base64
from datetime import datetime

import pyotp

from service.db.access import Account
from service.workflows.access import secrets
from service.workflows.parts import Parts

ISSUER = "两责系统"
STEP = 30  # seconds
_WINDOW = (-1, 0, 1)
_PURPOSE = "totp"


def new_secret(parts: Parts) -> str:
    """Return a fresh secret (160 bits, base32)."""
    return base64.b32encode(parts.entropy(20)).decode()


def address(secret: str, login: str) -> str:
    """Return the otpauth address that authenticator apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def put(parts: Parts, account: Account, secret: str, now: datetime) -> None:
    """Keep the secret of an account, encrypted."""
    account.totp = secrets.encrypt(parts, _PURPOSE, secret, now)


def accept(parts: Parts, account: Account, code: str, now: datetime) -> bool:
    """Say whether `code` is valid now and newer than the last one used; then it is used."""
    if account.totp is None:
        return False
    step = step_of(secrets.decrypt(parts, _PURPOSE, account.totp), code, now)
    if step is None or step <= account.totp_step:
        return False
    account.totp_step = step
    return True


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step for which `code` is right, one step of drift either way, or None."""
    code, here = code.replace(" ", ""), int(now.timestamp()) // STEP
    generator = pyotp.TOTP(secret)
    found = [here + off for off in _WINDOW if secrets.same(generator.at((here + off) * STEP), code)]
    return found[0] if found else None
