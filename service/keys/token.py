"""Keys on a PKCS #11 token (HSM, SoftHSM), named by URI (RFC 7512): the token signs, the key never leaves it.

`pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/…so&pin-source=/path/of/pin`; the PIN comes from a file of mode
0600 or a systemd credential, never from a setting. A person's own token: see held.py.
"""

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

import pkcs11
from asn1crypto import keys as asn1_keys
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error
from pkcs11.util.ec import encode_ec_public_key, encode_ecdsa_signature
from pkcs11.util.rsa import encode_rsa_public_key

from service.errors import SetupError, UsageError
from service.keys import service_keys
from service.keys.signer import Algorithm

LOCK = threading.RLock()
_SESSIONS: dict[tuple[Path, str], tuple[int, Any]] = {}
"""One session a token and process: a token knows one login. The process that opened it stands beside it."""
_DRIVERS: dict[Path, int] = {}
"""Which process has loaded a driver last."""
_P256 = bytes.fromhex("06082a8648ce3d030107")  # DER of the curve's name


@dataclass(frozen=True, slots=True)
class Uri:
    """The parts of a PKCS #11 URI that are used here."""

    module: Path
    token: str
    label: str
    pin_source: Path

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Parse an RFC 7512 URI; raise SetupError E-KEY-017 for one that lacks a part."""
        path, _, query = text.removeprefix("pkcs11:").partition("?")
        pairs = [*path.split(";"), *query.split("&")]
        values = {name: unquote(value) for name, _, value in (one.partition("=") for one in pairs)}
        try:
            if not text.startswith("pkcs11:"):
                raise KeyError("scheme")  # noqa: TRY301
            source = values["pin-source"].removeprefix("file:")
            return cls(Path(values["module-path"]), values["token"], values["object"], Path(source))
        except KeyError as exc:
            raise SetupError(
                "E-KEY-017",
                "PKCS#11 密钥应写作 pkcs11:token=名称;object=标签?module-path=驱动文件&pin-source=口令文件，"
                f"现缺 {exc.args[0]}。",
            ) from exc


class TokenSigner:
    """Signs with a key on a token; each process opens its own session, as the standard demands after a fork."""

    __slots__ = ("_key", "_process", "_session", "_uri", "algorithm", "public_key")

    def __init__(self, uri: Uri) -> None:
        self._uri = uri
        self._process = os.getpid()
        self._session, self._key, self.algorithm, self.public_key = _open(uri, None)

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`; raise SetupError E-KEY-018 while the token does not answer."""
        with LOCK:
            if self._process != os.getpid():
                self._reopen()
            try:
                return self._sign(data)
            except PKCS11Error:
                self._reopen()  # the token was pulled or restarted: once more
            try:
                return self._sign(data)
            except PKCS11Error as exc:
                raise failed(self._uri, exc) from None

    def _sign(self, data: bytes) -> bytes:
        return sign_with(self._key, self.algorithm, data)

    def _reopen(self) -> None:
        session, key, _, public_key = _open(self._uri, self._session)
        if public_key != self.public_key:
            raise SetupError("E-KEY-018", f"令牌“{self._uri.token}”上的密钥已被更换，请检查后重新启动服务。")
        self._session, self._key, self._process = session, key, os.getpid()

    def __repr__(self) -> str:
        return f"<TokenSigner {self.algorithm} {hashlib.sha256(self.public_key).hexdigest()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise UsageError("E-KEY-007", "密钥不能复制，也不能放进任务或文件。")


def open_token(uri: str) -> TokenSigner:
    """Return the signer of the key that a PKCS #11 URI names; raise SetupError E-KEY-017 or E-KEY-018."""
    return TokenSigner(Uri.parse(uri))


def _open(uri: Uri, stale: Any) -> tuple[Any, Any, Algorithm, bytes]:
    """Return session, private key, algorithm and public key; a session that is `stale` is not used again."""
    failure: PKCS11Error | None = None
    try:
        with LOCK:
            session = _session(uri, stale)
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=uri.label)
            public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=uri.label)
            return session, key, *describe(public)
    except PKCS11Error as exc:
        failure = exc
    except RuntimeError:
        pass  # the driver could not be loaded
    raise failed(uri, failure)  # outside the except block: no frame that holds the PIN goes along


def _session(uri: Uri, stale: Any) -> Any:
    process, session = _SESSIONS.get((uri.module, uri.token), (os.getpid(), None))
    if session is not None and process == os.getpid() and session is not stale:
        return session
    loaded = driver(uri.module, anew=session is not None)
    pin = service_keys.read_pin_file(uri.pin_source)
    session = loaded.get_token(token_label=uri.token).open(user_pin=pin)
    _SESSIONS[uri.module, uri.token] = os.getpid(), session
    return session


def driver(module: Path, *, anew: bool = False) -> Any:
    """Return the loaded driver; after a fork, or a token gone, it begins anew, and so do all its sessions."""
    loaded = pkcs11.lib(str(module))
    if anew or _DRIVERS.get(module, os.getpid()) != os.getpid():
        loaded.reinitialize()
        for name in [name for name in _SESSIONS if name[0] == module]:
            del _SESSIONS[name]
    _DRIVERS[module] = os.getpid()
    return loaded


def sign_with(key: Any, algorithm: Algorithm, data: bytes) -> bytes:
    """Return the signature of a key on a token over `data`, hashed here or by the token."""
    if algorithm is Algorithm.ECDSA_P256_SHA256:
        raw = key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA)
        return bytes(encode_ecdsa_signature(raw))
    mechanism = Mechanism.SHA256_RSA_PKCS if algorithm is Algorithm.RSA_SHA256 else Mechanism.EDDSA
    return bytes(key.sign(data, mechanism=mechanism))


def describe(public: Any) -> tuple[Algorithm, bytes]:
    """Return algorithm and SubjectPublicKeyInfo of a public key on a token."""
    if public.key_type is KeyType.RSA:
        key = asn1_keys.RSAPublicKey.load(encode_rsa_public_key(public))
        return Algorithm.RSA_SHA256, bytes(asn1_keys.PublicKeyInfo.wrap(key, "rsa").dump())
    if public.key_type is KeyType.EC and public[Attribute.EC_PARAMS] == _P256:
        return Algorithm.ECDSA_P256_SHA256, bytes(encode_ec_public_key(public))
    if public.key_type is KeyType.EC_EDWARDS:
        point = bytes(public[Attribute.EC_POINT])[-32:]
        return Algorithm.ED25519, bytes.fromhex("302a300506032b6570032100") + point
    raise SetupError("E-KEY-018", "令牌上的密钥须为 P-256、RSA 或 Ed25519。")


def failed(uri: Uri, exc: PKCS11Error | None) -> SetupError:
    """Return the error of a token that cannot be used, and why, without a PIN."""
    why = "驱动文件不能加载" if exc is None or type(exc) is PKCS11Error else type(exc).__name__
    return SetupError(
        "E-KEY-018",
        f"令牌“{uri.token}”上的密钥“{uri.label}”不能使用（{why}）：请检查驱动、令牌和口令文件 {uri.pin_source}。",
    )
