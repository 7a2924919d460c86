"""A small remote signing service (CSC API 2.0) for the tests: real keys, PINs, authorisations bound to their hashes.

It does what the specification says of `credentials/info`, `credentials/authorize` and `signatures/signHash`, in
explicit mode: an authorisation (SAD) is for one credential and just these hashes, and is used once.
"""

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import pem
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from service.keys.private import PrivateKey

SHA256 = "2.16.840.1.101.3.4.2.1"
BEARER = "bearer-token-of-the-tests-4711"


@dataclass
class Held:
    """A key at the service, its certificates (DER) and its holder's PIN."""

    key: PrivateKey
    certificates: list[bytes]
    pin: str
    multisign: int = 3
    status: str = "enabled"
    mode: str = "explicit"


@dataclass
class SigningService:
    """The state of the service, and what it was asked."""

    held: dict[str, Held] = field(default_factory=dict)
    granted: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fault: JSONResponse | None = None
    bends: bool = False
    """Whether it gives a signature over something else."""

    def app(self) -> FastAPI:
        """Return the web application, its operations under /csc/v2."""
        web = FastAPI()

        @web.post("/csc/v2/{group}/{operation}")
        async def answer(group: str, operation: str, request: Request) -> JSONResponse:
            self.asked.append(f"{group}/{operation}")
            if request.headers.get("authorization") != f"Bearer {BEARER}":
                return refusal("invalid_token", 401)
            if self.fault is not None:
                return self.fault
            body = await request.json()
            one = self.held.get(body.get("credentialID"))
            if one is None:
                return refusal("invalid_request")
            act = {"info": self._info, "authorize": self._authorize, "signHash": self._sign}[operation]
            return act(body, one)

        return web

    def _info(self, body: dict[str, Any], one: Held) -> JSONResponse:
        chain = [base64.b64encode(der).decode() for der in one.certificates]
        return JSONResponse(
            {
                "key": {"status": one.status, "algo": ["1.2.840.10045.4.3.2"], "len": 256},
                "cert": {"status": "valid", "certificates": chain},
                "auth": {
                    "mode": one.mode,
                    "expression": "PIN",
                    "objects": [{"type": "Password", "id": "PIN"}],
                },
                "SCAL": "2",
                "multisign": one.multisign,
            }
        )

    def _authorize(self, body: dict[str, Any], one: Held) -> JSONResponse:
        if body["authData"] != [{"id": "PIN", "value": one.pin}]:
            return refusal("invalid_pin")
        if not 0 < len(body["hashes"]) == body["numSignatures"] <= one.multisign:
            return refusal("invalid_request")
        sad = secrets.token_urlsafe(24)
        self.granted[sad] = body["credentialID"], tuple(body["hashes"])
        return JSONResponse({"SAD": sad, "expiresIn": 60})

    def _sign(self, body: dict[str, Any], one: Held) -> JSONResponse:
        grant = self.granted.pop(body["SAD"], None)
        if grant != (body["credentialID"], tuple(body["hashes"])) or body["hashAlgorithmOID"] != SHA256:
            return refusal("invalid_request")
        digests = [base64.b64decode(text) for text in body["hashes"]]
        if self.bends:
            digests = [bytes(32) for _ in digests]
        made = [base64.b64encode(_sign(one.key, digest)).decode() for digest in digests]
        return JSONResponse({"signatures": made})


def refusal(name: str, status: int = 400) -> JSONResponse:
    """Return an error as the specification has it."""
    return JSONResponse({"error": name, "error_description": "said in English"}, status)


def chain_of(data: bytes) -> list[bytes]:
    """Return the certificates (DER) of a PEM text."""
    return [der for _, _, der in pem.unarmor(data, multiple=True)]


def _sign(key: PrivateKey, digest: bytes) -> bytes:
    ready = utils.Prehashed(hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), ready)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(ready)))
    return r.to_bytes(32) + s.to_bytes(32)  # IEEE P1363: some services give it
