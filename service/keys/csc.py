"""Questions to a remote signing service: JSON over HTTPS with a bearer token, and what its refusals mean here.

Cloud Signature Consortium API 2.0, clauses 8 and 10:
https://cloudsignatureconsortium.org/resources/download-api-specifications/. An answer is hostile until it is read.
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from service.errors import ForbiddenError, ServiceError, SetupError, UnavailableError, VerificationError
from service.keys import service_keys

TIMEOUT_SECONDS = 15.0
TRIES = 2
"""How often a question is put that changes nothing; a PIN is sent again only if it cannot have arrived."""
ANSWER_SIZE_MAX = 1 << 20
_PIN_FAULTS = {"invalid_pin", "invalid_auth_data", "invalid_authdata"}
_LOCAL = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Service:
    """A signing service: its address up to the version (`…/csc/v2`) and the file of its bearer token."""

    url: str
    token: Path | None = None
    timeout: float = TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and (parts.scheme, parts.hostname in _LOCAL) != ("http", True):
            raise SetupError("E-KEY-021", "远程签名服务的地址须以 https:// 开头（PIN 要经过它）。")


def client(service: Service) -> httpx.Client:
    """Return a client of the service; raise SetupError for a token file that is missing or open to others."""
    headers = {"Accept": "application/json"}
    if service.token is not None:
        headers["Authorization"] = f"Bearer {service_keys.read_pin_file(service.token)}"
    base = service.url.rstrip("/") + "/"
    return httpx.Client(base_url=base, headers=headers, timeout=service.timeout, follow_redirects=False)


def post(http: httpx.Client, path: str, question: dict[str, Any], *, once: bool = False) -> dict[str, Any]:
    """Return the JSON object that answers; `once`: what may have arrived is not sent again."""
    fault: ServiceError | None = None
    for _ in range(TRIES):
        try:
            return _answer(http, path, question)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            fault = down("连接不上")
        except httpx.HTTPError as exc:
            fault = down(f"没有答复（{type(exc).__name__}）")
            if once:
                break
        except ServiceError as exc:
            fault = exc
            break
    assert fault is not None  # noqa: S101 - TRIES is at least one
    raise fault


def _answer(http: httpx.Client, path: str, question: dict[str, Any]) -> dict[str, Any]:
    with http.stream("POST", path, json=question) as response:
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > ANSWER_SIZE_MAX:
                raise odd("答复过长")
    try:
        said = httpx.Response(200, content=body).json()
    except (ValueError, RecursionError):
        said = None
    if response.status_code != 200:
        raise _refusal(response.status_code, said)
    if not isinstance(said, dict):
        raise odd("答复不是 JSON 对象")
    return said


def _refusal(status: int, said: object) -> ServiceError:
    name = said.get("error") if isinstance(said, dict) else None
    name = name if isinstance(name, str) and name.isascii() and name.isprintable() and len(name) < 50 else ""
    if status in {400, 401, 403} and name in _PIN_FAULTS:
        return ForbiddenError("E-KEY-001", "PIN 不正确，请重新输入；连续输错五次将暂时锁定。")
    if status == 401:
        return SetupError(
            "E-KEY-025", "远程签名服务不认本系统的访问令牌：请更换 LIANGZE_REMOTE_SIGNER_TOKEN 文件。"
        )
    if status == 429 or status >= 500:
        return down(f"答复 {status}")
    return ForbiddenError("E-KEY-023", f"远程签名服务拒绝了请求（{name or status}）；请向服务方查询。")


def part(said: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object that the answer must hold; raise VerificationError E-KEY-026 otherwise."""
    value = said.get(name)
    if not isinstance(value, dict):
        raise odd(f"缺少 {name}")
    return value


def text(said: dict[str, Any], name: str) -> str:
    """Return a text that the answer must hold; raise VerificationError E-KEY-026 otherwise."""
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise odd(f"缺少 {name}")
    return value


def octets(text: object) -> bytes:
    """Return the bytes of a Base64 text; none where it is not one, which then proves nothing."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""


def down(why: str) -> UnavailableError:
    """Return the error of a service that does not answer now."""
    return UnavailableError("E-KEY-022", f"远程签名服务{why}，没有签署；请稍后再试。")


def odd(why: str) -> VerificationError:
    """Return the error of an answer that is not what the specification says."""
    return VerificationError("E-KEY-026", f"远程签名服务的答复不合规定（{why}），没有采用。")
