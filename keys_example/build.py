"""Builds the demo keys and certificates of this folder, byte for byte the same each time.

Run `python -m keys_example.build` after a change of certificate profiles; a test compares.
The keys grow from seeds that everybody can read: they protect nothing. Production makes its own.
Signatures of the folder `sm2` differ each time (SM2 has no deterministic form in OpenSSL): a certificate there is
kept as it is while its content is what would be signed and its signature holds.
"""

import base64
import hashlib
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import keys, pem, x509

from service import gm
from service.core import Entropy, subject_of
from service.errors import VerificationError
from service.keys import service_keys
from service.keys.signer import Algorithm, Signer
from service.signing import ca

SEED = b"liangze keys_example v1: DEMO, NOT FOR PRODUCTION"
UNIT = "五马街道食品安全委员会"
SEAL = "五马街道食品安全委员会印章"
SALT = "演示 DEMO".encode()

START = datetime(2026, 1, 1, tzinfo=UTC)
CA_YEARS = 20
TSA_END = datetime(2041, 1, 1, tzinfo=UTC)
SEAL_END = datetime(2036, 1, 1, tzinfo=UTC)

ORIGINS = {"log": "liangze.example/demo-log", "trust": "liangze.example/demo-trust"}
"""Names of the Ed25519 keys in their verifier keys (https://c2sp.org/signed-note)."""

P256 = ("issuing_ca", "tsa_ca", "tsa", "seal", "qr")
SM2 = ("issuing_ca", "seal")
"""Those that differ under LIANGZE_SIGNATURE_PROFILE=sm2, in the folder of that name."""

WARNING = (
    service_keys.DEMO_MARK + b"\n# This private key is public: anyone can sign with it. See README.md.\n"
)


@dataclass(frozen=True, slots=True)
class Made:
    """One demo key: its signer and the text of its file."""

    signer: Signer
    pem: bytes


def build(folder: Path) -> None:
    """Write every key, certificate and verifier key into `folder`."""
    p256 = {name: _key(name, Algorithm.ECDSA_P256_SHA256) for name in P256}
    ed25519 = {name: _key(name, Algorithm.ED25519) for name in ORIGINS}
    for name, made in {**p256, **ed25519}.items():
        (folder / f"{name}.key").write_bytes(made.pem)
    for name, certificate in _certificates({name: made.signer for name, made in p256.items()}).items():
        (folder / f"{name}.pem").write_bytes(pem.armor("CERTIFICATE", certificate))
    for name, made in ed25519.items():
        (folder / f"{name}.vkey").write_text(_vkey(ORIGINS[name], made.signer.public_key) + "\n")
    _build_sm2(folder / "sm2")


def _build_sm2(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    made = {name: _key(name, Algorithm.SM2_SM3) for name in SM2}
    for name, one in made.items():
        (folder / f"{name}.key").write_bytes(one.pem)
    issuer = made["issuing_ca"].signer.public_key
    for name, der in _signing_certificates({name: one.signer for name, one in made.items()}).items():
        path = folder / f"{name}.pem"
        if not path.exists() or not _is_same(path, der, issuer):
            path.write_bytes(pem.armor("CERTIFICATE", der))


def _is_same(path: Path, made: bytes, issuer: bytes) -> bool:
    """Say whether the certificate in a file has the content of `made` and a signature of its issuer that holds."""
    kept, wanted = (x509.Certificate.load(der) for der in (pem.unarmor(path.read_bytes())[2], made))
    content = kept["tbs_certificate"].dump()
    if content != wanted["tbs_certificate"].dump():
        return False
    try:
        gm.verify(issuer, content, kept["signature_value"].native)
    except VerificationError:
        return False
    return True


def _certificates(signers: dict[str, Signer]) -> dict[str, bytes]:
    timing = ca.self_signed(
        signers["tsa_ca"],
        ca.Subject("两责时间戳签发机构（演示 DEMO）", "两责系统演示单位", demo=True),
        now=START,
        years=CA_YEARS,
        serial=_serial("tsa_ca"),
        use="time",
    )
    tsa = ca.issue(
        timing,
        signers["tsa_ca"],
        signers["tsa"].public_key,
        ca.Subject("两责时间戳服务（演示 DEMO）", "两责系统演示单位", demo=True),
        use="tsa",
        now=START,
        not_after=TSA_END,
        serial=_serial("tsa"),
    )
    return _signing_certificates(signers) | {"tsa_ca": timing, "tsa": tsa}


def _signing_certificates(signers: dict[str, Signer]) -> dict[str, bytes]:
    issuing = ca.self_signed(
        signers["issuing_ca"],
        ca.Subject("两责电子签名签发机构（演示 DEMO）", "两责系统演示单位", demo=True),
        now=START,
        years=CA_YEARS,
        serial=_serial("issuing_ca"),
        use="sign",
    )
    seal = ca.issue(
        issuing,
        signers["issuing_ca"],
        signers["seal"].public_key,
        ca.Subject(SEAL, UNIT, serial_number=subject_of(SALT, SEAL), demo=True),
        use="seal",
        now=START,
        not_after=SEAL_END,
        serial=_serial("seal"),
    )
    return {"issuing_ca": issuing, "seal": seal}


def _key(name: str, algorithm: Algorithm) -> Made:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        signer = service_keys.create_key_file(path, algorithm, _seeded(f"key {name}"))
        return Made(signer, WARNING + path.read_bytes())


def _seeded(label: str) -> Entropy:
    """Return bytes that only look random, from the public seed: fit for a demo and nothing else."""
    return lambda size: hashlib.shake_256(SEED + b"\0" + label.encode()).digest(size)


def _serial(name: str) -> int:
    return ca.new_serial(_seeded(f"serial {name}"))


def _vkey(name: str, public_key: bytes) -> str:
    raw = b"\x01" + keys.PublicKeyInfo.load(public_key)["public_key"].native
    key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(raw).decode()}"


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
