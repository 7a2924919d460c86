"""Outside authorities as configured: their root certificates for signing and time, and their revocation lists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from asn1crypto import pem
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from service.errors import InputError, SetupError
from service.signing import csr
from service.verification import revocation
from service.verification.guard import ProofError
from service.verification.trust import Anchor

FILE_SIZE_MAX = 64 << 20


def anchors(folder: Path) -> list[Anchor]:
    """Return the licensed authorities' anchors: sign/ for signers, time/ for time-stamping authorities."""
    found = []
    uses: tuple[Literal["sign", "time"], ...] = ("sign", "time")
    for use in uses:
        for path, data in _files(folder / use):
            try:
                roots = csr.read_certificates(data)
            except InputError as exc:
                raise SetupError("E-SIG-160", f"{path} 不是证书，请从 {folder / use} 移走或更换。") from exc
            found += [Anchor(der, "licensed", use) for der in roots]
    return found


def crls(folder: Path) -> list[bytes]:
    """Return the revocation lists (DER) of crls/."""
    found = []
    for path, data in _files(folder / "crls"):
        try:
            der = pem.unarmor(data)[2] if pem.detect(data) else data
            revocation.load(der)
        except (ValueError, ProofError) as exc:
            raise SetupError("E-SIG-161", f"{path} 不是完整的吊销列表（CRL），请移走或更换。") from exc
        found.append(der)
    return found


def qr_keys(folder: Path) -> list[bytes]:
    """Return the public keys (DER) of qr/: former keys of our own codes, and those of other deployments."""
    found = []
    for path, data in _files(folder / "qr"):
        try:
            key = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as exc:
            raise SetupError("E-VER-164", f"{path} 不是公钥（PEM），请移走或更换。") from exc
        found.append(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return found


def require_licensed(folder: Path) -> list[Anchor]:
    """Return the anchors of licensed authorities for signers; raise SetupError where none is configured."""
    found = [one for one in anchors(folder) if one.use == "sign"]
    if not found:
        raise SetupError("E-SIG-162", f"还没有配置持牌机构：请把其根证书（PEM）放入 {folder / 'sign'}。")
    return found


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            yield path, path.read_bytes()[:FILE_SIZE_MAX]
