"""A person's own token: `pkcs11:token=NAME;object=LABEL`, opened by its holder's PIN for the length of a request.

The driver is a setting of the deployment, the PIN comes with the request and is kept nowhere; when the request ends
the holder is logged out. A token that the service itself is logged in to is refused: its key would need no PIN.
"""

import contextlib
import hashlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from pkcs11 import ObjectClass
from pkcs11.exceptions import (
    AnotherUserAlreadyLoggedIn,
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)

from service.errors import ForbiddenError, SetupError, UnavailableError, UsageError
from service.keys import token
from service.keys.shelter import sheltered

HOLD_SECONDS = 30.0
"""How long a second request waits for the token of the same holder."""
_HELD: dict[tuple[Path, str], threading.Lock] = {}


class HeldToken:
    """A person's own token, open for the length of a `with` block; one holder at a time."""

    __slots__ = ("_busy", "_pin", "_uri", "signer")

    def __init__(self, uri: str, module: Path, pin: str) -> None:
        self._uri = token.Uri.parse(f"{uri.partition('?')[0]}?module-path={module}&pin-source=")
        self._pin = pin

    def __enter__(self) -> "HeldSigner":
        with token.LOCK:
            self._busy = _HELD.setdefault((self._uri.module, self._uri.token), threading.Lock())
        if not self._busy.acquire(timeout=HOLD_SECONDS):
            raise UnavailableError("E-KEY-027", f"令牌“{self._uri.token}”正被使用，请稍后再试。")
        try:
            self.signer = _log_in(self._uri, self._pin)
        except BaseException:
            self._busy.release()
            raise
        finally:
            self._pin = ""
        return self.signer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.signer.close()
        self._busy.release()

    def __repr__(self) -> str:
        return f"<HeldToken {self._uri.token}>"


class HeldSigner:
    """Signs with the key of a person's own token until closed."""

    __slots__ = ("_key", "_session", "_uri", "algorithm", "public_key")

    def __init__(self, uri: token.Uri, session: Any, key: Any, public: Any) -> None:
        self._uri, self._session, self._key = uri, session, key
        self.algorithm, self.public_key = token.describe(public)

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`; SetupError E-KEY-018 when the token is gone, UsageError once closed."""
        if self._key is None:
            raise UsageError("E-KEY-007", "密钥已经关闭，不能再签名；请重新输入 PIN 打开。")
        try:
            return token.sign_with(self._key, self.algorithm, data)
        except PKCS11Error as exc:
            raise token.failed(self._uri, exc) from None

    def close(self) -> None:
        """Log the holder out; every later `sign` raises."""
        session, self._key, self._session = self._session, None, None
        if session is not None:
            with contextlib.suppress(PKCS11Error):  # the token was pulled: nobody is logged in any more
                session.close()

    def __repr__(self) -> str:
        return f"<HeldSigner {self.algorithm} {hashlib.sha256(self.public_key).hexdigest()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise UsageError("E-KEY-007", "密钥不能复制，也不能放进任务或文件。")


@sheltered
def _log_in(uri: token.Uri, pin: str) -> HeldSigner:
    """Open the token with its holder's PIN; ForbiddenError E-KEY-001 for a wrong one, E-KEY-028 for a locked token."""
    session, failure = None, None
    try:
        with token.LOCK:
            session = token.driver(uri.module).get_token(token_label=uri.token).open(user_pin=pin)
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=uri.label)
            public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=uri.label)
            return HeldSigner(uri, session, key, public)
    except (PinIncorrect, PinInvalid, PinLenRange):
        raise ForbiddenError("E-KEY-001", "PIN 不正确，请重新输入；连续输错五次将暂时锁定。") from None
    except (PinLocked, PinExpired):
        raise ForbiddenError(
            "E-KEY-028", f"令牌“{uri.token}”的 PIN 已被令牌自身锁定或已过期，请用其工具或向发放机构解锁。"
        ) from None
    except (UserAlreadyLoggedIn, AnotherUserAlreadyLoggedIn):
        raise SetupError(
            "E-KEY-018", f"令牌“{uri.token}”已由服务登录：个人的密钥须放在各自的令牌上。"
        ) from None
    except PKCS11Error as exc:
        failure = exc
    except RuntimeError:
        pass  # the driver could not be loaded
    if session is not None:
        session.close()
    raise token.failed(uri, failure)
