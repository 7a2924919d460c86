"""A notice as it leaves, and what every way of sending it is: one class with a `name` and `send`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One notice as it leaves: to whom by which number or address, and its words."""

    id: str
    why: str
    mobile: str | None
    email: str | None
    subject: str
    text: str
    at: datetime


class Sender(Protocol):
    """Delivers a message or raises: UnavailableError to be tried again, any other ServiceError for good."""

    name: str

    def send(self, message: Message) -> None:
        """Deliver one message; a repetition has the same id."""
