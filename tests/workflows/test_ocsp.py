"""The OCSP responder, asked and judged by OpenSSL over HTTP."""

import base64
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from asn1crypto import ocsp, pem

from service.app import App
from service.db.tables import Certificate
from service.errors import InputError
from service.keys import suites
from service.signing import ca, profile
from service.web.ocsp import create_ocsp
from service.workflows import authority, certificates, responding
from service.workflows.enrolment import Ground
from tests.serving import served
from tests.workflows.conftest import HandClock, people

GROUND = Ground("录入员甲", "测试", "已当面核对")


class Asker:
    """Asks with `openssl ocsp` and reads its words."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder = app, folder
        self.key = responding.signers(app.parts)
        (folder / "ca.pem").write_bytes(pem.armor("CERTIFICATE", app.parts.issuing_ca.certificate))

    def ask(self, serial: str, *options: str) -> str:
        """Return what OpenSSL makes of the answer about a serial number (hex), its signature included."""
        self._openssl("-issuer", "ca.pem", *options, "-serial", f"0x{serial}", "-reqout", "request.der")
        request = (self.folder / "request.der").read_bytes()
        (self.folder / "answer.der").write_bytes(responding.answer(self.app.parts, self.key, request))
        now = int(self.app.parts.clock().timestamp())
        judge = "-reqin request.der -respin answer.der -CAfile ca.pem -validity_period 999999999 -text"
        return self._openssl(*judge.split(), "-attime", str(now))

    def _openssl(self, *words: str) -> str:
        done = subprocess.run(["openssl", "ocsp", *words], cwd=self.folder, capture_output=True, text=True)
        return done.stdout + done.stderr


@pytest.fixture
def asker(app: App, tmp_path: Path) -> Asker:
    return Asker(app, tmp_path)


def _certificate(app: App) -> tuple[str, Certificate]:
    person = people(app.parts)[0]
    with app.parts.sessions.begin() as session:
        return person, authority.certificate_of(session, person, app.parts.clock())


def test_openssl_takes_the_answer_for_good_then_held_then_revoked(app: App, asker: Asker) -> None:
    person, row = _certificate(app)
    good = asker.ask(row.serial)
    assert "Response verify OK" in good
    assert "Cert Status: good" in good
    certificates.suspend(app.parts, person, GROUND)
    assert "certificateHold" in asker.ask(row.serial)
    certificates.resume(app.parts, person, GROUND)
    assert "Cert Status: good" in asker.ask(row.serial, "-sha256")
    certificates.revoke(app.parts, person, ca.Reason.KEY_COMPROMISE, GROUND)
    revoked = asker.ask(row.serial)
    assert "Response verify OK" in revoked
    assert "Cert Status: revoked" in revoked
    assert "keyCompromise" in revoked


def test_a_serial_number_never_issued_is_unknown(asker: Asker) -> None:
    assert "Cert Status: unknown" in asker.ask("1234567890abcdef")


def test_the_nonce_comes_back(asker: Asker, app: App) -> None:
    said = asker.ask(_certificate(app)[1].serial)
    assert "WARNING: no nonce" not in said
    assert said.count("OCSP Nonce") == 2


def test_what_is_no_request_or_about_another_authority_is_refused(app: App, asker: Asker) -> None:
    for body, status in (
        (b"", "malformed_request"),
        (b"0" * 99, "malformed_request"),
        (bytes(20_000), "malformed_request"),
    ):
        answer = ocsp.OCSPResponse.load(responding.answer(app.parts, asker.key, body))
        assert answer["response_status"].native == status
    name = ca.Subject("别的机构", "别的单位")
    other = ca.self_signed(
        asker.key[suites.USUAL], name, now=app.parts.clock(), years=1, serial=1, use="sign"
    )
    (asker.folder / "ca.pem").write_bytes(pem.armor("CERTIFICATE", other))
    assert "unauthorized" in asker.ask("1")


def test_the_responders_certificate_is_short_delegated_logged_and_renewed(
    app: App, asker: Asker, clock: HandClock
) -> None:
    _, row = _certificate(app)
    size = app.parts.log.published()
    asker.ask(row.serial)
    asker.ask(row.serial)
    after = app.parts.log.published()
    assert size is not None
    assert after is not None
    assert after.checkpoint.size - size.checkpoint.size == 2  # one for each CA, once
    clock.move(timedelta(days=80))
    assert "Response verify OK" in asker.ask(row.serial)
    renewed = app.parts.log.published()
    assert renewed is not None
    assert renewed.checkpoint.size - after.checkpoint.size == 2


def test_over_http_by_post_by_get_and_the_lists(app: App, asker: Asker) -> None:
    _, row = _certificate(app)
    asker.ask(row.serial)
    request = (asker.folder / "request.der").read_bytes()
    answer = partial(responding.answer, app.parts, asker.key)
    application = create_ocsp(answer, partial(responding.current_list, app.parts))
    with served(application) as url, httpx.Client(base_url=url) as web:
        posted = web.post("/", content=request)
        assert posted.headers["content-type"] == "application/ocsp-response"
        assert ocsp.OCSPResponse.load(posted.content)["response_status"].native == "successful"
        got = web.get("/" + quote(base64.b64encode(request), safe=""))
        assert ocsp.OCSPResponse.load(got.content)["response_status"].native == "successful"
        assert web.post("/", content=bytes(100_000)).content == web.get("/not-base64!").content
        listed = web.get("/crl/issuing_ca.crl")
        assert listed.headers["content-type"] == "application/pkix-crl"
        assert profile.load(app.parts.issuing_ca.certificate).subject.dump() in listed.content
        assert web.get("/crl/nothing.crl").status_code == 404
        asked = [
            "openssl",
            "ocsp",
            "-url",
            url,
            "-issuer",
            "ca.pem",
            "-serial",
            f"0x{row.serial}",
            "-noverify",
        ]
        said = subprocess.run(asked, cwd=asker.folder, capture_output=True, text=True)
        assert "\ngood\n" in said.stdout  # the test's clock is not the machine's: OpenSSL warns of the times


def test_certificates_say_where_they_are_answered_for_when_that_is_configured(app: App, asker: Asker) -> None:
    person, row = _certificate(app)
    assert profile.load(row.der).ocsp_urls == []
    application = create_ocsp(
        partial(responding.answer, app.parts, asker.key), partial(responding.current_list, app.parts)
    )
    with served(application) as url:
        settings = app.parts.settings.model_copy(update={"pki_url": url})
        der = certificates.renew(replace(app.parts, settings=settings), person, GROUND)
        (asker.folder / "new.pem").write_bytes(pem.armor("CERTIFICATE", der))
        words = "openssl x509 -in new.pem -noout -ocsp_uri -ext crlDistributionPoints,authorityInfoAccess"
        said = subprocess.run(words.split(), cwd=asker.folder, capture_output=True, text=True, check=True)
        assert said.stdout.startswith(f"{url}/\n")
        assert f"URI:{url}/crl/issuing_ca.crl" in said.stdout
        assert httpx.get(f"{url}/crl/issuing_ca.crl").content == responding.current_list(
            app.parts, "issuing_ca"
        )
    with pytest.raises(InputError, match="http"):
        ca.Published.under("ftp://x", "issuing_ca")
