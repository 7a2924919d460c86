"""`--online`: CRLs (RFC 5280, 4.2.1.13) and OCSP responses (RFC 6960) fetched from hosts that the settings name.

No file decides where we connect: its URLs count only if their host is on the list. What comes back is data that
the verification judges like any other; nothing here trusts it.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import httpx
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from service.errors import UsageError
from service.verification.report import Report
from service.verification.trust import Trust

TIMEOUT = 10.0  # seconds to connect, and again between two pieces of an answer
CRL_MAX = 16 << 20  # bytes; a national CA's list has a few MB
OCSP_MAX = 64 << 10  # bytes; a response with its certificate has 3 kB
REDIRECTS = 3  # to listed hosts only
ASKED_MAX = 500  # addresses of one run
URL_MAX = 2048  # characters
_WANTED = {"REVOCATION_UNKNOWN", "REVOCATION_NOT_PUBLISHED"}


@dataclass(slots=True)
class Fetcher:
    """Asks the listed hosts, each address once; `failed` says in Chinese what could not be had."""

    hosts: frozenset[str]
    transport: httpx.BaseTransport | None = None
    failed: list[str] = field(default_factory=list)
    _client: httpx.Client | None = None
    _answers: dict[tuple[str, bytes], bytes | None] = field(default_factory=dict)

    def __enter__(self) -> Self:
        if not self.hosts:
            raise UsageError(
                "E-VER-140", "联网查询须先设定可以访问的主机：LIANGZE_ONLINE_HOSTS=主机,主机:端口。"
            )
        self._client = httpx.Client(
            timeout=TIMEOUT, follow_redirects=False, trust_env=False, transport=self.transport
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()

    def evidence(self, certificates: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return what the listed hosts say of these certificates: CRLs and OCSP responses, unjudged."""
        parsed = [one for one in map(_parse, certificates) if one is not None]
        asked = [*_crl_requests(parsed), *_ocsp_requests(parsed)]
        found = [self._fetch(url, body) for url, body in asked]
        return tuple(dict.fromkeys(one for one in found if one))

    def _fetch(self, url: str, body: bytes) -> bytes | None:
        key = (url, body)
        if key not in self._answers:
            if len(self._answers) >= ASKED_MAX:
                return None
            self._answers[key] = self._ask(url, body)
        return self._answers[key]

    def _ask(self, url: str, body: bytes) -> bytes | None:
        limit = OCSP_MAX if body else CRL_MAX
        try:
            for _ in range(REDIRECTS + 1):
                target = httpx.URL(url)
                if not self._is_listed(target):
                    return None
                answer, moved = self._once(target, body, limit)
                if moved is None:
                    return answer
                url = str(target.join(moved))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
            self.failed.append(f"{url}：{type(exc).__name__}")
            return None
        self.failed.append(f"{url}：转址过多")
        return None

    def _once(self, target: httpx.URL, body: bytes, limit: int) -> tuple[bytes | None, str | None]:
        """Return the answer, or where it has moved; raise ValueError for one that is too long."""
        if self._client is None:
            raise ValueError("closed")
        headers = {"Content-Type": "application/ocsp-request"} if body else {}
        method = "POST" if body else "GET"
        with self._client.stream(method, target, content=body or None, headers=headers) as response:
            if response.is_redirect:
                return None, response.headers.get("location", "")
            if response.status_code != httpx.codes.OK:
                self.failed.append(f"{target}：{response.status_code}")
                return None, None
            received = bytearray()
            for piece in response.iter_bytes():
                received += piece
                if len(received) > limit:
                    raise ValueError("too long")
        return bytes(received), None

    def _is_listed(self, url: httpx.URL) -> bool:
        if url.scheme not in ("http", "https") or url.userinfo:
            return False
        default = {"http": 80, "https": 443}[url.scheme]
        name = url.host.lower()
        named = {name} if url.port in (None, default) else set()
        return bool(self.hosts & (named | {f"{name}:{url.port or default}"}))


def is_wanted(report: Report) -> bool:
    """Say whether revocation is what this verdict lacks."""
    return any(one.code in _WANTED for one in report.reasons)


def enriched(trust: Trust, evidence: Sequence[bytes]) -> Trust:
    """Return `trust` with fetched CRLs and OCSP responses beside its own."""
    return replace(trust, crls=tuple(dict.fromkeys((*trust.crls, *evidence))))


def _parse(der: bytes) -> x509.Certificate | None:
    try:
        found = x509.load_der_x509_certificate(der)
        _ = found.extensions, found.subject, found.issuer  # parsed lazily
        with suppress(
            UnsupportedAlgorithm
        ):  # an algorithm that this library lacks, but our verification may have
            found.public_key()
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return None
    return found


def _crl_requests(certificates: Sequence[x509.Certificate]) -> Iterator[tuple[str, bytes]]:
    for one in certificates:
        try:
            points = one.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        except x509.ExtensionNotFound:
            continue
        for point in points:
            yield from ((url, b"") for url in _urls(point.full_name or []))


def _ocsp_requests(certificates: Sequence[x509.Certificate]) -> Iterator[tuple[str, bytes]]:
    for one in certificates:
        issuer = next((other for other in certificates if other.subject == one.issuer), None)
        try:
            access = one.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        except x509.ExtensionNotFound:
            continue
        if issuer is None or issuer is one:
            continue
        body = _ocsp_request(one, issuer)
        places = [each for each in access if each.access_method == AuthorityInformationAccessOID.OCSP]
        yield from ((url, body) for url in _urls([each.access_location for each in places]))


def _ocsp_request(one: x509.Certificate, issuer: x509.Certificate) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(one, issuer, SHA1())  # noqa: S303 - a name, RFC 5019
    request: ocsp.OCSPRequest = builder.build()
    return request.public_bytes(Encoding.DER)


def _urls(names: Sequence[x509.GeneralName]) -> Iterator[str]:
    for name in names:
        if isinstance(name, x509.UniformResourceIdentifier) and len(name.value) <= URL_MAX:
            yield name.value
