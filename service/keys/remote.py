"""Keys at a remote signing service: hash in, signature out (Cloud Signature Consortium API 2.0).

`credentials/info`, `credentials/authorize` (explicit mode: the holder's PIN for these very hashes) and
`signatures/signHash`. The PIN is passed on and kept nowhere; every signature is verified before it is handed out;
nothing stands in for the service while it does not answer.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from service.errors import ForbiddenError, UsageError, VerificationError
from service.keys import csc
from service.keys.shelter import sheltered
from service.keys.signer import Algorithm

CERTIFICATES_MAX = 8
BATCH_MAX = 500
"""Hashes of one authorisation at most, whatever the service says of itself (`multisign`)."""

_SHA256 = "2.16.840.1.101.3.4.2.1"
_SIGN_ALGORITHMS = {
    Algorithm.ECDSA_P256_SHA256: "1.2.840.10045.4.3.2",
    Algorithm.RSA_SHA256: "1.2.840.113549.1.1.11",
}


@dataclass(frozen=True, slots=True)
class Credential:
    """What the service says of a key: its certificate and those above it (DER), how many hashes at a time."""

    id: str
    certificates: tuple[bytes, ...]
    algorithm: Algorithm
    public_key: bytes
    batch: int


class RemoteSigner:
    """Signs at the service until closed; shows and pickles nothing secret."""

    __slots__ = ("_pin", "_service", "algorithm", "credential", "public_key")

    def __init__(self, service: csc.Service, credential: Credential, pin: str) -> None:
        self._service, self._pin = service, _Secret(pin)
        self.credential = credential
        self.algorithm, self.public_key = credential.algorithm, credential.public_key

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`; raises as `sign_many`."""
        return self.sign_many([data])[0]

    @sheltered
    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """Return the signatures in order; each authorisation covers as many hashes as the service allows.

        Raises ForbiddenError E-KEY-001 for a wrong PIN, UnavailableError E-KEY-022 while the service does not
        answer, VerificationError E-KEY-024 for a signature that does not hold, UsageError once closed.
        """
        made: list[bytes] = []
        with csc.client(self._service) as http:
            for start in range(0, len(data), self.credential.batch):
                made += self._sign(http, data[start : start + self.credential.batch])
        return made

    def _sign(self, http: httpx.Client, data: Sequence[bytes]) -> list[bytes]:
        digests = [base64.b64encode(hashlib.sha256(one).digest()).decode() for one in data]
        common = {"credentialID": self.credential.id, "hashes": digests, "hashAlgorithmOID": _SHA256}
        asked: dict[str, Any] = {**common, "numSignatures": len(digests)}
        asked["authData"] = [{"id": "PIN", "value": self._pin.value()}]
        granted = csc.post(http, "credentials/authorize", asked, once=True)
        signed = csc.post(
            http,
            "signatures/signHash",
            {**common, "SAD": csc.text(granted, "SAD"), "signAlgo": _SIGN_ALGORITHMS[self.algorithm]},
            once=True,
        )
        found = signed.get("signatures")
        if not isinstance(found, list) or len(found) != len(data):
            raise csc.odd("签名的份数与请求不符")
        return [
            _require_holds(self.public_key, one, csc.octets(text))
            for one, text in zip(data, found, strict=True)
        ]

    def close(self) -> None:
        """Drop the PIN; every later `sign` raises."""
        self._pin.drop()

    def __repr__(self) -> str:
        return f"<RemoteSigner {self.algorithm} {hashlib.sha256(self.public_key).hexdigest()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise UsageError("E-KEY-007", "密钥不能复制，也不能放进任务或文件。")


class _Secret:
    """A PIN that no repr, traceback with locals or pickle shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: str | None = value

    def value(self) -> str:
        if self._value is None:
            raise UsageError("E-KEY-007", "密钥已经关闭，不能再签名；请重新输入 PIN 打开。")
        return self._value

    def drop(self) -> None:
        self._value = None

    def __repr__(self) -> str:
        return "<secret>"


def credential(service: csc.Service, name: str) -> Credential:
    """Ask what the service holds under this credential; raise ForbiddenError E-KEY-023 for one that may not sign."""
    question = {"credentialID": name, "certificates": "chain", "certInfo": True, "authInfo": True}
    with csc.client(service) as http:
        said = csc.post(http, "credentials/info", question)
    key, cert, auth = (csc.part(said, name) for name in ("key", "cert", "auth"))
    if key.get("status") != "enabled" or cert.get("status") not in {"valid", None}:
        raise ForbiddenError("E-KEY-023", "远程签名服务上的这把密钥未启用，或证书已失效；请向服务方查询。")
    _require_pin_alone(auth)
    certificates = cert.get("certificates")
    if not isinstance(certificates, list) or not 0 < len(certificates) <= CERTIFICATES_MAX:
        raise csc.odd("没有给出证书")
    chain = tuple(csc.octets(one) for one in certificates)
    algorithm, public_key = _key_of(chain[0])
    limit = said.get("multisign", 1)
    if type(limit) is not int or limit < 1:
        raise csc.odd("multisign 不是正整数")
    return Credential(name, chain, algorithm, public_key, min(limit, BATCH_MAX))


def _require_pin_alone(auth: dict[str, Any]) -> None:
    """Raise unless the holder's PIN, and nothing else that we cannot ask for, releases the key."""
    objects = auth.get("objects")
    asked = [one.get("id") for one in objects if isinstance(one, dict)] if isinstance(objects, list) else []
    if auth.get("mode") != "explicit" or asked != ["PIN"]:
        raise ForbiddenError(
            "E-KEY-023", "远程签名服务要求的授权方式不受支持：须为本人 PIN（explicit，无其他验证码）。"
        )


def open_remote(service: csc.Service, name: str, pin: str) -> RemoteSigner:
    """Return a signer for a credential; the PIN is tried when it signs, by the service."""
    return RemoteSigner(service, credential(service, name), pin)


def _key_of(certificate: bytes) -> tuple[Algorithm, bytes]:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except UnsupportedAlgorithm:
        raise _other_kind() from None
    except ValueError:
        raise csc.odd("证书不能读取") from None
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return Algorithm.ECDSA_P256_SHA256, encoded
    if isinstance(key, rsa.RSAPublicKey):
        return Algorithm.RSA_SHA256, encoded
    raise _other_kind()


def _other_kind() -> ForbiddenError:
    return ForbiddenError("E-KEY-023", "远程签名服务上的密钥须为 P-256 或 RSA。")


def _require_holds(public_key: bytes, data: bytes, signature: bytes) -> bytes:
    """Return the signature, ECDSA as DER, once it has been verified."""
    key = load_der_public_key(public_key)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if len(signature) == 64:  # IEEE P1363, as some services give it; DER of P-256 is longer
                halves = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
                signature = encode_dss_signature(*halves)
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise VerificationError(
            "E-KEY-024", "远程签名服务给出的签名不成立，没有采用；请向服务方查询。"
        ) from None
    return signature
