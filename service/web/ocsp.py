"""The OCSP responder over HTTP (RFC 6960, appendix A), and the revocation lists beside it."""

import base64
import binascii
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from service.errors import ServiceError
from service.signing.ocsp import REQUEST_SIZE_MAX

OCSP_TYPE = "application/ocsp-response"
CRL_TYPE = "application/pkix-crl"


def create_ocsp(answer: Callable[[bytes], bytes], current_list: Callable[[str], bytes]) -> FastAPI:
    """Return the application that answers requests by `answer` and serves lists by `current_list`."""
    web = FastAPI(title="liangze ocsp", openapi_url=None)

    @web.post("/")
    async def ask(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > REQUEST_SIZE_MAX:
                break  # answered as malformed
        return Response(await run_in_threadpool(answer, body), media_type=OCSP_TYPE)

    @web.get("/crl/{name}.crl")
    def crl(name: str) -> Response:
        try:
            return Response(current_list(name), media_type=CRL_TYPE)
        except ServiceError:
            return Response(status_code=404)

    @web.get("/{encoded:path}")
    def ask_by_address(encoded: str) -> Response:
        try:
            body = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            body = b""
        return Response(answer(body), media_type=OCSP_TYPE)

    return web
