"""Neither PIN nor pepper nor key bytes show in a repr, error, traceback with locals, log line or pickle."""

import copy
import io
import logging
import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from service.errors import ServiceError, UsageError
from service.keys import csc, places, service_keys, software
from service.keys.places import Places
from service.keys.private import LocalSigner
from service.keys.remote import Credential, RemoteSigner
from service.keys.signer import Algorithm
from service.keys.software import WrappedKey
from tests.softhsm import HOLDERS_KEY, HOLDERS_PIN, MODULE, softhsm_token

PIN = "830517"
WRONG = "830518"
PASSWORD = "correct-horse-battery"
PEPPER = b"pepper-pepper-pepper-pepper-1234"


@dataclass
class Case:
    """A key whose secret parts are known, and its wrapped form."""

    pem: bytes
    p12: bytes
    secrets: tuple[str, ...]
    wrapped: WrappedKey


@pytest.fixture(scope="module")
def case() -> Case:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    scalar = key.private_numbers().private_value
    secrets = (
        PIN,
        WRONG,
        PASSWORD,
        PEPPER.decode(),
        PEPPER.hex(),
        str(scalar),
        f"{scalar:x}",
        repr(scalar.to_bytes(32))[2:-1],
        pem.decode().splitlines()[1],
    )
    p12 = pkcs12.serialize_key_and_certificates(
        b"x", key, None, None, serialization.BestAvailableEncryption(PASSWORD.encode())
    )
    return Case(pem, p12, secrets, software.wrap_pem(pem, PIN, PEPPER, os.urandom))


def _own_frames(error: BaseException) -> Iterator[str]:
    """Yield the traceback with local variables, of all chained errors, without the frames of this test."""
    seen: BaseException | None = error
    while seen is not None:
        summary = traceback.TracebackException.from_exception(seen, capture_locals=True)
        for frame in summary.stack:
            if Path(frame.filename) != Path(__file__):
                yield f"{frame.name} {frame.line} {frame.locals}"
        yield f"{seen!r} {seen}"
        seen = seen.__cause__ or seen.__context__


def _require_silent(text: str, case: Case) -> None:
    found = [secret for secret in case.secrets if secret in text]
    assert not found, f"secret of {len(found[0])} characters shows"


def test_reprs_show_no_secret(case: Case) -> None:
    opened = software.open_key(case.wrapped.record, PIN, PEPPER)
    with opened as signer:
        _require_silent(f"{case.wrapped!r} {opened!r} {signer!r} {signer} {[signer]!r}", case)
        assert "sealed" not in repr(case.wrapped)


FAULTS: list[Callable[[Case], object]] = [
    lambda case: software.open_key(case.wrapped.record, WRONG, PEPPER),
    lambda case: software.open_key(case.wrapped.record + " ", PIN, PEPPER),
    lambda case: software.open_key(case.wrapped.record, PIN, PEPPER[::-1]),
    lambda case: software.open_key(case.wrapped.record.replace('"passes":2', '"passes":3'), PIN, PEPPER),
    lambda case: software.open_key(record="{}", pin=PIN, pepper=PEPPER),
    lambda case: software.rewrap(case.wrapped.record, WRONG, PIN, PEPPER, os.urandom),
    lambda case: software.rewrap(case.wrapped.record, PIN, PIN, PEPPER, os.urandom),
    lambda case: software.create_key(PIN + "0", PEPPER, os.urandom),
    lambda case: software.create_key(PIN, PEPPER + b"0", os.urandom),
    lambda case: software.require_pin(PIN + "0"),
    lambda case: software.require_new_pin(PIN, PIN),
    lambda case: software.wrap_pkcs12(case.p12, PASSWORD[::-1], PIN, PEPPER, os.urandom),
    lambda case: software.wrap_pkcs12(case.p12, PASSWORD, PIN, PEPPER, os.urandom),  # no certificate in it
    lambda case: software.wrap_pkcs12(case.p12[:-9], PASSWORD, PIN, PEPPER, os.urandom),
    lambda case: software.wrap_pem(case.pem[:-60], PIN, PEPPER, os.urandom),
    lambda case: software.wrap_pem(case.pem.replace(b"PRIVATE", b"PUBLIC"), PIN, PEPPER, os.urandom),
]


HELD = "held-pin-62841"
FAR = csc.Service("http://127.0.0.1:9/csc/v2")
CREDENTIAL = Credential("one", (), Algorithm.RSA_SHA256, b"", 9)
AWAY: list[Callable[[Places], object]] = [
    lambda where: places.open_key(HOLDERS_KEY, HELD, where).__enter__(),
    lambda where: places.open_key(HOLDERS_KEY.replace("signing", "none"), HOLDERS_PIN, where).__enter__(),
    lambda where: places.open_key("pkcs11:token=none;object=x", HELD, where).__enter__(),
    lambda where: places.open_key("csc:one", HELD, where),
    lambda where: places.open_key("csc:one", HELD, replace(where, service=None)),
    lambda where: places.open_key("elsewhere", HELD, where),
    lambda where: places.open_key(HOLDERS_KEY, HELD * 9, where),
    lambda where: RemoteSigner(FAR, CREDENTIAL, HELD).sign(b"x"),
]


@pytest.mark.parametrize("fault", AWAY)
def test_pins_of_keys_elsewhere_show_in_no_error(fault: Callable[[Places], object]) -> None:
    softhsm_token()
    where = Places(lambda: PEPPER, MODULE, FAR)
    with pytest.raises(ServiceError) as caught:
        fault(where)
    text = "\n".join(_own_frames(caught.value))
    assert HELD not in text
    assert HOLDERS_PIN not in text


@pytest.mark.parametrize("fault", FAULTS)
def test_errors_and_tracebacks_with_locals_show_no_secret(
    case: Case, fault: Callable[[Case], object]
) -> None:
    with pytest.raises(ServiceError) as caught:
        fault(case)
    _require_silent("\n".join(_own_frames(caught.value)), case)


def test_a_broken_key_file_shows_nothing_of_itself(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    path.write_bytes(case.pem.replace(b"-----END", b"-----FIN"))
    path.chmod(0o600)
    with pytest.raises(ServiceError) as caught:
        service_keys.load_key_file(path)
    _require_silent("\n".join(_own_frames(caught.value)), case)


def test_log_output_shows_no_secret(case: Case) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
    )
    try:
        with software.open_key(case.wrapped.record, PIN, PEPPER) as signer:
            logging.warning("signing with %r", signer)
            logger.info("opened", signer=signer, wrapped=case.wrapped)
        try:
            software.open_key(case.wrapped.record, WRONG, PEPPER)
        except ServiceError:
            logging.exception("refused")
            logger.exception("refused")
    finally:
        root.removeHandler(handler)
    own = "\n".join(line for line in stream.getvalue().splitlines() if "software.open_key(" not in line)
    assert "E-KEY-001" in own
    _require_silent(own, case)


@pytest.mark.parametrize("export", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_signer_cannot_be_copied_or_pickled(case: Case, export: Callable[[object], object]) -> None:
    with software.open_key(case.wrapped.record, PIN, PEPPER) as signer, pytest.raises(UsageError):
        export(signer)


def test_a_signer_has_no_attribute_that_gives_its_bytes(case: Case) -> None:
    with software.open_key(case.wrapped.record, PIN, PEPPER) as signer:
        assert isinstance(signer, LocalSigner)
        public = {name for name in dir(signer) if not name.startswith("_")}
        assert public == {"algorithm", "public_key", "sign", "close"}


def test_a_closed_signer_holds_no_key(case: Case) -> None:
    with software.open_key(case.wrapped.record, PIN, PEPPER) as signer:
        pass
    assert isinstance(signer, LocalSigner)
    assert signer._key is None


def test_buffers_are_wiped(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    wiped: list[bytearray] = []
    wipe = software._wipe

    def watch(*buffers: bytearray) -> None:
        wiped.extend(buffers)
        wipe(*buffers)

    monkeypatch.setattr(software, "_wipe", watch)
    with software.open_key(case.wrapped.record, PIN, PEPPER):
        assert [len(buffer) for buffer in wiped] == [138, 32]
        assert not any(byte for buffer in wiped for byte in buffer)
