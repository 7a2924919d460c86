"""The parts every workflow works with; `app.build` is the only place that makes them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from service.archive import durable
from service.archive.log import Log
from service.archive.store import Store
from service.clock import Clock
from service.core import Entropy
from service.db.engine import Sessions
from service.documents.catalogue import Catalogue
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.keys.signer import Signer
from service.registry import rules
from service.registry.rules import RuleBook
from service.settings import ROOT, Settings
from service.signing.timestamps import LocalTimeStamper
from service.signing.tsa_client import HttpTimeStamper


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate (DER) and the opened service key that goes with it; `name` is that of their files."""

    name: str
    certificate: bytes
    signer: Signer


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a workflow may use. Opened keys are signers; no key bytes are in here."""

    settings: Settings
    sessions: Sessions
    reader: Sessions
    """Sessions of one moment that hold no writer up: what only reads takes it, and never inside another session."""
    clock: Clock
    entropy: Entropy
    store: Store
    work: Store
    log: Log
    renderer: PdfRenderer
    issuing_ca: Authority
    tsa_ca: Authority
    earlier: tuple[Authority, ...]
    timestamper: LocalTimeStamper | HttpTimeStamper
    trust_key: Signer
    qr_key: Signer
    pepper: Callable[[], bytes]

    @property
    def demo(self) -> bool:
        """True where every page and seal must bear 演示样张."""
        return self.settings.environment == "demo"

    @property
    def authorities(self) -> tuple[Authority, ...]:
        """Every own CA whose key is here: today's for signers and for time, then those of earlier generations."""
        return (self.issuing_ca, self.tsa_ca, *self.earlier)

    @property
    def rules(self) -> RuleBook:
        """The rules of this deployment (LIANGZE_RULES over the shipped ones); an operation reads them once."""
        return rules.load(self.settings.rules)

    @property
    def catalogue(self) -> Catalogue:
        """The document kinds of this deployment."""
        return catalogue(self.settings)

    def close(self) -> None:
        """Give the database connections back; they are opened again where they are needed."""
        for sessions in (self.sessions, self.reader):
            sessions.kw["bind"].dispose()

    def kind(self, name: str) -> Kind:
        """Return a document kind of this deployment as its files are; `texts.printable` says what may be printed."""
        return self.catalogue.kind(name)


def catalogue(settings: Settings) -> Catalogue:
    """Return the kinds of a deployment: its own before the shipped ones."""
    return Catalogue(tuple(dict.fromkeys((settings.templates, ROOT / "templates"))))


def work_lock(settings: Settings) -> AbstractContextManager[None]:
    """Hold the work store: nothing is dropped from it while a backup copies database and work as of one instant."""
    return durable.locked(settings.home / ".work.lock")
