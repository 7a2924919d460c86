"""Who may come to a route: each says it with `public()`, `signed_in()` or `require(…)`; one that doesn't is refused.

Parameters of the path say what a request is about (workflows.access.grants.TARGETS): the unit it lies in, whose it is.
`require(Role.CLERK)` lets in whoever is clerk of that unit or of one above it. A `unit` in the query is checked alike.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from service.errors import ForbiddenError, SetupError
from service.web import cookies
from service.workflows.access import accounts, grants, sessions
from service.workflows.access.roles import Person, Role, Target

FREE = frozenset({"token", "file"})
"""Parameters that are secrets or names of their own, on public routes; what they open is decided by what they are."""


class SignInNeededError(ForbiddenError):
    """Nobody is signed in, or a step of signing in is still to come: a page leads there."""

    def __init__(self, where: str) -> None:
        super().__init__("E-WEB-002", "请先登录。")
        self.where = where


class Access:
    """What a route demands: nothing, somebody signed in, or one of these roles where the path leads."""

    def __init__(
        self, roles: tuple[Role, ...] = (), *, everybody: bool = False, partly: bool = False
    ) -> None:
        self.roles, self.everybody, self.partly = roles, everybody, partly

    def __call__(self, request: Request) -> None:
        """Let the request in and note whose it is, or raise."""
        person = request.state.person = _read_person(request)
        if self.everybody:
            return
        if person is None:
            raise SignInNeededError(f"/login?next={quote(_wanted(request))}")
        if not self.partly:
            _require_complete(person)
        target = _target(request)
        own = target.account is not None and target.account == person.account and not self.roles
        if not (own or self._reaches(person, target)):
            raise ForbiddenError("E-WEB-004", "您没有办理这件事的权限；如工作需要，请联系系统管理员。")

    def _reaches(self, person: Person, target: Target) -> bool:
        if not self.roles:
            return target == Target()
        return person.has(*self.roles) if target == Target() else person.may(self.roles, target)


def public() -> Any:
    """Anybody may come here."""
    return Depends(Access(everybody=True))


def signed_in(*, partly: bool = False) -> Any:
    """Whoever is signed in may come here; `partly`: also before the second factor or a forced change."""
    return Depends(Access(partly=partly))


def require(*roles: Role) -> Any:
    """Only who has one of these roles where the path leads may come here (anywhere, where it leads to no unit)."""
    return Depends(Access(roles))


def person_of(request: Request) -> Person:
    """Return who is signed in; only on routes that are not public."""
    person: Person | None = request.state.person
    if person is None:
        raise SignInNeededError("/login")
    return person


def visitor_of(request: Request) -> Person | None:
    """Return who is signed in, if anybody."""
    person: Person | None = getattr(request.state, "person", None)
    return person


def access_of(route: APIRoute) -> Access | None:
    """Return what a route demands."""
    found = [one.call for one in route.dependant.dependencies if isinstance(one.call, Access)]
    return found[0] if len(found) == 1 else None


def routes_of(site: FastAPI) -> Iterator[BaseRoute]:
    """Return every route of the site, those of its routers one by one."""
    for one in site.routes:
        inner = getattr(one, "original_router", None)
        yield from [one] if inner is None else inner.routes


def require_declared(site: FastAPI) -> None:
    """Raise SetupError for a route that does not say who may come, or has a parameter nobody can place."""
    for route in routes_of(site):
        if not isinstance(route, APIRoute):
            raise SetupError("E-WEB-005", f"{route} 没有说明谁可以访问。")
        rule = access_of(route)
        if rule is None:
            raise SetupError("E-WEB-005", f"{route.path} 没有说明谁可以访问。")
        placed: set[str] = {*grants.TARGETS, *(FREE if rule.everybody else ())}
        names = {one.name for one in route.dependant.path_params}
        if names - placed and not rule.everybody:
            raise SetupError("E-WEB-006", f"{route.path} 的参数 {names - placed} 不知属于哪个单位。")


def codes_of(request: Request, *roles: Role) -> frozenset[str]:
    """Return every unit in which the person has one of these roles, for queries: none else may be shown."""
    site, person = request.app.state.site, person_of(request)
    with site.reader.begin() as session:
        return accounts.scope(session, person.units(*roles), site.parts.clock())


def _read_person(request: Request) -> Person | None:
    token = cookies.read(request, cookies.SESSION)
    if not token:
        return None
    site = request.app.state.site
    return sessions.person_of(site.parts, site.reader, token, cookies.devices(request))


def _require_complete(person: Person) -> None:
    if not person.whole:
        raise SignInNeededError("/login/code")
    if person.must_change:
        raise SignInNeededError("/account/password")
    if person.needs_totp:
        raise SignInNeededError("/account/totp")


def _target(request: Request) -> Target:
    """Return what the path (and a unit in the query) is about; what does not exist looks like what is not allowed."""
    asked = dict(request.path_params)
    if unit := request.query_params.get("unit"):
        asked.setdefault("unit", unit)
    if not asked:
        return Target()
    site = request.app.state.site
    with site.reader.begin() as session:
        found = [grants.target_of(session, name, value) for name, value in asked.items()]
    return found[0] if len(found) == 1 else _meet(found)


def _meet(found: list[Target]) -> Target:
    """Return the target of several parameters: the units that all lie in, and whose it is where they agree."""

    def agreed(name: str) -> str | None:
        said = {value for one in found if (value := getattr(one, name))}
        return said.pop() if len(said) == 1 else None

    units = tuple(one for one in found[0].units if all(one in other.units for other in found))
    return Target(units, agreed("cadre"), agreed("entity"), agreed("account"))


def _wanted(request: Request) -> str:
    return (
        request.url.path.removeprefix(request.scope.get("root_path", "")) if request.method == "GET" else "/"
    )
