"""Where the key of a person or seal is, and how its holder's PIN opens it there.

What is stored of a key is a PIN-wrapped record (software.py), or a reference without any secret:
`pkcs11:token=NAME;object=LABEL` for the holder's own token, `csc:CREDENTIAL` for a remote signing service. Driver and
service are settings of the deployment: a database cannot name a library to load or a host to send PINs to.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from service.errors import InputError, SetupError
from service.keys import csc, remote, software
from service.keys.shelter import sheltered
from service.keys.signer import Signer

_TOKEN = re.compile(r"pkcs11:token=[^;?&#]{1,64};object=[^;?&#]{1,128}")
_REMOTE = re.compile(r"csc:[A-Za-z0-9._~:+/=@-]{1,200}")
_PIN_SIZE_MAX = 64


@dataclass(frozen=True, slots=True)
class Places:
    """Where keys of this deployment may be: the driver of people's tokens, the signing service, the pepper."""

    pepper: Callable[[], bytes]
    module: Path | None = None
    service: csc.Service | None = None


def is_elsewhere(stored: str) -> bool:
    """Say whether the key itself is not kept here: on a token or at a signing service."""
    return not stored.startswith("{")


def proves_pin(stored: str) -> bool:
    """Say whether opening the key already proves the PIN; a signing service is asked only when it signs."""
    return not stored.startswith("csc:")


def require_reference(text: str) -> str:
    """Return a reference to a key elsewhere; raise InputError E-KEY-029 for a text that is none."""
    if _TOKEN.fullmatch(text) or _REMOTE.fullmatch(text):
        return text
    raise InputError(
        "E-KEY-029", "密钥应写作 pkcs11:token=令牌名称;object=密钥标签，或 csc:凭据编号（远程签名服务）。"
    )


@sheltered
def open_key(stored: str, pin: str, places: Places) -> AbstractContextManager[Signer]:
    """Open a key for a `with` block; counting failures and locking is the caller's (see lockout).

    Raises as `software.open_key`, `held.HeldToken` and `remote.open_remote` do; SetupError E-KEY-030 where the
    deployment has no such place.
    """
    if not is_elsewhere(stored):
        return software.open_key(stored, pin, places.pepper())
    reference = require_reference(stored)
    if not 0 < len(pin) <= _PIN_SIZE_MAX:
        raise InputError("E-KEY-031", f"PIN 应为 1 至 {_PIN_SIZE_MAX} 个字符。")
    if reference.startswith("csc:"):
        return closing(remote.open_remote(require_service(places), reference.removeprefix("csc:"), pin))
    from service.keys import held  # noqa: PLC0415 - the driver's binding is optional, and loads a library

    return held.HeldToken(reference, require_module(places), pin)


def require_service(places: Places) -> csc.Service:
    """Return the signing service; raise SetupError E-KEY-030 where none is configured."""
    if places.service is None:
        raise SetupError("E-KEY-030", "没有配置远程签名服务：请设置 LIANGZE_REMOTE_SIGNER。")
    return places.service


def require_module(places: Places) -> Path:
    """Return the driver of people's tokens; raise SetupError E-KEY-030 where none is configured."""
    if places.module is None:
        raise SetupError("E-KEY-030", "没有配置令牌驱动：请设置 LIANGZE_PKCS11_MODULE。")
    return places.module
