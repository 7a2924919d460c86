"""Passwords: argon2id (RFC 9106), a lock that grows with wrong tries, rules for new ones (NIST SP 800-63B)."""

from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.core import Entropy
from service.db.access import Account
from service.errors import ForbiddenError, InputError

LEAST, MOST = 12, 128  # characters
TRIES = 5
WAITS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 1440))
_HASHER = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1
)  # OWASP's second set: 19 MiB, 2 rounds
_NOBODY = (  # what an unknown login's password is compared with; hashing it at each start would take its time, too
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$CCv1k+OgTOY2o6b9oYXWUQjthgkklr8CN2O7KhjhHyo"
)
_COMMON = ("password", "12345678", "qwerty", "abcdef", "liangze", "admin", "88888888", "66666666")


def require_good(password: str, *names: str) -> None:
    """Raise InputError for a password that is short, common, of few characters, or says the login name."""
    low = password.lower()
    if not LEAST <= len(password) <= MOST:
        raise InputError("E-ACC-003", f"密码应为 {LEAST}–{MOST} 个字符，现为 {len(password)} 个。")
    if len(set(low)) < 5 or any(
        word in low for word in (*_COMMON, *(name.lower() for name in names if name))
    ):
        raise InputError(
            "E-ACC-004", "密码太容易猜到：请不要用登录名、常见词或重复的字符，可用几个不相干的词。"
        )


def hash_password(password: str, entropy: Entropy) -> str:
    """Return the PHC string of a password."""
    return _HASHER.hash(password.encode(), salt=entropy(16))


def matches(stored: str | None, password: str) -> bool:
    """Say whether it is the password; takes the same time where there is none."""
    try:
        return _HASHER.verify(stored or _NOBODY, password.encode()) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def require_unlocked(account: Account, now: datetime) -> None:
    """Raise ForbiddenError while an account rests after wrong tries."""
    if account.locked_until is not None and now < account.locked_until:
        minutes = -(-int((account.locked_until - now).total_seconds()) // 60)
        raise ForbiddenError("E-ACC-005", f"连续输错次数过多，请 {minutes} 分钟后再试，或请管理员重置。")


def count_failure(account: Account, now: datetime) -> None:
    """Count a wrong password or code; from the fifth in a row the account rests, longer each time."""
    account.failures += 1
    over = account.failures - TRIES
    if over >= 0:
        account.locked_until = now + WAITS[min(over, len(WAITS) - 1)]


def count_success(account: Account) -> None:
    """Forget wrong tries."""
    account.failures, account.locked_until = 0, None
