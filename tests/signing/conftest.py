"""A letter as WeasyPrint makes it, a demo PKI, and a clock that stands at T0."""

import hashlib
import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pydyf
import pytest
import weasyprint

from service.core import Role
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.settings import Settings
from service.signing import approvals, ca, ceremony
from service.signing.appearance import Stamp
from service.signing.timestamps import LocalTimeStamper
from tests.once import remembered

T0 = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
FONTS = Settings().fonts
LOCKS = {
    "office": pydyf.Dictionary(
        {"Type": "/SigFieldLock", "Action": "/Exclude", "Fields": "[(cadre) (leader)]"}
    ),
    "cadre": pydyf.Dictionary({"Type": "/SigFieldLock", "Action": "/Exclude", "Fields": "[(leader)]"}),
    "leader": pydyf.Dictionary({"Type": "/SigFieldLock", "Action": "/All"}),
}
PAGE = """<html lang="zh"><head><title>食品安全责任与任务承诺书</title><style>
@page { size: A4; margin: 37mm 26mm 35mm 28mm } body { font: 16pt/28pt 'Noto Serif CJK SC' }
input { appearance: auto; width: 55mm; height: 22mm; border: 0; margin: 0; display: block }
input[name=office] { width: 42mm; height: 42mm }
</style></head><body><h1>食品安全责任与任务承诺书</h1><p>本人承诺履行包保责任，每季度督导一次。</p>
%s</body></html>"""


def make_letter(fields: tuple[str, ...] = ("office", "cadre", "leader")) -> bytes:
    """Return a PDF/A-3a letter with tagged, empty signature fields."""
    return remembered(("page", fields), lambda: _make_letter(fields))


def _make_letter(fields: tuple[str, ...]) -> bytes:
    inputs = "".join(f'<p><input type=checkbox name={name} title="{name} 签名"></p>' for name in fields)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile open
        made = weasyprint.HTML(string=PAGE % inputs).write_pdf(
            pdf_forms=True,
            pdf_variant="pdf/a-3a",
            pdf_tags=True,
            finisher=_finish,
            pdf_identifier=b"0123456789abcdef",
        )
    assert isinstance(made, bytes)
    return made


def _finish(_: weasyprint.Document, pdf: pydyf.PDF) -> None:
    for item in pdf.objects:
        if isinstance(item, pydyf.Dictionary) and item.get("Subtype") == "/Widget":
            _make_signature_field(pdf, item)
        if isinstance(item, pydyf.Dictionary) and item.get("S") == "/Form":
            item["K"] = item["K"][0]  # an array here makes pyHanko distrust the first signature
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


def _entropy(label: str) -> Callable[[int], bytes]:
    counter = itertools.count()
    return lambda size: sha(f"{label}/{next(counter)}".encode(), size)


def sha(seed: bytes, size: int) -> bytes:
    """Return `size` repeatable bytes."""
    return hashlib.shake_256(seed).digest(size)


@dataclass(frozen=True)
class Party:
    """A signing party of the tests: key, certificate, name."""

    name: str
    signer: LocalSigner
    certificate: bytes


@dataclass(frozen=True)
class World:
    """PKI, parties and time stamper; `stamper()` starts its serial numbers anew each time."""

    parties: Mapping[Role, Party]
    issuing: bytes
    time_ca: bytes
    tsa: bytes
    crls: tuple[bytes, ...]
    tsa_signer: LocalSigner

    @property
    def chain(self) -> list[bytes]:
        return [self.issuing]

    def stamper(self, now: datetime = T0) -> LocalTimeStamper:
        serials = itertools.count(1000)
        return LocalTimeStamper(self.tsa_signer, self.tsa, [self.time_ca], lambda: now, lambda: next(serials))


def make_world() -> World:
    """Return the same keys and certificates each time."""

    def key(label: str) -> LocalSigner:
        return LocalSigner(private.generate(Algorithm.ECDSA_P256_SHA256, _entropy(label)))

    until = T0 + timedelta(days=3 * 365)
    signing_key, time_key, tsa_key = key("issuing"), key("time ca"), key("tsa")
    unit = "温州市鹿城区五马街道办事处"
    issuing = ca.self_signed(
        signing_key, ca.Subject("签发机构 一代", unit), now=T0, years=10, serial=1, use="sign"
    )
    time_ca = ca.self_signed(
        time_key, ca.Subject("时间戳机构 一代", unit), now=T0, years=30, serial=2, use="time"
    )
    tsa = ca.issue(
        time_ca, time_key, tsa_key.public_key, ca.Subject("时间戳", unit), use="tsa", now=T0,
        not_after=until, serial=3,
    )  # fmt: skip
    parties = {}
    named = (
        (Role.OFFICE, "温州市鹿城区五马街道食品安全委员会办公室", None),
        (Role.CADRE, "林晓东", "党工委副书记、办事处主任"),
        (Role.LEADER, "陈国华", "食品安全委员会主任"),
    )
    for number, (role, name, title) in enumerate(named, start=10):
        own = key(role)
        subject = ca.Subject(name, unit, title, sha(role.encode(), 32).hex())
        use: ca.LeafUse = "seal" if role is Role.OFFICE else "person"
        certificate = ca.issue(
            issuing, signing_key, own.public_key, subject, use=use, now=T0, not_after=until, serial=number
        )
        parties[role] = Party(name, own, certificate)
    crls = tuple(
        ca.crl(authority, signer, number=1, revoked=[], this_update=T0, next_update=T0 + timedelta(days=30))
        for authority, signer in ((issuing, signing_key), (time_ca, time_key))
    )
    return World(parties, issuing, time_ca, tsa, crls, tsa_key)


ACTIONS = {Role.OFFICE: "issue", Role.CADRE: "sign", Role.LEADER: "countersign"}
DOT = Stamp(100, 40, b"0 0 0.5 rg 10 10 80 20 re f")


def make_statement(prepared: bytes, head: bytes, role: Role) -> approvals.Statement:
    """Return an approval of one letter, made at T0."""
    letter = sha(b"letter", 16).hex()
    item = approvals.Item(letter, "五食安承〔2026〕1号", ACTIONS[role], sha256(prepared), sha256(head))
    return approvals.Statement(
        sha(role.encode(), 16).hex(), role.value, (item,), "文书全文页面", approvals.CONSENT, T0, "手机", "PIN",
        T0 + timedelta(minutes=10),
    )  # fmt: skip


def sha256(data: bytes) -> str:
    """Return the SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Signed:
    """What is stored of an approved step."""

    prepared: ceremony.Prepared
    head: bytes
    attributes: bytes
    signature: bytes


def approve(world: World, head: bytes, role: Role, picture: Stamp = DOT, when: datetime = T0) -> Signed:
    """Prepare and approve one step."""
    party = world.parties[role]
    prepared = ceremony.prepare(head, role, picture, signer_name=party.name, when=when)
    statement = make_statement(prepared.pdf, head, role)
    approvals.require_shown(statement, [prepared])
    ((attributes, signature),) = approvals.approve(
        party.signer, [prepared.digest], party.certificate, statement.sha256, chain=world.chain
    )
    return Signed(prepared, head, attributes, signature)


def finish(world: World, signed: Signed, role: Role) -> bytes:
    """Stamp an approved step."""
    party = world.parties[role]
    return ceremony.stamp(
        signed.prepared, signed.head, signed.attributes, signed.signature, party.certificate, world.chain,
        world.stamper(),
    )  # fmt: skip


def sign(world: World, head: bytes, role: Role, picture: Stamp = DOT) -> bytes:
    """Take one step from head to head."""
    return finish(world, approve(world, head, role, picture), role)


def complete(world: World, head: bytes) -> bytes:
    """Complete a countersigned letter."""
    certificates = [world.issuing, world.time_ca, world.tsa, *(p.certificate for p in world.parties.values())]
    return ceremony.complete(
        head, certificates=certificates, crls=world.crls, timestamper=world.stamper(), when=T0
    )


def whole_ceremony(world: World, letter: bytes) -> list[bytes]:
    """Return all five revisions: draft, issued, signed, countersigned, completed."""
    revisions = [letter]
    for role in Role:
        revisions.append(sign(world, revisions[-1], role))
    return [*revisions, complete(world, revisions[-1])]


@pytest.fixture(scope="session")
def letter() -> bytes:
    """An unsigned letter."""
    return make_letter()


@pytest.fixture(scope="session")
def world() -> World:
    """Keys and certificates."""
    return make_world()


@pytest.fixture(scope="session")
def revisions(world: World, letter: bytes) -> list[bytes]:
    """All revisions of one letter."""
    return whole_ceremony(world, letter)
