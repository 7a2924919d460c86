"""Signing in through an OIDC provider, against a small one of our own on a real port."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI, Form
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey

from service.web.app import create_app
from service.workflows.access import accounts
from service.workflows.access.roles import Role
from tests.serving import served
from tests.web.conftest import Running
from tests.web.people import ROOT, Browser, heading
from tests.workflows.opening import TOWN

CLIENT, SECRET, SUBJECT = "liangze", "for the test only", "u-1024"


class Provider:
    """A provider with one user: authorize, token with PKCE, keys; `spoil` changes what its token says."""

    def __init__(self, now: int) -> None:
        self.key, self.now, self.issuer = ECKey.generate_key("P-256", {"kid": "1", "use": "sig"}), now, ""
        self.spoil: dict[str, object] = {}
        self._asked: dict[str, dict[str, str]] = {}
        self.web = FastAPI(openapi_url=None)
        self.web.get("/.well-known/openid-configuration")(self.discover)
        self.web.get("/authorize")(self.authorize)
        self.web.post("/token")(self.token)
        self.web.get("/keys")(lambda: {"keys": [self.key.as_dict(private=False)]})

    def discover(self) -> dict[str, str]:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in ends.items()}}

    def authorize(self, redirect_uri: str, state: str, nonce: str, code_challenge: str) -> RedirectResponse:
        self._asked["c0de"] = {"nonce": nonce, "challenge": code_challenge}
        return RedirectResponse(f"{redirect_uri}?code=c0de&state={state}")

    def token(self, code: str = Form(), code_verifier: str = Form()) -> dict[str, str]:
        asked = self._asked.pop(code)
        digest = hashlib.sha256(code_verifier.encode()).digest()
        assert urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["challenge"]
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": SUBJECT,
            "nonce": asked["nonce"],
        }
        claims |= {"iat": self.now, "exp": self.now + 300, **self.spoil}
        token = jwt.encode({"alg": "ES256", "kid": "1"}, claims, self.key)
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}


@pytest.fixture
def provider(running: Running) -> Iterator[Provider]:
    made = Provider(int(running.parts.clock().timestamp()))
    with served(made.web) as url:
        made.issuer = url
        yield made


@pytest.fixture
def url(running: Running, provider: Provider, tmp_path: Path) -> Iterator[str]:
    """The same deployment, served once more with the provider in its settings."""
    (tmp_path / "secret").write_text(SECRET)
    settings = running.parts.settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_client": CLIENT,
            "oidc_secret_file": tmp_path / "secret",
        }
    )
    web = create_app(replace(running.parts, settings=settings))
    with served(web) as url:
        web.state.site = replace(
            web.state.site,
            parts=replace(running.parts, settings=settings.model_copy(update={"public_url": url})),
        )
        yield url


def test_who_is_bound_comes_in_and_nobody_else(running: Running, provider: Provider, url: str) -> None:
    account = running.people.account(Role.APPROVER, TOWN)
    with Browser(url) as browser:
        assert "统一身份登录" in browser.get("/login").text
        unknown = browser.get("/login/by/oidc?next=/cadres")
        assert unknown.status_code == 403 and "E-ACC-031" in unknown.text
        accounts.bind_outside(running.parts, account, f"{provider.issuer} {SUBJECT}", by=ROOT)
        assert heading(browser.get("/login/by/oidc?next=/cadres").text) == "干部"
    accounts.bind_outside(running.parts, account, None, by=ROOT)


@pytest.mark.parametrize(
    "spoil",
    [{"nonce": "another"}, {"aud": "somebody-else"}, {"iss": "https://evil.example"}, {"exp": 1_600_000_000}],
    ids=json.dumps,
)
def test_a_token_that_is_not_for_us_opens_nothing(
    running: Running, provider: Provider, url: str, spoil: dict[str, object]
) -> None:
    provider.spoil = spoil
    with Browser(url) as browser:
        answer = browser.get("/login/by/oidc")
        assert answer.status_code == 403 and "E-WEB-021" in answer.text


def test_a_token_of_another_key_or_a_foreign_state_opens_nothing(provider: Provider, url: str) -> None:
    with Browser(url) as browser:
        answer = browser.get("/login/by/oidc/back?code=c0de&state=guessed")
        assert answer.status_code == 403 and "E-WEB-020" in answer.text
        good, provider.key = provider.key, ECKey.generate_key("P-256", {"kid": "1", "use": "sig"})
        provider.web.router.routes[:] = [
            one for one in provider.web.router.routes if getattr(one, "path", "") != "/keys"
        ]
        provider.web.get("/keys")(lambda: {"keys": [good.as_dict(private=False)]})
        assert "E-WEB-021" in browser.get("/login/by/oidc").text
