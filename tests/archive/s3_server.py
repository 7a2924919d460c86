"""An S3-speaking server of this process (moto), for the length of a block; nothing leaves the machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from moto.server import ThreadedMotoServer

BUCKET = "archive"


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """Yield the AWS_* variables under which the bucket is reached."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        httpx.put(f"http://{host}:{port}/{BUCKET}").raise_for_status()
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test-secret-of-nobody",
        }
    finally:
        server.stop()
