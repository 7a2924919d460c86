"""What a verification has found so far: reasons, each at most once per signature."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.verification.guard import ProofError
from service.verification.reasons import REASONS
from service.verification.report import Reason


class Findings:
    """The growing list of reasons of one verification."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, str | None], Reason] = {}

    def note(self, code: str, signature: str | None = None, detail: str = "") -> None:
        """Add the reason `code`; a second one for the same signature changes nothing."""
        self._reasons.setdefault((code, signature), Reason(code, REASONS[code].text, signature, detail))

    @contextmanager
    def step(self, signature: str | None = None) -> Iterator[None]:
        """Run one check: a proof that does not hold becomes a reason, and the procedure goes on."""
        try:
            yield
        except ProofError as fault:
            self.note(fault.code, signature, fault.message)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons, worst first."""
        order = ["invalid", "indeterminate", "note"]
        return tuple(sorted(self._reasons.values(), key=lambda one: order.index(one.cap.value)))
