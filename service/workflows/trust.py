"""The trust bundle: what an outsider must hold to check our letters, signed by its own key."""

from datetime import datetime
from pathlib import Path

from asn1crypto import pem

from service.tlog import note
from service.verification import trust as bundles
from service.workflows import authority
from service.workflows.parts import Parts


def trust_vkey(parts: Parts) -> str:
    """Return the key that signs trust bundles, in signed-note form."""
    origin = note.Verifier.parse(parts.log.vkey).name
    return note.Verifier.of(f"{origin}/trust", parts.trust_key.public_key).vkey


def bundle(parts: Parts, now: datetime) -> bytes:
    """Return the trust bundle as of `now`."""
    with parts.sessions.begin() as session:
        trust = authority.trust(parts, session, now)
    return bundles.bundle_bytes(trust, trust_vkey(parts), parts.trust_key.sign)


def export(parts: Parts, folder: Path, now: datetime) -> None:
    """Write bundle.json, its key trust.vkey and the anchors as PEM into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").write_bytes(bundle(parts, now))
    (folder / "trust.vkey").write_text(trust_vkey(parts) + "\n")
    for name, anchor in (("issuing_ca", parts.issuing_ca), ("tsa_ca", parts.tsa_ca)):
        (folder / f"{name}.pem").write_bytes(pem.armor("CERTIFICATE", anchor.certificate))
