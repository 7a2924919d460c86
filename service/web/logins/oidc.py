"""Signing in through an OpenID Connect provider: authorization code with PKCE, state and nonce (OIDC Core 1.0).

What must be remembered between leaving and coming back is in a cookie, encrypted under the pepper, for ten minutes.
"""

import json
from typing import Any

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.errors import CorruptError, ForbiddenError, SetupError, UnavailableError
from service.settings import Settings
from service.web import cookies
from service.web.site import site_of
from service.workflows.access import secrets

COOKIE = "liangze_oidc"
LASTS = 600  # seconds
TIMEOUT = 10  # seconds for an answer of the provider
LEEWAY = 60  # seconds that its clock may differ
ALGORITHMS = ["RS256", "PS256", "ES256"]


class Oidc:
    """One provider, found by its issuer."""

    name = "oidc"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.title = settings.oidc_title

    def start(self, request: Request, wanted: str) -> Response:
        """Send the browser to the provider."""
        here = site_of(request)
        kept = {
            "state": secrets.new_token(here.parts),
            "nonce": secrets.new_token(here.parts),
            "verifier": generate_token(64),
            "wanted": wanted,
        }
        with self._client(request) as client:
            address, _ = client.create_authorization_url(
                self._metadata()["authorization_endpoint"],
                state=kept["state"],
                nonce=kept["nonce"],
                code_challenge=create_s256_code_challenge(kept["verifier"]),
                code_challenge_method="S256",
            )
        response = RedirectResponse(address, status_code=303)
        sealed = secrets.encrypt(here.parts, "oidc", json.dumps(kept), here.parts.clock())
        cookies.put(response, here.settings, COOKIE, sealed, lasts=LASTS)
        return response

    def finish(self, request: Request) -> tuple[str, str]:
        """Exchange the code and check the identity token: issuer, audience, times, nonce, signature."""
        kept = self._kept(request)
        given = request.query_params
        if not secrets.same(given.get("state", ""), kept["state"]) or not given.get("code"):
            raise ForbiddenError("E-WEB-020", "统一登录没有完成，请返回登录页再试一次。")
        metadata = self._metadata()
        with self._client(request) as client:
            token = _reach(
                lambda: client.fetch_token(
                    metadata["token_endpoint"], code=given["code"], code_verifier=kept["verifier"]
                )
            )
        claims = self._claims(metadata, str(token.get("id_token", "")), kept["nonce"], request)
        return f"{claims['iss']} {claims['sub']}", kept["wanted"]

    def _claims(self, metadata: dict[str, Any], token: str, nonce: str, request: Request) -> dict[str, Any]:
        keys = KeySet.import_key_set(_get(metadata["jwks_uri"]))
        now = int(site_of(request).parts.clock().timestamp())
        registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": self._settings.oidc_client},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as exc:
            raise ForbiddenError(
                "E-WEB-021", "统一登录返回的身份凭据不能通过检查，请联系系统管理员。"
            ) from exc
        return claims

    def _kept(self, request: Request) -> dict[str, str]:
        here = site_of(request)
        sealed = request.cookies.get(cookies.name_of(here.settings, COOKIE), "")
        try:
            kept: dict[str, str] = json.loads(secrets.decrypt(here.parts, "oidc", sealed))
        except CorruptError as exc:
            raise ForbiddenError("E-WEB-020", "统一登录没有完成，请返回登录页再试一次。") from exc
        return kept

    def _client(self, request: Request) -> OAuth2Client:
        return OAuth2Client(
            self._settings.oidc_client,
            self._secret(),
            scope="openid profile",
            redirect_uri=site_of(request).address(f"/login/by/{self.name}/back"),
            timeout=TIMEOUT,
        )

    def _secret(self) -> str:
        path = self._settings.oidc_secret_file
        try:
            return path.read_text("utf-8").strip() if path else ""
        except OSError as exc:
            raise SetupError("E-WEB-022", f"读不出统一登录的密钥文件 {path}，请核对设置。") from exc

    def _metadata(self) -> dict[str, Any]:
        address = self._settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration"
        found: dict[str, Any] = _get(address)
        if found.get("issuer") != self._settings.oidc_issuer:
            raise SetupError("E-WEB-023", "统一登录服务报告的 issuer 与设置 LIANGZE_OIDC_ISSUER 不一致。")
        return found


def _get(address: str) -> Any:
    return _reach(lambda: httpx2.get(address, timeout=TIMEOUT).raise_for_status().json())


def _reach(ask: Any) -> Any:
    try:
        return ask()
    except (httpx2.HTTPError, ValueError) as exc:
        raise UnavailableError("E-WEB-024", "统一登录服务暂时没有回应，请稍后再试或用密码登录。") from exc
