"""One's own password and second factor: the first ones by a link, later changes by who knows the old ones."""

from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request, Response

from service.errors import InputError
from service.web.access import person_of, public, signed_in
from service.web.pages.sign_in import Code, address_of, agent_of, begin
from service.web.render import render
from service.web.site import site_of
from service.workflows.access import accounts, links, totp

Word = Annotated[str, Form(max_length=200)]

pages = APIRouter(include_in_schema=False)


@pages.get("/start/{token}", dependencies=[public()])
def start(request: Request, token: str) -> Response:
    """Show to whom a link gives a password, and ask for one."""
    here = site_of(request)
    links.require_known(here.parts, here.reader, token, address=address_of(request))
    with here.reader.begin() as session:
        account = accounts.link_account(session, token, here.parts.clock())
        return render(request, "password_first.html", account=account, token=token)


@pages.post("/start/{token}", dependencies=[public()])
def start_with(request: Request, token: str, new: Word, again: Word) -> Response:
    """Set the first password and sign in."""
    _require_same(new, again)
    here = site_of(request)
    links.require_known(here.parts, here.reader, token, address=address_of(request))
    opened = accounts.first_password(here.parts, token, new, agent=agent_of(request))
    return begin(request, opened, "/", "password")


@pages.get("/account/password", dependencies=[signed_in(partly=True)])
def password(request: Request) -> Response:
    """Ask for old and new password."""
    return render(request, "password.html")


@pages.post("/account/password", dependencies=[signed_in()])
def change(request: Request, old: Word, new: Word, again: Word) -> Response:
    """Change the password."""
    _require_same(new, again)
    opened = accounts.change_password(
        site_of(request).parts, person_of(request), old, new, agent=agent_of(request)
    )
    return begin(request, opened, "/account", "password")


@pages.get("/account/totp", dependencies=[signed_in(partly=True)])
def second(request: Request) -> Response:
    """Show a fresh secret as a QR code; it is taken into use only by a code made with it."""
    secret = totp.new_secret(site_of(request).parts)
    return _show_secret(request, secret)


@pages.post("/account/totp", dependencies=[signed_in(partly=True)])
def second_with(request: Request, secret: Word, code: Code) -> Response:
    """Take the second factor into use."""
    opened = accounts.set_totp(
        site_of(request).parts, person_of(request), secret, code, agent=agent_of(request)
    )
    return begin(request, opened, "/", "totp")


def _show_secret(request: Request, secret: str) -> Response:
    address = totp.address(secret, person_of(request).login)
    picture = segno.make(address, error="m").svg_data_uri(scale=5, border=2)
    spaced = " ".join(secret[n : n + 4] for n in range(0, len(secret), 4))
    return render(request, "totp.html", secret=secret, spaced=spaced, picture=picture)


def _require_same(new: str, again: str) -> None:
    if new != again:
        raise InputError("E-WEB-008", "两次输入的密码不一样，请返回重新输入。")
