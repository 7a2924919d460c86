"""The witness over HTTP: one call, add-checkpoint (https://c2sp.org/tlog-witness)."""

from fastapi import FastAPI, Request, Response

from service.archive.witness import Answer, Witness
from service.clock import Clock

MAX_BODY = 64 * 1024  # a proof of 63 lines and a checkpoint with its cosignatures


def create_witness(witness: Witness, clock: Clock) -> FastAPI:
    """Return the application that answers logs; it shows no documentation pages and keeps no request."""
    web = FastAPI(title="liangze witness", openapi_url=None)

    @web.post("/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return _response(Answer(400, "见证请求过长。"))
        return _response(witness.add_checkpoint(body, clock()))

    return web


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers={"Content-Type": answer.content_type})
