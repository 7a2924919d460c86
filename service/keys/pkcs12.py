"""PKCS #12 files (RFC 7292), as licensed authorities hand out software certificates; read once, never kept."""

from typing import cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import pkcs12 as files

from service.errors import InputError
from service.keys import private
from service.keys.private import PrivateKey

FILE_SIZE_MAX = 256 * 1024


def read(data: bytes, password: str) -> tuple[PrivateKey, bytes, tuple[bytes, ...]]:
    """Return key, its certificate and the others (DER); raise InputError E-KEY-016 or E-KEY-006."""
    loaded = None
    if len(data) <= FILE_SIZE_MAX:
        try:
            loaded = files.load_pkcs12(data, password.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            loaded = None
    # Raised outside the except block: a chained error would carry the frames that hold key and password.
    if loaded is None or loaded.key is None or loaded.cert is None:
        raise InputError(
            "E-KEY-016", "读不出 PKCS #12 文件（.p12、.pfx）：请核对口令，文件中须有一把私钥及其证书。"
        )
    private.algorithm_of(loaded.key)
    certificate = loaded.cert.certificate.public_bytes(Encoding.DER)
    others = tuple(one.certificate.public_bytes(Encoding.DER) for one in loaded.additional_certs)
    return cast("PrivateKey", loaded.key), certificate, others
