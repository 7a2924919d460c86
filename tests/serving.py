"""A web application on a real port, for the length of a block."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

DEADLINE = 20.0  # seconds


@contextmanager
def served(web: FastAPI) -> Iterator[str]:
    """Serve `web` on a free port and yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(web, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            begun = time.monotonic()
            while not server.started:
                assert thread.is_alive() and time.monotonic() - begun < DEADLINE, "the server did not start"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(DEADLINE)
