"""Ways to sign in from outside: each is one file with a class that has this shape; `ways` names those configured."""

from typing import Protocol

from fastapi import Request, Response

from service.settings import Settings
from service.web.logins.oidc import Oidc


class LoginAdapter(Protocol):
    """Somebody else says who a person is: an OIDC provider, or a government chat app."""

    name: str
    """Short name in addresses: /login/by/<name>."""
    title: str
    """What the button says."""

    def start(self, request: Request, wanted: str) -> Response:
        """Send the browser to where the person signs in; `wanted` is the path to come back to."""
        ...

    def finish(self, request: Request) -> tuple[str, str]:
        """Check what came back; return issuer and subject as one text (`Account.outside`), and the wanted path."""
        ...


def ways(settings: Settings) -> tuple[LoginAdapter, ...]:
    """Return the ways from outside that this deployment has."""
    return (Oidc(settings),) if settings.oidc_issuer else ()
