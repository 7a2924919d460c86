"""The document security store: certificates, CRLs, OCSP responses that travel with a file (EN 319 142-1, 5.4.2).

Nothing here is trusted: a certificate must lead to an anchor, a CRL or response by its issuer.
"""

from dataclasses import dataclass
from typing import Any

from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_ITEMS
from service.verification.structure import Document


@dataclass(frozen=True, slots=True)
class Store:
    """The store of one revision."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    @property
    def revocation(self) -> tuple[bytes, ...]:
        """CRLs and OCSP responses together: revocation tells them apart."""
        return (*self.crls, *self.ocsps)


def read(document: Document, revision: int | None = None) -> Store:
    """Return the store as of `revision` (None: of the whole file), empty if there is none."""
    with hostile("FILE_MALFORMED"):
        handler: Any = document.reader
        if revision is not None:
            handler = document.reader.get_historical_resolver(revision)
        root = handler.root
        if "/DSS" not in root:
            return Store()
        return Store(
            _streams(root["/DSS"], "/Certs"),
            _streams(root["/DSS"], "/CRLs"),
            _streams(root["/DSS"], "/OCSPs"),
        )


def _streams(store: Any, key: str) -> tuple[bytes, ...]:
    items = list(store[key]) if key in store else []
    if len(items) > MAX_ITEMS:
        raise ProofError("FILE_TOO_LARGE", "document security store")
    return tuple(bytes(one.get_object().data) for one in items)
