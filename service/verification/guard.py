"""How a check fails: a `ProofError` with a stable code, which a foreign parser's exception becomes too."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import VerificationError


class ProofError(VerificationError):
    """A proof that does not hold; `code` is a row of reasons.REASONS, `message` adds detail for experts."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, " ".join(detail.split()))  # a foreign parser's message may have several lines


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
    except MemoryError as exc:
        raise ProofError("LIMIT_MEMORY") from exc
    except ImportError as exc:  # in a worker that may open no file: our fault, not the bytes'
        raise ProofError("LIMIT_CRASH", str(exc)[:200]) from exc
    except OSError as exc:
        raise ProofError(code if exc.errno is None else "LIMIT_CRASH", str(exc)[:200]) from exc
    except Exception as exc:
        raise ProofError(code, f"{type(exc).__name__}: {exc}"[:200]) from exc
