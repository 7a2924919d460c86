"""Timestamps over HTTP: from our own authority served on a port, from OpenSSL as an independent one, from liars."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from asn1crypto import core, pem, tsp
from fastapi import FastAPI, Request, Response

from service.clock import system_clock
from service.errors import UnavailableError, VerificationError
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.signing import ca, profile
from service.signing.timestamps import LocalTimeStamper
from service.signing.tsa_client import HttpTimeStamper, Terms
from service.verification.trust import Anchor
from tests.serving import served

NOW = datetime.fromisoformat("2026-11-24T02:30:00+00:00")
DIGEST = hashlib.sha256(b"x").digest()
DEAD = "http://127.0.0.1:9"  # discard: nobody listens
COMMENT = "2.16.840.1.113730.1.13"  # a non-critical extension that nobody reads
Answer = Callable[[bytes], Response]


@dataclass(frozen=True)
class Tsa:
    """An authority for time with its own root."""

    root: bytes
    certificate: bytes
    key: private.PrivateKey
    root_key: private.PrivateKey

    def crl(self, now: datetime) -> bytes:
        signer, until = LocalSigner(self.root_key), now + timedelta(days=30)
        return ca.crl(self.root, signer, number=1, revoked=[], this_update=now, next_update=until)

    def stamper(self, now: datetime = NOW) -> LocalTimeStamper:
        serials = count(1)
        return LocalTimeStamper(
            LocalSigner(self.key), self.certificate, [self.root], lambda: now, lambda: next(serials)
        )

    def answer(self, now: datetime = NOW) -> Answer:
        return lambda body: reply(self.stamper(now).respond(tsp.TimeStampReq.load(body), 7).dump())

    @property
    def anchors(self) -> list[Anchor]:
        return [Anchor(self.root, "licensed", "time")]


def make_tsa(now: datetime = NOW, days: int = 900, bulk: int = 0) -> Tsa:
    """Make an authority; `bulk` bytes of comment make its certificate, and so its tokens, as large as RSA ones."""
    root, own = (private.generate(Algorithm.ECDSA_P256_SHA256, os.urandom) for _ in range(2))
    signer = LocalSigner(root)
    subject = ca.Subject("外部时间戳机构（测试）", "测试机构")
    anchor = ca.self_signed(signer, subject, now=now, years=10, serial=1, use="time")
    public = private.public_of(own)
    extensions = [
        *profile.leaf(public, time_stamping=True, policy_id=ca.POLICY_TSA),
        profile.authority_key_identifier(signer.public_key),
        *([{"extn_id": COMMENT, "extn_value": core.ParsableOctetString(bytes(bulk))}] if bulk else []),
    ]
    certificate = profile.certificate(
        signer, profile.load(anchor).subject, ca.Subject("时间戳", "测试机构").name(), public,
        profile.validity(now, now + timedelta(days=days)), 2, extensions,
    )  # fmt: skip
    return Tsa(anchor, certificate, own, root)


def reply(body: bytes, status: int = 200, kind: str = "application/timestamp-reply") -> Response:
    return Response(body, status, media_type=kind)


def tsa_server(answer: Answer) -> FastAPI:
    web = FastAPI(openapi_url=None)

    @web.post("/")
    async def stamp(request: Request) -> Response:
        return answer(await request.body())

    return web


def client(tsa: Tsa, *urls: str, now: datetime = NOW, policy: str | None = None) -> HttpTimeStamper:
    terms = Terms(urls, lambda: tsa.anchors, policy, timeout=2)
    return HttpTimeStamper(terms, lambda: now, os.urandom)


@pytest.fixture(scope="module")
def tsa() -> Tsa:
    return make_tsa()


def test_openssl_verifies_the_token_that_came_over_http(tsa: Tsa, tmp_path: Path) -> None:
    with served(tsa_server(tsa.answer())) as url:
        token = client(tsa, url).token(DIGEST)
    (tmp_path / "token.der").write_bytes(token.dump())
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", tsa.root))
    verify = (
        f"openssl ts -verify -token_in -in token.der -CAfile root.pem -attime {int(NOW.timestamp())} -digest"
    )
    done = subprocess.run([*verify.split(), DIGEST.hex()], cwd=tmp_path, capture_output=True, text=True)
    assert "Verification: OK" in done.stdout, done.stderr


def test_openssl_as_an_authority_is_taken(tmp_path: Path) -> None:
    now = system_clock()
    own = make_tsa(now)
    (tmp_path / "tsa.pem").write_bytes(pem.armor("CERTIFICATE", own.certificate))
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", own.root))
    (tmp_path / "tsa.key").write_bytes(private.to_pem(own.key))
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ncrypto_device=builtin\nsigner_digest=sha256\n"
        "default_policy=1.2.3.4\nother_policies=1.2.3.5\ndigests=sha256\naccuracy=secs:1\n"
        "ess_cert_id_alg=sha256\ness_cert_id_chain=no\n"
    )

    def answer(body: bytes) -> Response:
        (tmp_path / "query").write_bytes(body)
        words = "openssl ts -reply -config tsa.cnf -queryfile query -signer tsa.pem -inkey tsa.key -out reply"
        subprocess.run(words.split(), cwd=tmp_path, check=True, capture_output=True)
        return reply((tmp_path / "reply").read_bytes())

    with served(tsa_server(answer)) as url:
        asking = HttpTimeStamper(Terms((url,), lambda: own.anchors, "1.2.3.5"), system_clock, os.urandom)
        token = asking.token(DIGEST)
    info = token["content"]["encap_content_info"]["content"].parsed
    assert (info["policy"].native, info["message_imprint"]["hashed_message"].native) == ("1.2.3.5", DIGEST)


def test_the_next_authority_is_asked_where_one_is_down_or_broken(tsa: Tsa) -> None:
    calls = []

    def broken(body: bytes) -> Response:
        calls.append(body)
        return reply(b"<html>", 503)

    with served(tsa_server(broken)) as first, served(tsa_server(tsa.answer())) as second:
        assert client(tsa, DEAD, first, second).token(DIGEST)["content_type"].native == "signed_data"
    assert len(calls) == 2  # tried twice, then the next one's turn


def test_without_any_authority_the_faults_are_told(tsa: Tsa) -> None:
    with pytest.raises(UnavailableError, match="待时间戳") as caught:
        client(tsa, DEAD).token(DIGEST)
    assert caught.value.code == "E-SIG-032"
    assert DEAD in caught.value.message


def _replayed(tsa: Tsa) -> Answer:
    _, request = tsa.stamper().request_cms(DIGEST, "sha256")  # type: ignore[no-untyped-call]
    kept = tsa.stamper().respond(request, 9).dump()
    return lambda _: reply(kept)


def _for_another_digest(tsa: Tsa) -> Answer:
    def answer(body: bytes) -> Response:
        request = tsp.TimeStampReq.load(body)
        request["message_imprint"]["hashed_message"] = bytes(32)
        return reply(tsa.stamper().respond(request, 9).dump())

    return answer


def _forged(tsa: Tsa) -> Answer:
    def answer(body: bytes) -> Response:
        made = bytearray(tsa.stamper().respond(tsp.TimeStampReq.load(body), 9).dump())
        made[-1] ^= 1
        return reply(bytes(made))

    return answer


def _refused(_: Tsa) -> Answer:
    return lambda _: reply(bytes.fromhex("30053003020102"))  # PKIStatus 2: rejection, no token


LIES: dict[str, tuple[Callable[[Tsa], Answer], str]] = {
    "a kept answer without our nonce": (_replayed, "不是为本次请求"),
    "a token for another digest": (_for_another_digest, "不是为本次请求"),
    "a forged signature": (_forged, "未通过验证"),
    "another authority's token": (lambda _: make_tsa().answer(), "未通过验证"),
    "a clock an hour ahead": (lambda tsa: tsa.answer(NOW + timedelta(hours=1)), "相差一分钟以上"),
    "a clock two minutes behind": (lambda tsa: tsa.answer(NOW + timedelta(minutes=2)), "相差一分钟以上"),
    "a refusal": (_refused, "拒绝了请求"),
    "a page": (lambda _: lambda _: reply(b"<html></html>", kind="text/html"), "答复的不是时间戳"),
    "noise": (lambda _: lambda _: reply(b"\x30\x82" + bytes(50)), "无法读取"),
    "a flood": (lambda _: lambda _: reply(bytes(200_000)), "过长"),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_token_is_believed_unchecked(tsa: Tsa, lie: str) -> None:
    make, why = LIES[lie]
    with served(tsa_server(make(tsa))) as url, pytest.raises(UnavailableError, match=why):
        client(tsa, url).token(DIGEST)


def test_a_token_under_another_policy_is_refused(tsa: Tsa) -> None:
    def answer(body: bytes) -> Response:
        request = tsp.TimeStampReq.load(body)
        plain = tsp.TimeStampReq(
            {key: request[key] for key in ("version", "message_imprint", "nonce", "cert_req")}
        )
        return reply(tsa.stamper().respond(plain, 9).dump())

    with served(tsa_server(answer)) as url, pytest.raises(UnavailableError, match="不是所要的"):
        client(tsa, url, policy="1.2.3.4").token(DIGEST)


def test_an_expired_authority_is_refused() -> None:
    old = make_tsa(days=1)
    later = NOW + timedelta(days=1, seconds=20)
    answer = old.answer(NOW + timedelta(days=1) - timedelta(seconds=10))
    with served(tsa_server(answer)) as url, pytest.raises(UnavailableError, match="CERT_EXPIRED"):
        client(old, url, now=later).token(DIGEST)


def test_a_clock_far_from_the_authoritys_is_refused_before_any_key_is_opened(tsa: Tsa) -> None:
    with served(tsa_server(tsa.answer())) as url:
        client(tsa, url, now=NOW + timedelta(seconds=59)).require_near()
        for wrong in (timedelta(minutes=-3), timedelta(minutes=3)):
            with pytest.raises(VerificationError, match="校准本机时间"):
                client(tsa, url, now=NOW + wrong).require_near()
    client(tsa, DEAD).require_near()  # nobody answers: the letter will wait, nothing is known of the clock
