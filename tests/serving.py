"""A web application on a real port, for the length of a block."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


@contextmanager
def served(web: FastAPI) -> Iterator[str]:
    """Serve `web` on a free port and yield its address."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(web, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([own],))
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()
