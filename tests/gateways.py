"""A small mail server and a small webhook gateway on ports of their own: they keep what they are given."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Mails:
    """What a mail server was given, and how it is to answer."""

    port: int = 0
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: str = ""
    """An answer to RCPT instead of 250."""


class _Smtp(socketserver.StreamRequestHandler):
    """The server's side of RFC 5321, as far as one message needs it, with STARTTLS and AUTH PLAIN."""

    def handle(self) -> None:
        mails, context = self.server.mails, self.server.context  # type: ignore[attr-defined]
        sender = to = ""
        secure = False
        self._say("220 mail.test ready")
        while line := self.rfile.readline().decode().rstrip():
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                offers = ["mail.test", *(["STARTTLS"] if context and not secure else []), "AUTH PLAIN"]
                for n, one in enumerate(offers, 1):
                    self._say(f"250{'-' if n < len(offers) else ' '}{one}")
            elif verb == "STARTTLS":
                self._say("220 go ahead")
                self.request = context.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")
                secure = True
            elif verb == "AUTH":
                mails.logins.append(line.rpartition(" ")[2])
                self._say("235 welcome")
            elif verb == "MAIL":
                sender = line.partition("<")[2].partition(">")[0]
                self._say("250 ok")
            elif verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
                self._say(mails.refuse or "250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                mails.got.append((sender, to, b"".join(iter(self.rfile.readline, b".\r\n"))))
                mails.encrypted.append(secure)
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def finish(self) -> None:
        super().finish()
        self.request.close()  # after STARTTLS another socket than the one the server closes

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()


@contextmanager
def mail_server(certificate: Path | None = None) -> Iterator[Mails]:
    """Serve mail; with a certificate (PEM with its key) STARTTLS is offered."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.daemon_threads = True
        mails = Mails(server.server_address[1])
        server.mails, server.context = mails, context  # type: ignore[attr-defined]
        with _running(server):
            yield mails


@dataclass
class Posts:
    """What a gateway was given, and how it is to answer."""

    url: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status codes of the next answers; 204 when there are none left."""


@contextmanager
def gateway() -> Iterator[Posts]:
    """Serve a webhook."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            posts.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(posts.answers.pop(0) if posts.answers else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        posts.url = f"http://127.0.0.1:{server.server_address[1]}/sms"
        with _running(server):
            yield posts


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)


def self_signed(path: Path) -> Path:
    """Write a certificate for 127.0.0.1 with its key, and return where."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)  # noqa: TID251 - OpenSSL looks at the real clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(plain + made.public_bytes(pem))
    return path
