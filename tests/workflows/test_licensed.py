"""Certificates of a licensed authority, here one made with OpenSSL: request out, certificate in, letters signed."""

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from asn1crypto import pem
from sqlalchemy import select

from service.app import App
from service.clock import china_day
from service.core import Sha256Hex, parse_entry
from service.db.tables import Certificate, Key, Letter, LogEntry
from service.errors import (
    ForbiddenError,
    InputError,
    NotFoundError,
    SetupError,
    UnavailableError,
    VerificationError,
)
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.registry import persons, query
from service.signing import ca, cms, csr
from service.verification import verdict
from service.workflows import authority, certificates, enrolment, licensed, pins, signing
from service.workflows.enrolment import Ground
from tests.csc_server import BEARER, Held, SigningService, chain_of, refusal
from tests.serving import served
from tests.softhsm import HOLDERS_KEY, HOLDERS_PIN, MODULE, softhsm_token
from tests.workflows.conftest import PIN, VILLAGE

GROUND = Ground("录入员甲", "向持牌机构申请", "已当面核对")


@dataclass(frozen=True)
class OutsideCa:
    """Root and intermediate of an authority that OpenSSL runs."""

    folder: Path

    def run(self, command: str, **text: str) -> str:
        words = [word.format(**text) for word in command.split()]
        done = subprocess.run(
            ["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def prepare(self) -> None:
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=p\ncopy_extensions=none\nunique_subject=no\n[p]\nC=optional\nO=optional\nOU=optional\n"
            "title=optional\nCN=supplied\nserialNumber=optional\n"
            "[sub]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
            "subjectKeyIdentifier=hash\n[leaf]\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature,nonRepudiation\nauthorityKeyIdentifier=keyid\n"
            "[tls]\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
        )
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("1000\n")
        new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {n}.key -out {n}.csr -subj /CN={n}"
        self.run(new, n="root")
        self.run(new, n="middle")
        self.sign("root.csr", "root.pem", "sub", "-selfsign -keyfile root.key")
        self.sign("middle.csr", "middle.pem", "sub", "-cert root.pem -keyfile root.key")

    def sign(self, request: str, out: str, section: str, issuer: str, dates: str = "") -> None:
        dates = dates or "-startdate 20261101000000Z -enddate 20361101000000Z"
        self.run(
            f"ca -batch -notext -preserveDN -utf8 -config ca.cnf -extensions {section} {dates} {issuer} "
            f"-in {request} -out {out}"
        )

    def certify(self, request: bytes, section: str = "leaf", dates: str = "") -> bytes:
        """Return the certificate for a request with the intermediate below it, as PEM."""
        (self.folder / "leaf.csr").write_bytes(request)
        self.sign("leaf.csr", "leaf.pem", section, "-cert middle.pem -keyfile middle.key", dates)
        return (self.folder / "leaf.pem").read_bytes() + (self.folder / "middle.pem").read_bytes()

    def crl(self, name: str) -> bytes:
        self.run(
            f"ca -config ca.cnf -gencrl -crldays 3650 -cert {name}.pem -keyfile {name}.key -out {name}.crl"
        )
        return (self.folder / f"{name}.crl").read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> OutsideCa:
    made = OutsideCa(tmp_path_factory.mktemp("licensed"))
    made.prepare()
    return made


@pytest.fixture
def outside_ca(app: App, made: OutsideCa) -> OutsideCa:
    anchors = app.parts.settings.anchors
    (anchors / "sign").mkdir(parents=True)
    (anchors / "crls").mkdir()
    (anchors / "sign" / "root.pem").write_bytes((made.folder / "root.pem").read_bytes())
    return made


@pytest.fixture
def person(app: App) -> str:
    """A cadre of the village, nobody's counterpart, without a certificate."""
    with app.parts.sessions.begin() as session:
        on = china_day(app.parts.clock())
        own = [one.cadre for one in query.cadres(session, VILLAGE, on)]
        heads = {persons.counterpart(session, one, on).cadre for one in own}
    found = next(one for one in own if one not in heads)
    certificates.revoke(app.parts, found, ca.Reason.SUPERSEDED, GROUND)
    return found


def test_a_request_is_a_good_one_to_openssl(app: App, person: str, outside_ca: OutsideCa) -> None:
    (outside_ca.folder / "r.csr").write_bytes(licensed.request(app.parts, person, PIN, GROUND))
    text = outside_ca.run("req -in r.csr -verify -noout -text -nameopt utf8")
    assert "Digital Signature, Non Repudiation" in text
    with app.parts.sessions.begin() as session:
        assert persons.subject(session, person) in text


def test_a_letter_signed_with_a_licensed_certificate_is_vouched_for_by_its_authority(
    app: App, issued: list[str], person: str, outside_ca: OutsideCa
) -> None:
    made = outside_ca.certify(licensed.request(app.parts, person, PIN, GROUND))
    der = licensed.accept(app.parts, person, made, GROUND)
    with app.parts.sessions.begin() as session:
        entry = parse_entry(
            session.scalars(select(LogEntry.entry).order_by(LogEntry.index.desc())).first() or b""
        )
    assert entry.file is not None
    assert (entry.kind, entry.file.size) == ("certificate", len(der))
    for name in ("root", "middle"):
        (app.parts.settings.anchors / "crls" / f"{name}.crl").write_bytes(outside_ca.crl(name))
    (letter,) = signing.sign_letters(app.parts, person, PIN, device="test").letters
    app.drain()
    assert _vouchers(app, letter) == {"office": "demo", "cadre": "licensed"}


def _vouchers(app: App, letter: str) -> dict[str, str]:
    """Return which kind of authority vouches for each party of a letter, which is valid as far as it goes."""
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
        head = session.get_one(Letter, letter).head
    report = verdict.verify(app.parts.store.get(Sha256Hex(str(head))), trust, app.parts.clock())
    assert report.verdict == "valid", report.reasons
    return {one.role: one.voucher for one in report.signatures if one.role}


def test_a_certificate_for_another_key_is_refused(app: App, person: str, outside_ca: OutsideCa) -> None:
    former = licensed.request(app.parts, person, PIN, GROUND)
    licensed.request(app.parts, person, PIN, GROUND)
    with pytest.raises(InputError, match="不是为本次申请的密钥"):
        licensed.accept(app.parts, person, outside_ca.certify(former), GROUND)


def test_a_certificate_that_names_somebody_else_is_refused(
    app: App, person: str, outside_ca: OutsideCa
) -> None:
    request = licensed.request(app.parts, person, PIN, GROUND)
    (outside_ca.folder / "leaf.csr").write_bytes(request)
    issuer = "-cert middle.pem -keyfile middle.key -subj /CN=甲某某"
    outside_ca.sign("leaf.csr", "leaf.pem", "leaf", issuer)
    made = (outside_ca.folder / "leaf.pem").read_bytes() + (outside_ca.folder / "middle.pem").read_bytes()
    with pytest.raises(InputError, match="按申请书填写"):
        licensed.accept(app.parts, person, made, GROUND)


def test_a_certificate_for_a_web_server_is_refused(app: App, person: str, outside_ca: OutsideCa) -> None:
    made = outside_ca.certify(licensed.request(app.parts, person, PIN, GROUND), section="tls")
    with pytest.raises(Exception, match="不含文件签名"):
        licensed.accept(app.parts, person, made, GROUND)


def test_an_expired_certificate_and_one_without_its_intermediate_are_refused(
    app: App, person: str, outside_ca: OutsideCa
) -> None:
    request = licensed.request(app.parts, person, PIN, GROUND)
    old = outside_ca.certify(request, dates="-startdate 20251101000000Z -enddate 20261120000000Z")
    with pytest.raises(VerificationError, match="有效期"):
        licensed.accept(app.parts, person, old, GROUND)
    whole = outside_ca.certify(request)
    alone = whole[: whole.index(b"-----END CERTIFICATE-----") + 26]
    with pytest.raises(VerificationError, match="持牌机构根证书"):
        licensed.accept(app.parts, person, alone, GROUND)
    licensed.accept(app.parts, person, whole, GROUND)


def test_without_an_anchor_or_a_request_nothing_is_accepted(
    app: App, person: str, outside_ca: OutsideCa
) -> None:
    with pytest.raises(NotFoundError, match="enrol csr"):
        licensed.accept(app.parts, person, b"", GROUND)
    made = outside_ca.certify(licensed.request(app.parts, person, PIN, GROUND))
    (app.parts.settings.anchors / "sign" / "root.pem").unlink()
    with pytest.raises(SetupError, match="还没有配置持牌机构"):
        licensed.accept(app.parts, person, made, GROUND)


def test_a_software_certificate_signs_under_the_holders_own_pin(
    app: App, issued: list[str], person: str, outside_ca: OutsideCa
) -> None:
    with app.parts.sessions.begin() as session:
        subject = authority.subject_name(app.parts, session, person, app.parts.clock())
    name = f"/O={subject.organization}/CN={subject.common_name}/serialNumber={subject.serial_number}"
    new = "req -utf8 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout soft.key -out soft.csr -subj"
    outside_ca.run(new + " {name}", name=name)
    outside_ca.sign("soft.csr", "soft.pem", "leaf", "-cert middle.pem -keyfile middle.key")
    outside_ca.run(
        "pkcs12 -export -inkey soft.key -in soft.pem -certfile middle.pem -out soft.p12 -passout pass:secret"
    )
    data = (outside_ca.folder / "soft.p12").read_bytes()
    licensed.take_pkcs12(app.parts, person, data, "secret", "518294", GROUND)
    with app.parts.sessions.begin() as session:
        certificate = authority.certificate_of(session, person, app.parts.clock())
    with authority.opened(app.parts, certificate, "518294") as signer:
        cms.verify_raw(b"x", signer.sign(b"x"), certificate.der)


def _with(app: App, **settings: object) -> App:
    """Return the deployment with other settings."""
    changed = app.parts.settings.model_copy(update=settings)
    return replace(app, parts=replace(app.parts, settings=changed))


def _sign(app: App, person: str, pin: str, outside_ca: OutsideCa) -> str:
    for name in ("root", "middle"):
        (app.parts.settings.anchors / "crls" / f"{name}.crl").write_bytes(outside_ca.crl(name))
    (letter,) = signing.sign_letters(app.parts, person, pin, device="test").letters
    app.drain()
    return letter


def _failures(app: App, person: str) -> int:
    with app.parts.sessions.begin() as session:
        certificate = authority.certificate_of(session, person, app.parts.clock())
        return session.get_one(Key, certificate.key).failures


def test_a_cadres_own_token_signs_with_its_pin_and_the_key_never_leaves_it(
    app: App, issued: list[str], person: str, outside_ca: OutsideCa
) -> None:
    softhsm_token()
    app = _with(app, pkcs11_module=MODULE)
    with pytest.raises(ForbiddenError, match="PIN 不正确"):
        licensed.request(app.parts, person, "000000", GROUND, HOLDERS_KEY)
    request = licensed.request(app.parts, person, HOLDERS_PIN, GROUND, HOLDERS_KEY)
    licensed.accept(app.parts, person, outside_ca.certify(request), GROUND)
    with pytest.raises(ForbiddenError, match="PIN 不正确"):
        signing.sign_letters(app.parts, person, "000000", device="test")
    assert _failures(app, person) == 1
    with pytest.raises(ForbiddenError, match="令牌的工具"):
        pins.change_pin(app.parts, person, HOLDERS_PIN, "518294")
    letter = _sign(app, person, HOLDERS_PIN, outside_ca)
    assert _vouchers(app, letter)["cadre"] == "licensed"
    with app.parts.sessions.begin() as session:
        kept = session.scalars(select(Key.wrapped).where(Key.owner == person, Key.retired_at.is_(None)))
        assert kept.all() == [HOLDERS_KEY]
    assert any("密钥在本人令牌" in line for line in certificates.history(app.parts, person))
    assert _failures(app, person) == 0


def test_a_token_with_its_certificate_is_taken_and_another_ones_certificate_is_not(
    app: App, person: str, outside_ca: OutsideCa
) -> None:
    softhsm_token()
    app = _with(app, pkcs11_module=MODULE)
    own = outside_ca.certify(licensed.request(app.parts, person, HOLDERS_PIN, GROUND, HOLDERS_KEY))
    other = outside_ca.certify(licensed.request(app.parts, person, PIN, GROUND))
    with pytest.raises(VerificationError, match="签名值与证书不符"):
        licensed.take_token(app.parts, person, HOLDERS_KEY, other, HOLDERS_PIN, GROUND)
    licensed.take_token(app.parts, person, HOLDERS_KEY, own, HOLDERS_PIN, GROUND)
    with app.parts.sessions.begin() as session:
        assert authority.certificate_of(session, person, app.parts.clock()).chain


def test_the_closed_authority_certifies_a_key_that_stays_on_its_token(app: App, person: str) -> None:
    softhsm_token()
    with pytest.raises(SetupError, match="LIANGZE_PKCS11_MODULE"):
        enrolment.enrol_elsewhere(app.parts, person, HOLDERS_KEY, HOLDERS_PIN)
    app = _with(app, pkcs11_module=MODULE)
    with pytest.raises(InputError, match="应写作"):
        enrolment.enrol_elsewhere(app.parts, person, f"{HOLDERS_KEY}?module-path=/tmp/x.so", HOLDERS_PIN)
    der = enrolment.enrol_elsewhere(app.parts, person, HOLDERS_KEY, HOLDERS_PIN)
    with app.parts.sessions.begin() as session:
        certificate: Certificate = authority.certificate_of(session, person, app.parts.clock())
    with authority.opened(app.parts, certificate, HOLDERS_PIN) as signer:
        cms.verify_raw(b"x", signer.sign(b"x"), der)


def test_a_remote_signing_service_signs_after_the_holders_pin(
    app: App, issued: list[str], person: str, outside_ca: OutsideCa, tmp_path: Path
) -> None:
    with app.parts.sessions.begin() as session:
        subject = authority.subject_name(app.parts, session, person, app.parts.clock())
    key = private.generate(Algorithm.ECDSA_P256_SHA256, os.urandom)
    request = csr.request(LocalSigner(key), subject, app.parts.clock())
    chain = chain_of(outside_ca.certify(pem.armor("CERTIFICATE REQUEST", request)))
    service = SigningService({"cadre-1": Held(key, chain, "far pin 71")})
    (tmp_path / "token").write_text(BEARER)
    (tmp_path / "token").chmod(0o600)
    with served(service.app()) as url:
        app = _with(app, remote_signer=f"{url}/csc/v2", remote_signer_token=tmp_path / "token")
        with pytest.raises(ForbiddenError, match="PIN 不正确"):
            licensed.take_remote(app.parts, person, "cadre-1", "wrong", GROUND)
        licensed.take_remote(app.parts, person, "cadre-1", "far pin 71", GROUND)
        with pytest.raises(ForbiddenError, match="PIN 不正确"):
            signing.sign_letters(app.parts, person, "wrong", device="test")
        service.fault = refusal("server_error", 503)
        with pytest.raises(UnavailableError, match="稍后再试"):
            signing.sign_letters(app.parts, person, "far pin 71", device="test")
        assert _failures(app, person) == 1  # a service that does not answer judged no PIN
        service.fault = None
        letter = _sign(app, person, "far pin 71", outside_ca)
    assert _vouchers(app, letter)["cadre"] == "licensed"
    assert _failures(app, person) == 0
