"""The parts every workflow works with; `app.build` is the only place that makes them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

from service.archive import durable
from service.archive.log import Log
from service.archive.store import FolderStore
from service.clock import Clock
from service.core import Entropy
from service.db.engine import Sessions
from service.documents import kinds
from service.documents.pdf import PdfRenderer
from service.keys.signer import Signer
from service.settings import Settings
from service.signing.timestamps import LocalTimeStamper
from service.signing.tsa_client import HttpTimeStamper


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate (DER) and the opened service key that goes with it."""

    certificate: bytes
    signer: Signer


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a workflow may use. Opened keys are signers; no key bytes are in here."""

    settings: Settings
    sessions: Sessions
    clock: Clock
    entropy: Entropy
    store: FolderStore
    work: FolderStore
    log: Log
    renderer: PdfRenderer
    issuing_ca: Authority
    tsa_ca: Authority
    timestamper: LocalTimeStamper | HttpTimeStamper
    trust_key: Signer
    pepper: Callable[[], bytes]

    @property
    def demo(self) -> bool:
        """True where every page and seal must bear 演示样张."""
        return self.settings.environment == "demo"

    def kind(self, name: str) -> kinds.Kind:
        """Return a document kind of this deployment."""
        return _kind(self.settings.templates, name)


def work_lock(settings: Settings) -> AbstractContextManager[None]:
    """Hold the work store: nothing is dropped from it while a backup copies database and work as of one instant."""
    return durable.locked(settings.home / ".work.lock")


@cache
def _kind(templates: object, name: str) -> kinds.Kind:
    return kinds.load_kind(templates / name)  # type: ignore[operator]
