"""How a check fails: a `ProofError` with a stable code, which a foreign parser's exception becomes too."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import VerificationError

MAX_FILE = 64 * 2**20  # bytes; a letter has about 200 kB
MAX_OBJECTS = 100_000  # a letter has about 300
MAX_SIGNATURES = 64  # a letter renewed every eight years for a century has fewer than 20
MAX_PAGES = 200  # compared as pictures
MAX_DEPTH = 64  # nesting of PDF values and of DER


class ProofError(VerificationError):
    """A proof that does not hold; `code` is a row of reasons.REASONS, `message` adds detail for experts."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)


@contextmanager
def hostile(code: str) -> Iterator[None]:
    """Turn every exception of a foreign parser into ProofError(code); our own faults pass.

    This is the one broad `except` of the package: parsers of PDF, CMS and X.509 are known to throw anything
    (ValueError, TypeError, AttributeError, RecursionError, …) at crafted bytes, and a verdict must come out.
    """
    try:
        yield
    except ProofError:
        raise
    except Exception as exc:
        raise ProofError(code, f"{type(exc).__name__}: {exc}"[:200]) from exc
