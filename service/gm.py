"""SM2 signatures (GB/T 32918.2, GM/T 0009) and the SM3 digest (GB/T 32905) by the system's libcrypto 3, over ctypes.

https://docs.openssl.org/3.0/man7/EVP_SIGNATURE-SM2/ (also RFC 8998). Nothing is computed in Python: numbers used once
come from OpenSSL. The signer's id of GM/T 0009 goes into every signature, as OpenSSL has no default. Every object made
here is freed here; objects are not shared between calls, so threads need no lock.
"""

import ctypes
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_ulong, c_void_p
from functools import lru_cache
from typing import Any

from service.errors import CorruptError, InputError, SetupError, VerificationError

CURVE_OID = "1.2.156.10197.1.301"
SIGNATURE_OID = "1.2.156.10197.1.501"
DIGEST_OID = "1.2.156.10197.1.401"
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""Of the curve's group (GB/T 32918.5); a private key is between 1 and ORDER - 2."""
SIGNER_ID = b"1234567812345678"
LIBRARY = "libcrypto.so.3"
FIXED = {(3, 2): 6, (3, 3): 5, (3, 4): 3, (3, 5): 4}
"""CVE-2025-9231: signing time betrays the key on 64-bit ARM before these releases; other series are not affected."""

_ARM = {"aarch64", "arm64", "aarch64_be"}
_CURVE = bytes.fromhex("06082a811ccf5501822d")
_PUBLIC = bytes.fromhex("3059301306072a8648ce3d0201") + _CURVE + bytes.fromhex("03420004")
_PUBLIC_SIZE = len(_PUBLIC) + 64
_PRIVATE = (
    bytes.fromhex("302502010104 20"),
    bytes.fromhex("304102010030130607 2a8648ce3d0201") + _CURVE + b"\4\x27",
)
_SIGNATURE_MAX = 80  # bytes; the DER of two numbers of 32 bytes has at most 72
_DIGEST_SIZE = 32
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "OpenSSL_version_num": (c_ulong, ()),
    "ERR_clear_error": (None, ()),
    "CRYPTO_free": (None, (c_void_p, c_char_p, c_int)),
    "EVP_MD_fetch": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_MD_free": (None, (c_void_p,)),
    "EVP_Digest": (c_int, (c_char_p, c_size_t, c_char_p, c_void_p, c_void_p, c_void_p)),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_MD_CTX_set_pkey_ctx": (None, (c_void_p, c_void_p)),
    "EVP_PKEY_CTX_new": (c_void_p, (c_void_p, c_void_p)),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_set1_id": (c_int, (c_void_p, c_char_p, c_size_t)),
    "EVP_PKEY_pairwise_check": (c_int, (c_void_p,)),
    "EVP_PKEY_is_a": (c_int, (c_void_p, c_char_p)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY2PKCS8": (c_void_p, (c_void_p,)),
    "PKCS8_PRIV_KEY_INFO_free": (None, (c_void_p,)),
    "i2d_PKCS8_PRIV_KEY_INFO": (c_int, (c_void_p, POINTER(c_void_p))),
    "i2d_PUBKEY": (c_int, (c_void_p, POINTER(c_void_p))),
    "d2i_AutoPrivateKey": (c_void_p, (c_void_p, POINTER(c_void_p), c_long)),
    "d2i_PUBKEY": (c_void_p, (c_void_p, POINTER(c_void_p), c_long)),
    "EVP_DigestSignInit": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "EVP_DigestSign": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "EVP_DigestVerifyInit": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "EVP_DigestVerify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
}


class PrivateKey:
    """A private key that OpenSSL holds; its memory is wiped when the last reference to it is dropped."""

    __slots__ = ("_free", "_key", "public_key")

    def __init__(self, der: bytes | bytearray) -> None:
        """Read an unencrypted key (PKCS #8 or RFC 5915, DER); InputError E-GMA-004, SetupError as `require_safe`."""
        require_safe()
        library = load()
        self._free: Callable[[int], None] = library.EVP_PKEY_free
        self._key = _read(library.d2i_AutoPrivateKey, bytes(der))
        with _owned(library.EVP_PKEY_CTX_new(self._key, None), library.EVP_PKEY_CTX_free) as context:
            if library.EVP_PKEY_pairwise_check(context) != 1:
                raise _no_key()
        self.public_key = _written(library.i2d_PUBKEY, self._key)
        """The public half as DER SubjectPublicKeyInfo."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature (DER) over `data`, digested here by SM3 together with id and public key."""
        library = load()
        signature, size = ctypes.create_string_buffer(_SIGNATURE_MAX), c_size_t(_SIGNATURE_MAX)
        with _prepared(library.EVP_DigestSignInit, self._key) as context:
            if library.EVP_DigestSign(context, signature, byref(size), data, len(data)) != 1:
                raise _failed()
        return signature.raw[: size.value]

    def to_der(self) -> bytes:
        """Return the unencrypted PKCS #8 form."""
        library = load()
        with _owned(library.EVP_PKEY2PKCS8(self._key), library.PKCS8_PRIV_KEY_INFO_free) as form:
            return _written(library.i2d_PKCS8_PRIV_KEY_INFO, form)

    def __del__(self) -> None:
        key, self._key = getattr(self, "_key", None), 0
        if key:
            self._free(key)

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not copied")


def private_key(number: int) -> PrivateKey:
    """Return the key of a secret number, whose public half OpenSSL computes; InputError E-GMA-004 out of range."""
    if not 1 <= number <= ORDER - 2:
        raise _no_key()
    inner, outer = _PRIVATE
    return PrivateKey(outer + inner + number.to_bytes(32))


def is_public_key(spki: bytes) -> bool:
    """Say whether a SubjectPublicKeyInfo (DER) is that of an SM2 key, its point uncompressed."""
    return len(spki) == _PUBLIC_SIZE and spki.startswith(_PUBLIC)


def names_curve(der: bytes | bytearray) -> bool:
    """Say whether a private key (DER), of whatever form, names this curve: nobody else can read it then."""
    return _CURVE in bytes(der)


def require_public_key(spki: bytes) -> None:
    """Raise InputError E-GMA-004 unless the point is on the curve."""
    library = load()
    if not is_public_key(spki):
        raise _no_key()
    library.EVP_PKEY_free(_read(library.d2i_PUBKEY, spki))


def verify(public_key: bytes, data: bytes, signature: bytes) -> None:
    """Raise VerificationError E-GMA-005 unless `signature` (DER) over `data` is that of `public_key`."""
    library = load()
    if not is_public_key(public_key):
        raise _no_key()
    with (
        _owned(_read(library.d2i_PUBKEY, public_key), library.EVP_PKEY_free) as key,
        _prepared(library.EVP_DigestVerifyInit, key) as context,
    ):
        result = library.EVP_DigestVerify(context, signature, len(signature), data, len(data))
    library.ERR_clear_error()
    if result != 1:
        raise VerificationError("E-GMA-005", "SM2 签名值与公钥不符。")


def sm3(data: bytes) -> bytes:
    """Return the SM3 digest of `data`, 32 bytes."""
    library, digest = load(), ctypes.create_string_buffer(_DIGEST_SIZE)
    with _digest() as algorithm:
        if library.EVP_Digest(data, len(data), digest, None, algorithm, None) != 1:
            raise _failed()
    return digest.raw


def require_safe(machine: str | None = None, version: tuple[int, int, int] | None = None) -> None:
    """Raise SetupError E-GMA-001 to -003 unless this machine's libcrypto may make keys and signatures."""
    series = version or library_version()
    fixed = FIXED.get(series[:2])
    if (machine or platform.machine()) in _ARM and fixed is not None and series[2] < fixed:
        told = ".".join(map(str, series))
        raise SetupError(
            "E-GMA-003",
            f"本机的 OpenSSL {told} 在 64 位 ARM 上做 SM2 签名会从用时泄露私钥（CVE-2025-9231），已拒绝使用："
            f"请升级到 {series[0]}.{series[1]}.{fixed} 或更新的版本。",
        )


def library_version() -> tuple[int, int, int]:
    """Return the version of libcrypto in use: major, minor, patch."""
    number = load().OpenSSL_version_num()
    return number >> 28, number >> 20 & 0xFF, number >> 4 & 0xFF


@lru_cache(maxsize=1)
def load(name: str = LIBRARY) -> Any:
    """Return libcrypto with its functions typed; raise SetupError E-GMA-001 without it, E-GMA-002 if it has no SM2."""
    try:
        library = ctypes.CDLL(name)
        for function, (result, arguments) in _FUNCTIONS.items():
            typed = getattr(library, function)
            typed.restype, typed.argtypes = result, arguments
    except (OSError, AttributeError) as exc:
        raise SetupError(
            "E-GMA-001", f"本机没有 OpenSSL 3 的 {name}，不能使用国密算法：请安装 OpenSSL 3.0 或更新的版本。"
        ) from exc
    digest = library.EVP_MD_fetch(None, b"SM3", None)
    curve = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    library.EVP_MD_free(digest)
    library.EVP_PKEY_CTX_free(curve)
    if not digest or not curve:
        raise SetupError(
            "E-GMA-002",
            "本机的 OpenSSL 没有编入 SM2 和 SM3，不能使用国密算法：请换用带国密算法的 OpenSSL 3。",
        )
    return library


@contextmanager
def _prepared(begin: Callable[..., int], key: int) -> Iterator[int]:
    """Yield a context in which the key signs or verifies with our id and SM3."""
    library = load()
    with (
        _owned(library.EVP_PKEY_CTX_new(key, None), library.EVP_PKEY_CTX_free) as parameters,
        _owned(library.EVP_MD_CTX_new(), library.EVP_MD_CTX_free) as context,
        _digest() as digest,
    ):
        if library.EVP_PKEY_CTX_set1_id(parameters, SIGNER_ID, len(SIGNER_ID)) != 1:
            raise _failed()
        library.EVP_MD_CTX_set_pkey_ctx(context, parameters)  # which stays ours to free
        if begin(context, None, digest, None, key) != 1:
            raise _failed()
        yield context


@contextmanager
def _owned(thing: int | None, free: Callable[[int], None]) -> Iterator[int]:
    """Yield what OpenSSL made and free it; raise CorruptError if it made nothing."""
    if not thing:
        raise _failed()
    try:
        yield thing
    finally:
        free(thing)


def _digest() -> Any:
    library = load()
    return _owned(library.EVP_MD_fetch(None, b"SM3", None), library.EVP_MD_free)


def _read(decode: Callable[..., int | None], der: bytes) -> int:
    """Return the SM2 key in `der`, which is all of it; the caller frees it."""
    library = load()
    begin = ctypes.cast(c_char_p(der), c_void_p).value or 0
    place = c_void_p(begin)
    key = decode(None, byref(place), len(der))
    library.ERR_clear_error()
    if not key:
        raise _no_key()
    if (place.value or 0) - begin != len(der) or library.EVP_PKEY_is_a(key, b"SM2") != 1:
        library.EVP_PKEY_free(key)
        raise _no_key()
    return key


def _written(encode: Callable[..., int], thing: int) -> bytes:
    """Return the DER that OpenSSL writes."""
    made = c_void_p()
    size = encode(thing, byref(made))
    if size <= 0:
        raise _failed()
    try:
        return ctypes.string_at(made.value or 0, size)
    finally:
        load().CRYPTO_free(made, b"", 0)


def _no_key() -> InputError:
    load().ERR_clear_error()
    return InputError("E-GMA-004", "不是可用的 SM2 密钥：须为国家标准推荐曲线上的密钥，公私钥须相配。")


def _failed() -> CorruptError:
    load().ERR_clear_error()
    return CorruptError("E-GMA-006", "OpenSSL 的国密运算失败，没有签名：请检查本机的 OpenSSL。")
