"""A small PKI, and letters made with it through the real ceremony; nothing here reads the clock."""

import asyncio
import hashlib
import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pydyf
import pytest
import weasyprint
from asn1crypto import cms, x509

from service.core import Envelope, LetterId, Party, Role, Sha256Hex, content_json
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.signing import ca, ceremony
from service.signing import cms as cms_building
from service.signing.appearance import Stamp
from service.signing.ceremony import Prepared
from service.signing.timestamps import LocalTimeStamper
from service.tlog import note
from service.verification import trust as trusts
from service.verification.report import Report
from service.verification.trust import Anchor, Trust
from service.verification.verdict import verify
from tests.once import remembered

T0 = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)
UNIT = "温州市鹿城区五马街道办事处"
COMMITTEE = "温州市鹿城区五马街道食品安全委员会"
LETTER = LetterId("00112233445566778899aabbccddeeff")
SEAL = Stamp(100, 40, b"0.8 0 0 RG 2 w 10 10 80 20 re S\n")
STROKES = Stamp(100, 40, b"0 0 0.5 RG 2 w 10 10 m 90 30 l S\n")
LOCKS = {
    "office": pydyf.Dictionary(
        {"Type": "/SigFieldLock", "Action": "/Exclude", "Fields": "[(cadre) (leader)]"}
    ),
    "cadre": pydyf.Dictionary({"Type": "/SigFieldLock", "Action": "/Exclude", "Fields": "[(leader)]"}),
    "leader": pydyf.Dictionary({"Type": "/SigFieldLock", "Action": "/All"}),
}
PAGE = """<html lang="zh"><head><title>食品安全责任与任务承诺书</title><style>
@page { size: A4; margin: 37mm 26mm 35mm 28mm } body { font: 16pt/28pt 'FandolFang', 'Noto Serif CJK SC' }
input { appearance: auto; width: 55mm; height: 22mm; border: 0; margin: 0; display: block }
</style></head><body><h1>食品安全责任与任务承诺书</h1><p>本人承诺履行包保责任，每季度督导一次。</p>
%s</body></html>"""


def repeatable(label: str, size: int = 32) -> bytes:
    """Return the same bytes for the same label."""
    return hashlib.shake_256(label.encode()).digest(size)


def entropy(label: str) -> Callable[[int], bytes]:
    """Return a repeatable source of chance."""
    counter = itertools.count()
    return lambda size: repeatable(f"{label}/{next(counter)}", size)


def new_key(label: str, algorithm: Algorithm = Algorithm.ECDSA_P256_SHA256) -> LocalSigner:
    """Return the key of this label."""
    return LocalSigner(private.generate(algorithm, entropy(label)))


@dataclass(frozen=True)
class Person:
    """A key with its certificate."""

    name: str
    signer: LocalSigner
    certificate: bytes
    subject: str


@dataclass
class Lab:
    """An issuing CA, a TSA, persons, and letters signed by them."""

    label: str = "lab"
    years: int = 20
    t0: datetime = T0
    letter: LetterId = LETTER
    unit: str = UNIT
    committee: str = COMMITTEE
    algorithm: Algorithm = Algorithm.ECDSA_P256_SHA256

    def __post_init__(self) -> None:
        self.serials = itertools.count(100)
        self.issuing_key = self.signing_key(f"{self.label}/issuing")
        self.time_key, self.tsa_key = (new_key(f"{self.label}/{one}") for one in ("time", "tsa"))
        self.issuing = ca.self_signed(
            self.issuing_key,
            ca.Subject(f"签发机构 {self.label}", UNIT),
            now=T0,
            years=30,
            serial=1,
            use="sign",
        )
        self.time_ca = ca.self_signed(
            self.time_key,
            ca.Subject(f"时间戳机构 {self.label}", UNIT),
            now=T0,
            years=40,
            serial=2,
            use="time",
        )
        self.tsa = self.make_tsa(self.tsa_key, years=self.years)
        self.office = self.person("五马街道食品安全委员会办公室", COMMITTEE, "seal")
        self.cadre = self.person("林晓东", UNIT)
        self.leader = self.person("陈国华", COMMITTEE)

    def signing_key(self, label: str) -> LocalSigner:
        """Return the key of a person or of the issuing CA."""
        return new_key(label, self.algorithm)

    def make_tsa(self, key: LocalSigner, years: int) -> bytes:
        """Return a TSA certificate."""
        return ca.issue(
            self.time_ca, self.time_key, key.public_key, ca.Subject("时间戳", UNIT), use="tsa", now=T0,
            not_after=T0 + timedelta(days=365 * years), serial=3 + years,
        )  # fmt: skip

    def renew_tsa(self, years: int) -> None:
        """Give the TSA a new key and certificate."""
        self.tsa_key = new_key(f"{self.label}/tsa/{years}")
        self.tsa = self.make_tsa(self.tsa_key, years)

    def serial_of(self, person: Person) -> int:
        """Return the serial number of a person's certificate."""
        return int(x509.Certificate.load(person.certificate).serial_number)

    def person(self, name: str, unit: str, use: ca.LeafUse = "person", days: int = 3 * 365) -> Person:
        """Enrol somebody."""
        number = next(self.serials)
        key = self.signing_key(f"{self.label}/{name}/{number}")
        pseudonym = repeatable(f"subject of {name}").hex()
        subject = ca.Subject(name, unit, None, pseudonym)
        certificate = ca.issue(
            self.issuing, self.issuing_key, key.public_key, subject, use=use, now=T0,
            not_after=T0 + timedelta(days=days), serial=number,
        )  # fmt: skip
        return Person(name, key, certificate, pseudonym)

    def crls(
        self, at: datetime = T0, revoked: Sequence[ca.Revocation] = (), days: int = 30
    ) -> tuple[bytes, bytes]:
        """Return the CRLs of both authorities."""
        until = at + timedelta(days=days)
        signers = ca.crl(
            self.issuing, self.issuing_key, number=1, revoked=revoked, this_update=at, next_update=until
        )
        times = ca.crl(self.time_ca, self.time_key, number=1, revoked=[], this_update=at, next_update=until)
        return signers, times

    def stamper(self, at: datetime = T0) -> LocalTimeStamper:
        """Return a TSA whose clock stands at `at`."""
        serials = itertools.count(1000)
        return LocalTimeStamper(self.tsa_key, self.tsa, [self.time_ca], lambda: at, lambda: next(serials))

    def envelope(self, parties: tuple[Party, ...] | None = None) -> Envelope:
        """Return the envelope of a letter; by default office, cadre by name, leader by office."""
        return Envelope(
            letter=LETTER, number="五食安承〔2026〕1号", kind="commitment_town", title="承诺书", unit=COMMITTEE,
            date="2026-11-24", parties=self.parties() if parties is None else parties,
        )  # fmt: skip

    def parties(self) -> tuple[Party, ...]:
        """Return who has to sign."""
        subject = Sha256Hex(self.cadre.subject)
        return (
            Party(Role.OFFICE, 1, "office", COMMITTEE),
            Party(Role.CADRE, 2, "cadre", UNIT, "办事处主任", self.cadre.name, subject),
            Party(Role.LEADER, 3, "leader", COMMITTEE, "食品安全委员会主要负责人"),
        )

    def draft(self, parties: tuple[Party, ...] | None = None, *, content: bytes | None = None) -> bytes:
        """Return an unsigned letter with its content.json."""
        own = content_json(self.envelope(parties), {"items": ["每季度督导一次"]})
        return render(own if content is None else content)

    def prepare(self, head: bytes, role: Role, person: Person, at: datetime, picture: Stamp) -> Prepared:
        """Prepare one step."""
        hashed = cms_building.suite_of(person.certificate).digest
        return ceremony.prepare(head, role, picture, signer_name=person.name, when=at, digest_name=hashed)

    def sign(
        self, head: bytes, role: Role, person: Person, at: datetime = T0, stamp: Stamp | None = None
    ) -> bytes:
        """Take one step: prepare, approve, stamp."""
        picture = stamp or (SEAL if role is Role.OFFICE else STROKES)
        prepared = self.prepare(head, role, person, at, picture)
        attributes = ceremony.signed_attributes(prepared.digest, person.certificate, bytes(32))
        signature = person.signer.sign(attributes)
        return ceremony.stamp(
            prepared, head, attributes, signature, person.certificate, [self.issuing], self.stamper(at)
        )

    def sign_without_timestamp(self, head: bytes, role: Role, person: Person, at: datetime = T0) -> bytes:
        """Return a revision of level B-B: the container has no timestamp."""
        return self.sign_with(head, role, person, at=at, token=None)

    def sign_with(
        self,
        head: bytes,
        role: Role,
        person: Person,
        *,
        at: datetime = T0,
        token: bytes | None = b"",
        **parts: Any,
    ) -> bytes:
        """Return a revision whose container is built here, from `parts` that an attacker may choose."""
        prepared = self.prepare(head, role, person, at, SEAL)
        attributes = parts.get("attributes") or ceremony.signed_attributes(
            parts.get("digest", prepared.digest), person.certificate, bytes(32)
        )
        signature = person.signer.sign(attributes)
        if token == b"":
            token = parts.get("forge", self.token)(signature)
        return fill(
            prepared, container(attributes, signature, person.certificate, [self.issuing], token, parts)
        )

    def token(self, data: bytes, at: datetime = T0) -> bytes:
        """Return a timestamp token over `data`."""
        stamper = self.stamper(at)
        made = asyncio.run(stamper.async_timestamp(hashlib.sha256(data).digest(), "sha256"))
        return bytes(made.dump())

    def complete(
        self, head: bytes, at: datetime = T0, crls: Sequence[bytes] | None = None, tsa: bytes | None = None
    ) -> bytes:
        """Add DSS and document timestamp."""
        people = [one.certificate for one in (self.office, self.cadre, self.leader)]
        return ceremony.complete(
            head,
            certificates=[self.issuing, self.time_ca, tsa or self.tsa, *people],
            crls=self.crls(at) if crls is None else crls,
            timestamper=self.stamper(at),
            when=at,
        )

    def revisions(self, at: datetime = T0) -> list[bytes]:
        """Return draft, issued, signed, countersigned, completed."""
        steps = [self.draft()]
        for role, person in (
            (Role.OFFICE, self.office),
            (Role.CADRE, self.cadre),
            (Role.LEADER, self.leader),
        ):
            steps.append(self.sign(steps[-1], role, person, at))
        return [*steps, self.complete(steps[-1], at)]

    def trust(self, at: datetime = T0, *, crls: Sequence[bytes] | None = None, **changes: object) -> Trust:
        """Return what the unit's bundle says at `at`."""
        people = (self.office, self.cadre, self.leader)
        values: dict[str, object] = {
            "anchors": (Anchor(self.issuing, "closed", "sign"), Anchor(self.time_ca, "closed", "time")),
            "certificates": frozenset(hashlib.sha256(one.certificate).hexdigest() for one in people),
            "crls": tuple(self.crls(at) if crls is None else crls),
            "environment": "test",
            "issued": at,
            "expires": at + 30 * DAY,
        }
        return Trust(**{**values, **changes})  # type: ignore[arg-type]

    def check(self, data: bytes, extra: Sequence[Person] = ()) -> Report:
        """Verify at T0 + 1 day; `extra` people are on the roster too."""
        listed = [hashlib.sha256(one.certificate).hexdigest() for one in extra]
        trust = self.trust()
        return verify(data, replace(trust, certificates=trust.certificates | set(listed)), T0 + DAY)

    def bundle(self, trust: Trust) -> bytes:
        """Return `trust` as a signed bundle."""
        key = LocalSigner(private.generate(Algorithm.ED25519, entropy("trust")))
        return trusts.bundle_bytes(trust, note.vkey("trust.example", key.public_key), key.sign)


def container(
    attributes: bytes,
    signature: bytes,
    certificate: bytes,
    chain: Sequence[bytes],
    token: bytes | None,
    parts: Mapping[str, Any],
) -> bytes:
    """Return a CMS container; `parts` may add signers, content or attributes that do not belong there."""
    parsed, suite = x509.Certificate.load(certificate), cms_building.suite_of(certificate)
    info: dict[str, Any] = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            "issuer_and_serial_number", {"issuer": parsed.issuer, "serial_number": parsed.serial_number}
        ),
        "digest_algorithm": {"algorithm": parts.get("digest_algorithm", suite.digest)},
        "signed_attrs": cms.CMSAttributes.load(attributes),
        "signature_algorithm": {"algorithm": parts.get("signature_algorithm", suite.signature)},
        "signature": signature,
    }
    unsigned = list(parts.get("unsigned", ()))
    if token is not None:
        unsigned.append({"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token)]})
    if unsigned:
        info["unsigned_attrs"] = unsigned
    content: dict[str, Any] = {"content_type": "data"}
    if "content" in parts:
        content["content"] = parts["content"]
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": suite.digest}],
            "encap_content_info": content,
            "certificates": [
                cms.CertificateChoices("certificate", x509.Certificate.load(each))
                for each in sorted({certificate, *chain, *parts.get("certificates", ())})
            ],
            "signer_infos": [info] * parts.get("signers", 1),
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def fill(prepared: ceremony.Prepared, container: bytes) -> bytes:
    """Return the prepared revision with `container` in its hole."""
    start, end = prepared.hole
    digits = container.hex().encode()
    return prepared.pdf[:start] + b"<" + digits.ljust(end - start - 2, b"0") + b">" + prepared.pdf[end:]


def render(content: bytes | None, body: str = "") -> bytes:
    """Return a PDF/A-3a with tagged, empty signature fields and, unless None, content.json."""
    return remembered(("letter", content, body), lambda: _render(content, body))


def _render(content: bytes | None, body: str) -> bytes:
    inputs = body + "".join(f'<p><input type=checkbox name={name} title="{name}"></p>' for name in LOCKS)
    attached = []
    if content is not None:
        attached = [
            weasyprint.Attachment(
                string=content,
                name="content.json",
                description="content",
                relationship="Data",
                created=T0,
                modified=T0,
            )
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile open
        made = weasyprint.HTML(string=PAGE % inputs).write_pdf(
            pdf_forms=True,
            pdf_variant="pdf/a-3a",
            pdf_tags=True,
            finisher=_finish,
            pdf_identifier=b"0123456789abcdef",
            attachments=attached,
        )
    assert isinstance(made, bytes)
    return made


def _finish(_: weasyprint.Document, pdf: pydyf.PDF) -> None:
    for item in pdf.objects:
        if isinstance(item, pydyf.Dictionary) and item.get("Subtype") == "/Widget":
            _make_signature_field(pdf, item)
        if isinstance(item, pydyf.Dictionary) and item.get("S") == "/Form":
            item["K"] = item["K"][0]
    form = pdf.catalog["AcroForm"]
    form.pop("NeedAppearances")
    form.pop("DR")
    form["SigFlags"] = 1


def _make_signature_field(pdf: pydyf.PDF, widget: pydyf.Dictionary) -> None:
    for key in ("DA", "V", "AS", "MK", "Border", "AP"):
        widget.pop(key, None)
    left, top, right, bottom = widget["Rect"]
    widget["Rect"] = pydyf.Array([left, min(top, bottom), right, max(top, bottom)])
    empty = pydyf.Stream([], {"Type": "/XObject", "Subtype": "/Form", "BBox": "[0 0 1 1]"})
    lock = pydyf.Dictionary(LOCKS[widget["T"].string])
    pdf.add_object(empty)
    pdf.add_object(lock)
    widget.update(
        {"FT": "/Sig", "F": 132, "AP": pydyf.Dictionary({"N": empty.reference}), "Lock": lock.reference}
    )


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The PKI."""
    return Lab()


@pytest.fixture(scope="session")
def sm2_lab() -> Lab:
    """A PKI of the other signature profile: SM2 with SM3, time by P-256."""
    return Lab("sm2", algorithm=Algorithm.SM2_SM3)


@pytest.fixture(scope="session")
def sm2_revisions(sm2_lab: Lab) -> list[bytes]:
    """All revisions of one letter signed with SM2."""
    return sm2_lab.revisions()


@pytest.fixture(scope="session")
def other_lab() -> Lab:
    """Somebody else's PKI with the same names."""
    return Lab("other")


@pytest.fixture(scope="session")
def lab_of_ten_years() -> Lab:
    """A PKI whose TSA certificate lasts ten years."""
    return Lab("ten", years=10)


@pytest.fixture(scope="session")
def revisions(lab: Lab) -> list[bytes]:
    """All revisions of one letter."""
    return lab.revisions()


@pytest.fixture(scope="session")
def final(revisions: list[bytes]) -> bytes:
    """The completed letter."""
    return revisions[-1]


@pytest.fixture(scope="session")
def trust(lab: Lab) -> Trust:
    """The unit's bundle at T0."""
    return lab.trust()


@pytest.fixture(scope="session")
def check(trust: Trust) -> Callable[[bytes], Report]:
    """Verify at T0 + 1 day with the unit's bundle."""
    return lambda data: verify(data, trust, T0 + DAY)
