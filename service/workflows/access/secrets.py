"""What is kept of secrets: digests of tokens, MACs of codes, and ciphertext, under keys derived from the pepper."""

import base64
import hashlib
import hmac
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.errors import CorruptError
from service.workflows.parts import Parts

TOKEN_BYTES = 20  # 160 random bits


def new_token(parts: Parts) -> str:
    """Return a fresh token for a cookie or an address: 32 letters and digits."""
    return base64.b32encode(parts.entropy(TOKEN_BYTES)).decode().lower()


def new_code(parts: Parts, digits: int = 6) -> str:
    """Return a fresh numeric code; 128 random bits keep the bias of the division out of sight."""
    return str(int.from_bytes(parts.entropy(16)) % 10**digits).zfill(digits)


def digest(token: str) -> str:
    """Return what the database keeps of a token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def mac(parts: Parts, purpose: str, text: str) -> str:
    """Return the HMAC-SHA256 of `text` in hex: without the pepper a short code cannot be guessed from it."""
    return hmac.new(_derive(parts, purpose), text.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def encrypt(parts: Parts, purpose: str, text: str, now: datetime) -> str:
    """Encrypt a short secret under the pepper."""
    return _fernet(parts, purpose).encrypt_at_time(text.encode(), int(now.timestamp())).decode()


def decrypt(parts: Parts, purpose: str, token: str) -> str:
    """Return what `encrypt` was given; CorruptError where it is not ours, or the pepper is another."""
    try:
        return _fernet(parts, purpose).decrypt(token.encode()).decode()
    except InvalidToken as exc:
        raise CorruptError(
            "E-ACC-001", "动态口令密钥无法解开：请核对 pepper 文件是否为本系统的原文件。"
        ) from exc


def _fernet(parts: Parts, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derive(parts, purpose)))


def _derive(parts: Parts, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, None, f"liangze/{purpose}/v1".encode()).derive(parts.pepper())
