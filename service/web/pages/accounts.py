"""The administrator's accounts, and the clerk's part in letting signers in: identity, phone number, link and code."""

from typing import Annotated, Any

import segno
from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import InputError
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing
from service.workflows.access import accounts, identity, links
from service.workflows.access.accounts import Wanted
from service.workflows.access.roles import ROOT_UNIT, Role

Text = Annotated[str, Form(max_length=200)]
GRANTED = tuple(one for one in Role if one not in (Role.CADRE, Role.LEADER))
"""Roles that an administrator gives; the registry gives the others."""

pages = APIRouter(include_in_schema=False)


@pages.get("/accounts", dependencies=[require(Role.ADMIN)])
def list_(request: Request, q: str = "", role: str = "", page: int = 1) -> Response:
    """List the accounts of the administrator's units, found by name, login, unit or role."""
    here, codes = site_of(request), codes_of(request, Role.ADMIN)
    with here.reader.begin() as session:
        found = browsing.accounts(session, codes, words=q, role=role, page=page)
        roles = accounts.roles_of(session, found.rows)
        names = browsing.names(session, china_day(here.parts.clock()))
    values: dict[str, Any] = {"found": found, "roles": roles, "names": names, "granted": GRANTED}
    return render(request, "accounts.html", q=q, role=role, **values)


@pages.get("/accounts/new", dependencies=[require(Role.ADMIN)])
def new(request: Request) -> Response:
    """Ask for what a new account needs."""
    return render(request, "account_new.html", granted=GRANTED, root=_is_root(request))


@pages.post("/accounts/new", dependencies=[require(Role.ADMIN)])
def create(
    request: Request,
    login: Text,
    name: Text,
    at: Text,
    role: Annotated[list[Role], Form()],
    subject: Annotated[str, Form(max_length=32)] = "",
) -> Response:
    """Make an account and show the link with which its holder sets a password."""
    here, person = site_of(request), person_of(request)
    unit = _unit(request, at)
    wanted = tuple(Wanted(one, unit, subject.strip() or None) for one in role)
    made = accounts.create(here.parts, login, name, unit, wanted, by=person)
    return _show_password_link(request, made, accounts.reset(here.parts, made, by=person))


@pages.get("/accounts/{account}", dependencies=[require(Role.ADMIN)])
def one(request: Request, account: str) -> Response:
    """Show one account with its roles."""
    here = site_of(request)
    with here.reader.begin() as session:
        row = accounts.require(session, account)
        roles = accounts.roles_of(session, [row])[account]
        names = browsing.names(session, china_day(here.parts.clock()))
        return render(request, "account.html", row=row, roles=roles, names=names, granted=GRANTED)


@pages.post("/accounts/{account}/roles", dependencies=[require(Role.ADMIN)])
def change_roles(
    request: Request, account: str, at: Text, role: Annotated[list[Role] | None, Form()] = None
) -> Response:
    """Let the account have exactly these roles in one unit."""
    unit = _unit(request, at)
    wanted = tuple(Wanted(one, unit) for one in role or ())
    accounts.change_roles(site_of(request).parts, account, wanted, by=person_of(request))
    return go(request, f"/accounts/{account}", "saved")


@pages.post("/accounts/{account}/reset", dependencies=[require(Role.ADMIN)])
def reset(request: Request, account: str) -> Response:
    """Take password and second factor away and show a new link."""
    token = accounts.reset(site_of(request).parts, account, by=person_of(request))
    return _show_password_link(request, account, token)


@pages.post("/accounts/{account}/disable", dependencies=[require(Role.ADMIN)])
def disable(request: Request, account: str, enable: bool = Form(False)) -> Response:
    """Close an account, or open it again."""
    accounts.disable(site_of(request).parts, account, by=person_of(request), enable=enable)
    return go(request, f"/accounts/{account}", "enabled" if enable else "disabled")


@pages.post("/accounts/{account}/outside", dependencies=[require(Role.ADMIN)])
def bind(request: Request, account: str, outside: Annotated[str, Form(max_length=300)] = "") -> Response:
    """Bind the account to an identity at the OIDC provider, or to none."""
    accounts.bind_outside(site_of(request).parts, account, outside.strip() or None, by=person_of(request))
    return go(request, f"/accounts/{account}", "saved")


@pages.post("/cadres/{cadre}/identity", dependencies=[require(Role.CLERK)])
def confirm(request: Request, cadre: str, how: Text) -> Response:
    """Record that the clerk made sure who a signer is."""
    identity.confirm(site_of(request).parts, cadre, how, by=person_of(request))
    return go(request, f"/cadres/{cadre}", "confirmed")


@pages.post("/cadres/{cadre}/phone", dependencies=[require(Role.CLERK)])
def phone(request: Request, cadre: str, mobile: Text, why: Text) -> Response:
    """Correct a signer's phone number; all that went to the old one ends."""
    identity.correct_phone(site_of(request).parts, cadre, mobile.strip(), by=person_of(request), why=why)
    return go(request, f"/cadres/{cadre}", "phone")


@pages.post("/cadres/{cadre}/link", dependencies=[require(Role.CLERK)])
def link(request: Request, cadre: str) -> Response:
    """Make a signer's link and code and show them, once, to print or send."""
    here = site_of(request)
    given = links.give(here.parts, cadre, by=person_of(request))
    with here.reader.begin() as session:
        on = china_day(here.parts.clock())
        signer = query.cadre(session, cadre, on)
        names = browsing.names(session, on)
    address = here.address(f"/k/{given.token}")
    return render(
        request,
        "link_given.html",
        signer=signer,
        names=names,
        address=address,
        given=given,
        picture=qr_of(address),
    )


def _show_password_link(request: Request, account: str, token: str) -> Response:
    here = site_of(request)
    with here.reader.begin() as session:
        row = accounts.require(session, account)
        address = here.address(f"/start/{token}")
        return render(request, "password_link.html", row=row, address=address, picture=qr_of(address))


def qr_of(address: str) -> str:
    """Return an address as a picture that a phone reads."""
    return segno.make(address, error="m").svg_data_uri(scale=5, border=2)


def _is_root(request: Request) -> bool:
    return ROOT_UNIT in person_of(request).units(Role.ADMIN)


def _unit(request: Request, text: str) -> str:
    """Return the code of the unit that a field names; 全部单位 only for who administers all of them."""
    text, here = text.strip(), site_of(request)
    if text in ("全部单位", ROOT_UNIT):
        if not _is_root(request):
            raise InputError("E-WEB-009", "您只能选择所管理的单位。")
        return ROOT_UNIT
    with here.reader.begin() as session:
        return query.find_unit(session, text, china_day(here.parts.clock())).code
