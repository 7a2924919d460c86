"""Keys at a remote signing service: a small one with real keys and PINs on a port, that is asked over HTTP."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from service.errors import (
    ForbiddenError,
    ServiceError,
    SetupError,
    UnavailableError,
    UsageError,
    VerificationError,
)
from service.keys import csc, private, remote
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm, sign_all
from service.signing import ca, cms
from tests.csc_server import BEARER, Held, SigningService, refusal
from tests.serving import served

PIN = "held far away 9"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SigningService, csc.Service]]:
    token = tmp_path_factory.mktemp("csc") / "token"
    token.write_text(BEARER + "\n")
    token.chmod(0o600)
    service = SigningService()
    with served(service.app()) as url:
        yield service, csc.Service(f"{url}/csc/v2", token, timeout=5)


@pytest.fixture
def far(running: tuple[SigningService, csc.Service]) -> tuple[SigningService, csc.Service]:
    service, where = running
    for name, algorithm in (("p256", Algorithm.ECDSA_P256_SHA256), ("rsa", Algorithm.RSA_SHA256)):
        key = KEYS.setdefault(name, private.generate(algorithm, os.urandom))
        certificate = ca.self_signed(
            LocalSigner(key), ca.Subject("甲某某", "测试单位"), now=NOW, years=5, serial=7, use="sign"
        )
        service.held[name] = Held(key, [certificate], PIN)
    service.fault, service.bends = None, False
    service.asked.clear()
    return service, where


KEYS: dict[str, private.PrivateKey] = {}
Far = tuple[SigningService, csc.Service]


@pytest.mark.parametrize("name", ["p256", "rsa"])
def test_it_signs_in_batches_and_each_signature_holds(far: Far, name: str) -> None:
    service, where = far
    signer = remote.open_remote(where, name, PIN)
    data = [b"%d" % number for number in range(7)]
    for one, signature in zip(data, sign_all(signer, data), strict=True):
        cms.verify_raw(one, signature, service.held[name].certificates[0])
    assert service.asked.count("credentials/authorize") == 3  # 3 + 3 + 1: multisign
    assert not service.granted  # every authorisation was used


def test_a_wrong_pin_is_sent_once_and_told_as_such(far: Far) -> None:
    service, where = far
    with pytest.raises(ForbiddenError, match="PIN 不正确") as caught:
        remote.open_remote(where, "p256", "wrong").sign(b"x")
    assert caught.value.code == "E-KEY-001"
    assert service.asked.count("credentials/authorize") == 1


def test_a_signature_over_something_else_is_not_taken(far: Far) -> None:
    service, where = far
    signer = remote.open_remote(where, "p256", PIN)
    service.bends = True
    with pytest.raises(VerificationError, match="不成立"):
        signer.sign(b"x")


BROKEN: list[tuple[Response, type[ServiceError], str]] = [
    (refusal("server_error", 503), UnavailableError, "答复 503"),
    (refusal("access_denied", 403), ForbiddenError, "access_denied"),
    (PlainTextResponse("<html>", 200), VerificationError, "不是 JSON"),
    (JSONResponse([]), VerificationError, "不是 JSON 对象"),
    (JSONResponse({"SAD": 5}), VerificationError, "缺少 SAD"),
    (PlainTextResponse("x" * (csc.ANSWER_SIZE_MAX + 1)), VerificationError, "过长"),
]


@pytest.mark.parametrize(("answer", "kind", "why"), BROKEN)
def test_what_it_says_wrongly_is_told_in_chinese(
    far: Far, answer: JSONResponse, kind: type[ServiceError], why: str
) -> None:
    service, where = far
    signer = remote.open_remote(where, "p256", PIN)
    service.fault = answer
    with pytest.raises(kind, match=why):
        signer.sign(b"x")


def test_a_key_that_is_not_enabled_or_needs_more_than_a_pin_is_refused(far: Far) -> None:
    service, where = far
    service.held["p256"].status = "disabled"
    with pytest.raises(ForbiddenError, match="未启用"):
        remote.open_remote(where, "p256", PIN)
    service.held["p256"].status, service.held["p256"].mode = "enabled", "implicit"
    with pytest.raises(ForbiddenError, match="须为本人 PIN"):
        remote.open_remote(where, "p256", PIN)


def test_a_service_that_hangs_or_is_not_there_is_told_and_nothing_stands_in_for_it(far: Far) -> None:
    _, where = far
    slow = FastAPI()

    @slow.post("/csc/v2/credentials/info")
    def info() -> JSONResponse:
        time.sleep(0.6)
        return JSONResponse({})

    with served(slow) as url, pytest.raises(UnavailableError, match="没有答复"):
        remote.credential(csc.Service(f"{url}/csc/v2", where.token, timeout=0.2), "p256")
    with pytest.raises(UnavailableError, match="连接不上"):
        remote.credential(csc.Service("http://127.0.0.1:9/csc/v2", where.token), "p256")


def test_a_token_that_is_not_known_and_an_address_without_tls_are_refused(far: Far, tmp_path: Path) -> None:
    _, where = far
    (tmp_path / "token").write_text("other")
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(SetupError, match="访问令牌"):
        remote.credential(csc.Service(where.url, tmp_path / "token"), "p256")
    with pytest.raises(SetupError, match="https"):
        csc.Service("http://sign.example.cn/csc/v2")


def test_a_closed_one_signs_nothing_and_none_shows_the_pin(far: Far) -> None:
    signer = remote.open_remote(far[1], "p256", PIN)
    assert PIN not in f"{signer!r} {signer._pin!r}"
    signer.close()
    with pytest.raises(UsageError):
        signer.sign(b"x")
