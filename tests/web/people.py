"""People of a test deployment, and browsers for them: cookies, forms with their token, no JavaScript."""

import html
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pyotp

from service.db.access import Account
from service.workflows.access import accounts, grants, links, totp
from service.workflows.access.roles import ROOT_UNIT, TWO_FACTORS, Person, Reach, Role
from service.workflows.access.sessions import open_session
from service.workflows.parts import Parts

PASSWORD = "雨水沿着青瓦落进小小天井"
ROOT = Person(
    account="0" * 32,
    login="root",
    name="王样例",
    unit=ROOT_UNIT,
    cadre=None,
    session="0" * 32,
    reaches=(Reach(Role.ADMIN, ROOT_UNIT),),
    since=datetime(2026, 11, 24, tzinfo=UTC),
)


_TLS = ssl.create_default_context()
"""Read once: the pages of tests come by http, but each client would read all the roots of the machine."""


class Browser(httpx.Client):
    """A browser that remembers cookies and fills in forms as they stand on the page."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, follow_redirects=True, timeout=20, trust_env=False, verify=_TLS)

    def send_form(self, page: str, values: Mapping[str, Any], action: str | None = None) -> httpx.Response:
        """Open a page, and send its first form (or the one with this action) with `values`."""
        text = self.get(page).text
        return self.post(action or page, data={"csrf": token_in(text), **values})


def visit(url: str, path: str, **cookies: str) -> httpx.Response:
    """Open one page in a browser that nobody has used before."""
    with Browser(url) as browser:
        browser.cookies.update(cookies)
        return browser.get(path)


def token_in(page: str) -> str:
    """Return the CSRF token of a page."""
    found = re.search(r'name="csrf" content="([0-9a-f]{40})"', page)
    assert found, page
    return found[1]


def heading(page: str) -> str:
    """Return the first heading of a page."""
    found = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    return html.unescape(found[1]).strip() if found else ""


class People:
    """Makes accounts by the ordinary functions, and signs them in without the pages where the pages are not meant."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._known: dict[tuple[Role, str, str | None], str] = {}

    def account(self, role: Role, unit: str, subject: str | None = None) -> str:
        """Return an account with one role in a unit, made where there is none yet."""
        key = (role, unit, subject)
        if key not in self._known:
            self._known[key] = self._make(role, unit, subject)
        return self._known[key]

    def _make(self, role: Role, unit: str, subject: str | None) -> str:
        if role in (Role.CADRE, Role.LEADER):
            assert subject
            return links.give(self.parts, subject, by=ROOT).account
        wanted = (accounts.Wanted(role, unit, subject),)
        login = f"{role}.{unit.strip('*')}.{len(self._known)}"
        account = accounts.create(self.parts, login, f"李样例{len(self._known)}", unit, wanted, by=ROOT)
        token = accounts.reset(self.parts, account, by=ROOT)
        accounts.first_password(self.parts, token, PASSWORD, agent="test")
        return account

    def cookie(self, account: str, *, whole: bool = True) -> str:
        """Return a session's token for an account; a second factor, where it is due, is set."""
        with self.parts.sessions.begin() as session:
            row = session.get_one(Account, account)
            reaches = grants.reaches_of(session, row, self.parts.clock())
            if row.totp is None and any(one.role in TWO_FACTORS for one in reaches):
                totp.put(self.parts, row, pyotp.random_base32(), self.parts.clock())
            return open_session(self.parts, session, row, method="password", agent="test", whole=whole).token
