"""Signing holds its promises: one signature, the whole ceremony, a letter as it ships, two cores.

The peer is pyHanko as its manual shows it (SimpleSigner, an in-process TSA), with the same kinds of keys over the same
letter of the office's own kind. CPU is that of this process, in turn; medians. `--json` prints {"ratios": {
"bb_rsa_vs_stock", "bb_p256_vs_stock", "ceremony_vs_stock", "letter_vs_stock", "two_cores"}, …}:

- bb: one signature without timestamp, RSA-2048 and P-256; ours fills the visible field that the template made.
- ceremony: certify, cadre, leader, B-LTA; office RSA-2048, persons P-256 (`ceremony_p256`: office P-256, too).
- letter: from content to final letter, each new revision validated, stored and logged; the peer renders with plain
  WeasyPrint, signs with pyHanko and validates the end once. Keys P-256 for both.
- pyHanko's TSA in process knows RSA only: RSA-2048 for both.
- two_cores: letters signed in one process and in two, wall time. `--full`: 10 000 letters.
"""

import argparse
import io
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from asn1crypto import crl as asn1_crl  # noqa: E402
from asn1crypto import keys as asn1_keys  # noqa: E402
from asn1crypto import x509 as asn1_x509  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: E402
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, signers  # noqa: E402
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter  # noqa: E402
from pyhanko.sign.timestamps import DummyTimeStamper  # noqa: E402
from pyhanko_certvalidator import ValidationContext  # noqa: E402
from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: E402

from bench import documents, verification  # noqa: E402
from bench.memory import peak_mb  # noqa: E402
from service.archive import log as logs  # noqa: E402
from service.archive.store import FolderStore  # noqa: E402
from service.core import Entry, Event, FileDigest, LetterId, Role, Sha256Hex  # noqa: E402
from service.db.engine import open_engine, sessions_of  # noqa: E402
from service.db.tables import Base  # noqa: E402
from service.documents.kinds import load_kind  # noqa: E402
from service.documents.pdf import PdfRenderer  # noqa: E402
from service.keys import private  # noqa: E402
from service.keys.private import LocalSigner  # noqa: E402
from service.keys.signer import Algorithm  # noqa: E402
from service.signing import appearance, ceremony, cms, revision, seals  # noqa: E402
from service.signing.appearance import Stamp  # noqa: E402
from service.signing.timestamps import LocalTimeStamper  # noqa: E402
from service.verification.verdict import verify  # noqa: E402
from tests.verification.conftest import COMMITTEE, DAY, T0, UNIT, Lab  # noqa: E402

TURNS = 9
FONTS = verification.FONTS
PARTIES = (Role.OFFICE, Role.CADRE, Role.LEADER)


@dataclass(frozen=True)
class Hand:
    """One who signs: our opened key, and the same for pyHanko."""

    name: str
    key: LocalSigner
    certificate: bytes
    stock: signers.SimpleSigner


def main() -> None:
    """Measure and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--letters", type=int, default=48, help="letters for one and two cores")
    parser.add_argument("--full", action="store_true", help="10 000 letters for one and two cores")
    options = parser.parse_args()
    verification._stop_the_clock(T0 + DAY)
    logging.disable(logging.WARNING)  # pyHanko says each time that it fetches nothing
    bench = Bench()
    ratios, ms = {}, {}
    for name, ours, stock in bench.cases():
        own, theirs = _in_turn(ours, stock)
        ms[name] = {"ours": round(own, 2), "stock": round(theirs, 2)}
        ratios[f"{name}_vs_stock"] = round(theirs / own, 2)
    result = {"ratios": ratios, "ms": ms, "bytes": len(bench.draft)}
    result |= _on_two_cores(10_000 if options.full else options.letters, ratios)
    print(json.dumps(result, indent=2) if options.json else _lines(result))


def _lines(result: dict[str, Any]) -> str:
    return "\n".join(f"{key:10} {value}" for key, value in result.items())


def _in_turn(ours: Callable[[], object], stock: Callable[[], object]) -> tuple[float, float]:
    own, theirs = [], []
    for _ in range(TURNS + 1):
        own.append(_cpu(ours))
        theirs.append(_cpu(stock))
    return statistics.median(own[1:]) * 1000, statistics.median(theirs[1:]) * 1000


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


class Bench:
    """A PKI, a letter, and both ways to sign it."""

    def __init__(self) -> None:
        self.lab = Lab("bench")
        self.kind, self.renderer = load_kind(ROOT / "templates" / "commitment"), PdfRenderer(FONTS)
        self.content = verification._content(self.lab, 0)
        self.draft = self.renderer.render(self.kind, self.content, specimen=True)
        self.hands = {
            role: self.hand(one.name, one.signer, one.certificate)
            for role, one in zip(PARTIES, (self.lab.office, self.lab.cadre, self.lab.leader), strict=True)
        }
        self.lists = self.lab.crls(T0)
        self.stamps = _stamps()
        self.home = tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR"))

    def hand(self, name: str, key: LocalSigner, certificate: bytes) -> Hand:
        """Return a signer of ours and pyHanko's for the same key."""
        store: Any = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register(asn1_x509.Certificate.load(self.lab.issuing))
        return Hand(
            name,
            key,
            certificate,
            signers.SimpleSigner(
                signing_cert=asn1_x509.Certificate.load(certificate),
                signing_key=asn1_keys.PrivateKeyInfo.load(private.to_der(_opened(key))),
                cert_registry=store,
            ),
        )

    def rsa(self, name: str, issuer: bytes, issuer_key: LocalSigner, *, time_stamping: bool = False) -> Hand:
        """Return a signer with an RSA-2048 key under one of the lab's authorities."""
        key = LocalSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return self.hand(name, key, _certify(key, name, issuer, issuer_key, time_stamping=time_stamping))

    def cases(self) -> Iterator[tuple[str, Callable[[], object], Callable[[], object]]]:
        """Yield name, our work and the peer's."""
        office = self.rsa("发文机关", self.lab.issuing, self.lab.issuing_key)
        tsa = self.rsa("时间戳", self.lab.time_ca, self.lab.time_key, time_stamping=True)
        mixed = {**self.hands, Role.OFFICE: office}
        for name, hand in (("bb_rsa", office), ("bb_p256", self.hands[Role.OFFICE])):
            yield name, partial(self.one, hand), partial(self.stock_one, hand)
        yield "ceremony", partial(self.ceremony, mixed, tsa), partial(self.stock_ceremony, mixed, tsa)
        yield (
            "ceremony_p256",
            partial(self.ceremony, self.hands, tsa),
            partial(self.stock_ceremony, self.hands, tsa),
        )
        yield "letter", self.letter(tsa), self.stock_letter(tsa)

    def one(self, hand: Hand) -> bytes:
        """One signature of level B-B, in the office's field, by the product's own steps."""
        made = ceremony.prepare(
            self.draft, Role.OFFICE, self.stamps[Role.OFFICE], signer_name=hand.name, when=T0
        )
        made.require_untouched()
        attributes = cms.signed_attributes(made.digest, hand.certificate, bytes(32))
        signature = hand.key.sign(attributes)
        cms.verify_raw(attributes, signature, hand.certificate)
        container = cms.container(attributes, signature, hand.certificate, [self.lab.issuing], None)
        return revision.fill(made.pdf, made.hole, container)

    def stock_one(self, hand: Hand) -> bytes:
        """The same with pyHanko's defaults: an invisible field of its own."""
        writer = IncrementalPdfFileWriter(io.BytesIO(self.draft))
        meta = PdfSignatureMetadata(field_name="Signature1", md_algorithm="sha256")
        return bytes(signers.sign_pdf(writer, meta, signer=hand.stock).getvalue())

    def ceremony(self, hands: dict[Role, Hand], tsa: Hand, draft: bytes | None = None) -> list[bytes]:
        """Return the four revisions that the product's steps make."""
        head, made = draft or self.draft, []
        stamper = _stamper(self.lab, tsa)
        for role in PARTIES:
            hand = hands[role]
            prepared = ceremony.prepare(head, role, self.stamps[role], signer_name=hand.name, when=T0)
            prepared.require_untouched()
            attributes = ceremony.signed_attributes(prepared.digest, hand.certificate, bytes(32))
            signature = hand.key.sign(attributes)
            head = ceremony.stamp(
                prepared, head, attributes, signature, hand.certificate, [self.lab.issuing], stamper
            )
            made.append(head)
        people = [hand.certificate for hand in hands.values()]
        made.append(
            ceremony.complete(
                head,
                certificates=[self.lab.issuing, self.lab.time_ca, tsa.certificate, *people],
                crls=self.lists,
                timestamper=stamper,
                when=T0,
            )
        )
        return made

    def stock_ceremony(self, hands: dict[Role, Hand], tsa: Hand, draft: bytes | None = None) -> bytes:
        """The same with pyHanko's own calls: certify B-T, cadre B-LT, leader B-LTA."""
        head = draft or self.draft
        stamper = _stock_stamper(self.lab, tsa)
        for role in PARTIES:
            certify = role is Role.OFFICE
            meta = PdfSignatureMetadata(
                field_name=role.value,
                md_algorithm="sha256",
                subfilter=SigSeedSubFilter.PADES,
                certify=certify,
                docmdp_permissions=MDPPerm.FILL_FORMS,
                embed_validation_info=not certify,
                use_pades_lta=role is Role.LEADER,
                validation_context=None if certify else _context(self.lab, self.lists),
            )
            signer = PdfSigner(meta, signer=hands[role].stock, timestamper=stamper)
            head = signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(head))).getvalue()
        return bytes(head)

    def letter(self, tsa: Hand) -> Callable[[], object]:
        """From content to final letter: rendered, sealed, signed, each revision validated, stored and logged."""
        home = Path(self.home.name)
        engine = open_engine(f"sqlite:///{home}/db.sqlite3")
        Base.metadata.create_all(engine)
        sessions, key = sessions_of(engine), LocalSigner(_ed25519())
        log = logs.create(sessions, home / "archive", "bench.example/log", key, T0)
        store, trust = FolderStore(home / "store"), self.lab.trust()

        def work() -> None:
            draft = self.renderer.render(self.kind, self.content, specimen=True)
            leaf, known = None, 0
            number = LetterId(os.urandom(16).hex())
            for event, made in zip(
                (Event.ISSUED, Event.SIGNED, Event.COUNTERSIGNED, Event.COMPLETED),
                self.ceremony(self.hands, tsa, draft),
                strict=True,
            ):
                report = verify(made, trust, T0 + DAY, known=known)
                if report.verdict != "valid":
                    raise SystemExit(f"ours: {report.reasons}")
                store.put(made)
                entry = Entry(
                    "commitment", event, number, "2026-11-24T03:00:00Z", FileDigest.of(made), prev=leaf
                )
                with sessions.begin() as session:
                    leaf = Sha256Hex(log.append(session, [entry.to_bytes()], T0)[0].leaf)
                log.publish()
                known = len(made)

        return work

    def stock_letter(self, tsa: Hand) -> Callable[[], object]:
        """Plain WeasyPrint, pyHanko's calls, one validation of the end by pyHanko."""
        render = documents.naive_renderer(self.kind)

        def work() -> None:
            made = self.stock_ceremony(self.hands, tsa, render(self.content))
            verification.pyhanko(self.lab, made, 3)

        return work


def _opened(signer: LocalSigner) -> Any:
    """Return the key itself: the peer takes keys, not signers."""
    return signer._key


def _ed25519() -> Any:
    return private.generate(Algorithm.ED25519, os.urandom)


def _stamps() -> dict[Role, Stamp]:
    names = {Role.CADRE: ("林晓东", UNIT, "负责人"), Role.LEADER: ("陈国华", COMMITTEE, "主任")}
    drawn = {
        role: appearance.signature_stamp(name, unit, post, T0.date(), None, FONTS, True)
        for role, (name, unit, post) in names.items()
    }
    return {Role.OFFICE: seals.seal_stamp(COMMITTEE, "食品安全专用章", None, FONTS, True), **drawn}


def _stamper(lab: Lab, tsa: Hand) -> LocalTimeStamper:
    serials = iter(range(1000, 2000))
    return LocalTimeStamper(tsa.key, tsa.certificate, [lab.time_ca], lambda: T0, lambda: next(serials))


def _stock_stamper(lab: Lab, tsa: Hand) -> DummyTimeStamper:
    store: Any = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register(asn1_x509.Certificate.load(lab.time_ca))
    return DummyTimeStamper(
        tsa_cert=tsa.stock.signing_cert, tsa_key=tsa.stock.signing_key, certs_to_embed=store, fixed_dt=T0
    )


def _context(lab: Lab, crls: Sequence[bytes]) -> ValidationContext:
    roots = [asn1_x509.Certificate.load(one) for one in (lab.issuing, lab.time_ca)]
    lists = [asn1_crl.CertificateList.load(one) for one in crls]
    return ValidationContext(trust_roots=roots, crls=lists, moment=T0, revocation_mode="hard-fail")


def _certify(
    key: LocalSigner, name: str, issuer: bytes, issuer_key: LocalSigner, *, time_stamping: bool
) -> bytes:
    authority = x509.load_der_x509_certificate(issuer)
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.subject)
        .public_key(load_der_public_key(key.public_key))  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(T0 - timedelta(days=1))
        .not_valid_after(T0 + timedelta(days=1000))
        .add_extension(usage, critical=True)
    )
    if time_stamping:
        stamping = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.8")])
        builder = builder.add_extension(stamping, critical=True)
    return builder.sign(_opened(issuer_key), hashes.SHA256()).public_bytes(Encoding.DER)


def _sign_many(numbers: Sequence[int]) -> float:
    """Sign so many letters in this process; return its peak in MB."""
    bench = _bench()
    tsa = bench.hand("时间戳", bench.lab.tsa_key, bench.lab.tsa)
    for _ in numbers:
        bench.ceremony(bench.hands, tsa)
    return peak_mb()


def _load(all_are_ready: Any) -> None:
    """Load everything in a new worker, and wait for the others: loading is no part of the wall time."""
    _sign_many(range(1))
    all_are_ready.wait()


@lru_cache(maxsize=1)
def _bench() -> Bench:
    return Bench()


def _on_two_cores(letters: int, ratios: dict[str, float]) -> dict[str, Any]:
    seconds, peaks = {}, []
    for workers in (1, 2):
        shares = [range(at, letters, workers) for at in range(workers)]
        context = get_context("spawn")
        with ProcessPoolExecutor(workers, context, _load, (context.Barrier(workers),)) as pool:
            list(pool.map(_sign_many, [range(4)] * workers))
            start = time.perf_counter()
            peaks += list(pool.map(_sign_many, shares))
            seconds[workers] = time.perf_counter() - start
    ratios["two_cores"] = round(seconds[1] / seconds[2], 2)
    return {"letters": letters, "seconds": [round(one, 2) for one in seconds.values()], "peak_mb": peaks}


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    main()
