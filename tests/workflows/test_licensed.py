"""Certificates of a licensed authority, here one made with OpenSSL: request out, certificate in, letters signed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.clock import china_day
from service.core import parse_entry
from service.db.tables import LogEntry
from service.errors import InputError, NotFoundError, SetupError, VerificationError
from service.registry import query
from service.signing import ca
from service.verification import verdict
from service.workflows import authority, certificates, checking, licensed, signing
from service.workflows.enrolment import Ground
from tests.workflows.conftest import PIN, VILLAGE, people

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


@pytest.fixture
def outside_ca(app: App, tmp_path: Path) -> OutsideCa:
    folder = tmp_path / "licensed"
    folder.mkdir()
    made = OutsideCa(folder)
    made.prepare()
    anchors = app.parts.settings.anchors
    (anchors / "sign").mkdir(parents=True)
    (anchors / "crls").mkdir()
    (anchors / "sign" / "root.pem").write_bytes((folder / "root.pem").read_bytes())
    return made


@pytest.fixture
def person(app: App) -> str:
    """A cadre of the village, nobody's counterpart, without a certificate."""
    with app.parts.sessions.begin() as session:
        on = china_day(app.parts.clock())
        own = [one.cadre for one in query.cadres(session, VILLAGE, on)]
        heads = {query.counterpart(session, one, on).cadre for one in own}
    found = next(one for one in own if one not in heads)
    certificates.revoke(app.parts, found, ca.Reason.SUPERSEDED, GROUND)
    return found


def test_a_request_is_a_good_one_to_openssl(app: App, person: str, outside_ca: OutsideCa) -> None:
    (outside_ca.folder / "r.csr").write_bytes(licensed.request(app.parts, person, PIN, GROUND))
    text = outside_ca.run("req -in r.csr -verify -noout -text -nameopt utf8")
    assert "Digital Signature, Non Repudiation" in text
    with app.parts.sessions.begin() as session:
        assert query.subject(session, person) in text


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
    for other in people(app.parts):
        mine = [one.letter for one in signing.waiting_for(app.parts, other) if one.letter == letter]
        if mine:
            signing.sign_letters(app.parts, other, PIN, device="test", only=mine)
    app.drain()
    (final,) = checking.finals(app.parts)
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
    report = verdict.verify(final.pdf, trust, app.parts.clock(), receipt=final.receipt)
    assert report.verdict == "valid", report.reasons
    vouchers = {one.role: one.voucher for one in report.signatures if one.role}
    assert vouchers == {"office": "demo", "cadre": "licensed", "leader": "demo"}


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
    for crl in ("root", "middle"):
        (app.parts.settings.anchors / "crls" / f"{crl}.crl").write_bytes(outside_ca.crl(crl))
    assert len(signing.sign_letters(app.parts, person, "518294", device="test").letters) == 1
    app.drain()
