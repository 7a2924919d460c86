"""Notices by webhook: a signed HTTP POST to a gateway of the office's (SMS, chat app) that passes them on.

The body is JSON; `X-Liangze-Signature` is the HMAC-SHA256 in hex, under the shared secret, of the time stamp header,
a full stop and the body. The address is the setting's, whoever the message is for; redirects are not followed.
"""

import hashlib
import hmac

import httpx

from service.clock import format_utc
from service.core import canonical_json
from service.errors import InputError, SetupError, UnavailableError
from service.keys import service_keys
from service.settings import Settings
from service.workflows.todo.messages import Message

TIMEOUT = 20.0  # seconds
_LATER = (408, 425, 429)
_SHORTEST = 16  # characters of a secret


class WebhookSender:
    """Posts messages to the address that is set."""

    name = "webhook"

    def __init__(self, settings: Settings) -> None:
        if not settings.webhook_url.startswith(("https://", "http://")) or not settings.webhook_secret_file:
            raise SetupError(
                "E-SYS-316", "网关通知须设置 LIANGZE_WEBHOOK_URL 和 LIANGZE_WEBHOOK_SECRET_FILE。"
            )
        if settings.environment == "production" and not settings.webhook_url.startswith("https://"):
            raise SetupError(
                "E-SYS-316", "生产环境的 LIANGZE_WEBHOOK_URL 须为 https 网址：通知中有姓名和手机号。"
            )
        self._url, self._secret_file = settings.webhook_url, settings.webhook_secret_file

    def send(self, message: Message) -> None:
        """Post one message; its id is the idempotency key."""
        if not message.mobile:
            raise InputError("E-SYS-317", "收件人没有登记手机号，通知没有发出；请登记后再催办。")
        body = canonical_json(
            {
                "v": 1,
                "id": message.id,
                "why": message.why,
                "mobile": message.mobile,
                "subject": message.subject,
                "text": message.text,
            }
        )
        at = format_utc(message.at)
        headers = {
            "content-type": "application/json",
            "idempotency-key": message.id,
            "x-liangze-timestamp": at,
            "x-liangze-signature": sign(self._secret(), at, body),
        }
        try:
            answer = httpx.post(self._url, content=body, headers=headers, timeout=TIMEOUT, trust_env=False)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise UnavailableError("E-SYS-318", "通知网关暂时没有回应，稍后自动重试。") from exc
        if answer.status_code in _LATER or answer.status_code >= 500:
            raise UnavailableError("E-SYS-318", f"通知网关暂不受理（{answer.status_code}），稍后自动重试。")
        if not answer.is_success:
            raise InputError(
                "E-SYS-319", f"通知网关拒收（{answer.status_code}），通知没有发出；请核对网关设置。"
            )

    def _secret(self) -> bytes:
        secret = service_keys.read_pin_file(self._secret_file).encode()
        if len(secret) < _SHORTEST:
            raise SetupError("E-SYS-316", f"通知网关的共享密钥至少 {_SHORTEST} 个字符。")
        return secret


def sign(secret: bytes, at: str, body: bytes) -> str:
    """Return the signature that a gateway compares with."""
    return hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
