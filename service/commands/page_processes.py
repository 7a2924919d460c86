"""The processes that serve the pages: this one alone, or several behind one listening socket (LIANGZE_PAGE_PROCESSES).

Python computes on one core at a time: several processes use several. Each is started anew, never forked, and opens
the deployment for itself; what differs from the settings that it reads (the number, the address that a free port
has) reaches it in the environment. uvicorn's supervisor takes care of them: one that has died is replaced while the
others go on, and all end when this process is told to. They share what is in the database and in the folders, and
nothing else: what a page keeps in memory must be right when another process answers the next request.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import socket
import ssl
import time
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from service import console
from service.commands.opening import open_parts
from service.errors import ServiceError, SetupError
from service.web import door
from service.web.app import create_app
from service.web.door import Beside, create_door
from service.workflows.parts import Parts

REST = 5  # seconds before another try where something could not be started
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)
_SILENT = 60  # seconds without an answer after which a process is taken for hung; it starts in two or three
_GOODBYE = 20  # seconds that open requests have to end


def configure(parts: Parts, certificate: Path | None, key: Path | None) -> uvicorn.Config:
    """Return how the pages are served; SetupError for what keeps them from being served, said here and once."""
    settings = parts.settings
    if certificate and key:
        _require_pair(certificate, key)
    several = settings.pages > 1
    if several:
        create_app(parts)
        door.require_whole()
    return uvicorn.Config(
        f"{__name__}:{open_pages.__name__}" if several else _web(parts),
        factory=several,
        workers=settings.pages,
        log_level="warning",
        access_log=False,  # paths hold one-time links
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        ssl_certfile=str(certificate) if certificate else None,
        ssl_keyfile=str(key) if key else None,
        timeout_worker_healthcheck=_SILENT,
        timeout_graceful_shutdown=_GOODBYE,
    )


def run(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve the pages on a listening socket until told to stop."""
    if config.workers > 1:
        _Supervisor(config, [listener]).run()
    else:
        uvicorn.Server(config).run(sockets=[listener])


def open_pages() -> ASGIApp:
    """Return the pages of this deployment, in a process of its own; what fails is said and tried again.

    All was well when the service was started, so that what is wrong now (a database that restarts) passes.
    """
    end_with_parent()
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:  # it ended before we could ask to be told
        raise SystemExit(0)
    while True:
        try:
            return _web(open_parts())
        except ServiceError as error:
            console.complain(error)
            time.sleep(REST)


def end_with_parent() -> None:
    """Have this process told to end when its parent does, however that ends."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)


def _require_pair(certificate: Path, key: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
    except OSError as exc:  # also what OpenSSL says
        raise SetupError(
            "E-SYS-303", f"TLS 证书 {certificate} 和私钥 {key} 读不出、不配对，或私钥加了口令，请核对后重试。"
        ) from exc


class _Supervisor(Multiprocess):
    """uvicorn's, that ends when its terminal is closed, as one process alone does."""

    def handle_hup(self) -> None:
        """End."""
        self.handle_term()


def _web(parts: Parts) -> ASGIApp:
    web = Beside(create_app(parts), create_door(parts, processes=parts.settings.pages))
    gc.collect()
    gc.freeze()  # what is loaded stays: nobody's page waits while it is looked through
    return web
