"""Cookies: the session, the devices that opened a link, and a visitor's seed for the CSRF token; all HttpOnly."""

from fastapi import Request, Response

from service.settings import Settings

SESSION, DEVICES, VISITOR = "liangze", "liangze_devices", "liangze_visitor"
DEVICE_LIFE = 180 * 24 * 3600  # seconds
MOST_DEVICES = 8  # signers on one phone
_TOKEN_MAX = 64


def name_of(settings: Settings, name: str) -> str:
    """Return what a cookie is called: with the prefix __Host- wherever its rules allow (https, no sub-path).

    Specification: https://www.rfc-editor.org/rfc/rfc6265bis, 4.1.3: no other host, and nobody by http, can set it.
    """
    return f"__Host-{name}" if settings.secure and not settings.root_path else name


def read(request: Request, name: str) -> str:
    """Return a cookie's value, empty where there is none or it is longer than any of ours."""
    value = request.cookies.get(name_of(request.app.state.site.settings, name), "")
    return value if len(value) <= _TOKEN_MAX * MOST_DEVICES else ""


def devices(request: Request) -> frozenset[str]:
    """Return the tokens of the devices that this browser is, one for each signer who uses it."""
    return frozenset(one for one in read(request, DEVICES).split(".") if one)


def put(response: Response, settings: Settings, name: str, value: str, *, lasts: int | None = None) -> None:
    """Set a cookie for the site's own path; Secure where people come by https. Lax: links in chat apps must work."""
    response.set_cookie(
        name_of(settings, name),
        value,
        max_age=lasts,
        path=settings.root_path or "/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )


def put_device(request: Request, response: Response, settings: Settings, token: str) -> None:
    """Add a device's token to those of this browser; the oldest goes where there are too many."""
    known = [one for one in read(request, DEVICES).split(".") if one][-MOST_DEVICES + 1 :]
    put(response, settings, DEVICES, ".".join((*known, token)), lasts=DEVICE_LIFE)


def drop(response: Response, settings: Settings, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(
        name_of(settings, name), path=settings.root_path or "/", secure=settings.secure, httponly=True
    )
