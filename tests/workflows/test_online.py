"""`--online` against a real server on this machine: listed hosts only, bounded, no redirect elsewhere."""

import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from service.errors import UsageError
from service.verification.trust import Trust
from service.workflows import online

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers by path and remembers what was asked."""

    server: "Server"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.server.asked.append((self.command, self.path, body))
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.server.moved_to)
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        data = bytes(online.CRL_MAX + 1) if self.path == "/endless" else b"answer to " + self.path.encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """A server that knows where it stands."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[str, str, bytes]] = []
        self.moved_to = "/"
        self.host = f"127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def certificates(crl: str, ocsp: str | None = None) -> list[bytes]:
    """Return a leaf whose revocation is published at these addresses, and its issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "某样例签发机构")])
    found = []
    for name in (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "某样例人")]), issuer):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=9))
        )
        if name != issuer:
            place = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([place]), critical=False)
        if name != issuer and ocsp:
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        found.append(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    return found


def ask(hosts: set[str], *given: bytes) -> tuple[tuple[bytes, ...], list[str]]:
    with online.Fetcher(frozenset(hosts)) as fetcher:
        return fetcher.evidence(given), fetcher.failed


def test_a_listed_host_is_asked_for_crl_and_ocsp(server: Server) -> None:
    given = certificates(f"http://{server.host}/list.crl", f"http://{server.host}/ocsp")
    found, failed = ask({server.host}, *given)
    assert found == (b"answer to /list.crl", b"answer to /ocsp") and not failed
    assert [one[:2] for one in server.asked] == [("GET", "/list.crl"), ("POST", "/ocsp")]
    assert x509.ocsp.load_der_ocsp_request(server.asked[1][2]).serial_number == 7


def test_a_host_that_is_not_listed_is_never_asked(server: Server) -> None:
    given = certificates(f"http://{server.host}/list.crl", f"http://{server.host}/ocsp")
    port = server.host.partition(":")[2]
    for hosts in ({"crl.example"}, {"127.0.0.1"}, {f"localhost:{port}"}):
        assert ask(hosts, *given) == ((), [])
    assert server.asked == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ldap://127.0.0.1/x", "http://x@{host}/y", "http://[", "http://{host}\\@a/"]
)
def test_other_addresses_are_never_asked(server: Server, url: str) -> None:
    found, _ = ask({server.host, ""}, *certificates(url.replace("{host}", server.host)))
    assert found == ()


def test_a_redirect_is_followed_to_listed_hosts_only(server: Server) -> None:
    given = certificates(f"http://{server.host}/moved/a")
    server.moved_to = "/list.crl"
    assert ask({server.host}, *given)[0] == (b"answer to /list.crl",)
    server.moved_to = f"http://localhost:{server.host.partition(':')[2]}/list.crl"
    assert ask({server.host}, *given)[0] == ()
    server.moved_to = "/moved/again"
    found, failed = ask({server.host}, *given)
    assert found == () and "转址过多" in failed[0]


def test_an_endless_or_missing_answer_is_given_up(server: Server) -> None:
    for path in ("endless", "missing"):
        found, failed = ask({server.host}, *certificates(f"http://{server.host}/{path}"))
        assert found == () and len(failed) == 1


def test_an_address_is_asked_once(server: Server) -> None:
    given = certificates(f"http://{server.host}/list.crl")
    with online.Fetcher(frozenset({server.host})) as fetcher:
        assert fetcher.evidence(given) == fetcher.evidence(given) != ()
    assert len(server.asked) == 1


def test_without_hosts_it_says_which_setting_is_missing() -> None:
    with pytest.raises(UsageError, match="LIANGZE_ONLINE_HOSTS"):
        ask(set())


def test_nonsense_certificates_ask_nothing_and_what_comes_is_added_once() -> None:
    assert ask({"crl.example"}, b"", b"\x30\x00", bytes(100)) == ((), [])
    assert online.enriched(Trust(crls=(b"a",)), (b"a", b"b")).crls == (b"a", b"b")
