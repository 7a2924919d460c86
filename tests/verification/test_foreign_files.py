"""Other people's signed PDFs get a verdict too: valid when all holds, status unknown, nothing expected of them."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pikepdf
import pytest
from asn1crypto import keys, x509
from cryptography import x509 as builder
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from weasyprint import HTML

from service.verification.report import Report, Status, Verdict
from service.verification.trust import Trust, trust_of_certificates
from service.verification.verdict import verify
from tests.vectors.builder import paper, surgery

NOW = datetime(2026, 11, 25, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def self_signed(key: Key) -> bytes:
    """Return what `openssl req -x509` makes: CA:TRUE and no key usage."""
    name = builder.Name([builder.NameAttribute(NameOID.COMMON_NAME, "Somebody Else")])
    made = (
        builder.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(NOW - timedelta(days=10))
        .not_valid_after(NOW + timedelta(days=10))
        .add_extension(builder.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def plain_pdf(*, compressed: bool = True, turn: int = 0, **options: Any) -> bytes:
    """Return a page of text as qpdf writes it."""
    output = io.BytesIO()
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(595, 842))
    page.Contents = pdf.make_stream(b"BT /F1 18 Tf 60 700 Td (Loan agreement) Tj ET")
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
    )
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    if turn:
        page.Rotate = turn
    mode = pikepdf.ObjectStreamMode.generate if compressed else pikepdf.ObjectStreamMode.disable
    pdf.save(output, object_stream_mode=mode, **options)
    return output.getvalue()


def hybrid_pdf() -> bytes:
    """Return a file of Word's kind: a cross-reference table, and a stream for what old readers need not see."""
    plain = plain_pdf(compressed=False, force_version="1.4")
    old, size = surgery.startxref(plain), surgery.size_of(plain)
    inner = b"%d 0 null" % size
    packed = paper.stream(b"/Type /ObjStm /N 1 /First %d" % len(b"%d 0 " % size), inner)
    text, places = surgery.objects({size + 1: packed}, old)
    row = b"\x02" + (size + 1).to_bytes(4) + bytes(2)
    head = b"/Type /XRef /W [1 4 2] /Index [%d 1] /Size %d" % (size, size + 3)
    more, there = surgery.objects({size + 2: paper.stream(head, row)}, old + len(text))
    rows = b"%d 2\n%010d 00000 n \n%010d 00000 n \n" % (size + 1, places[size + 1], there[size + 2])
    table, _, end = plain[old:].partition(b"trailer")
    end = end.replace(b"/Size %d" % size, b"/Size %d /XRefStm %d" % (size + 3, there[size + 2]))
    body = plain[:old] + text + more
    return body + table + rows + b"trailer" + end.replace(b"\n%d\n" % old, b"\n%d\n" % len(body))


def numbers_as_objects() -> bytes:
    """Return a file as cairo and Quartz write it: the length of a stream is an object behind it."""
    plain = plain_pdf(compressed=False, force_version="1.4")
    size, ink = surgery.size_of(plain), b"0 0 0 rg 60 600 20 20 re f"
    page = surgery.body(plain, surgery.number_of(plain, b"/MediaBox"))
    drawn = b"<< /Length %d 0 R >>\nstream\n%s\nendstream" % (size + 1, ink)
    both = re.sub(rb"/Contents (\d+ 0 R)", rb"/Contents [\1 %d 0 R]" % size, page)
    number = surgery.number_of(plain, b"/MediaBox")
    return surgery.update(plain, {number: both, size: drawn, size + 1: b"%d" % len(ink), size + 2: b"null"})


def signed(
    data: bytes,
    key: Key,
    certificate: bytes,
    name: str,
    *,
    box: tuple[int, int, int, int] | None = None,
    pss: bool = False,
    **options: Any,
) -> bytes:
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = signers.SimpleSigner(
        x509.Certificate.load(certificate),
        keys.PrivateKeyInfo.load(der),
        SimpleCertificateStore(),  # type: ignore[no-untyped-call]
        prefer_pss=pss,
    )
    meta = signers.PdfSignatureMetadata(field_name=name, md_algorithm="sha256", **options)
    output = io.BytesIO()
    writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=False)
    place = None if box is None else fields.SigFieldSpec(name, on_page=0, box=box)
    signers.sign_pdf(writer, meta, signer, new_field_spec=place, output=output)
    return output.getvalue()


MAKERS: list[Callable[[], Key]] = [
    lambda: ec.generate_private_key(ec.SECP256R1()),
    lambda: ec.generate_private_key(ec.SECP384R1()),
    lambda: rsa.generate_private_key(65537, 2048),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("subfilter", list(fields.SigSeedSubFilter)[:2])
def test_a_stranger_signature_is_valid(make: Callable[[], Key], compressed: bool, subfilter: Any) -> None:
    key = make()
    certificate = self_signed(key)
    once = signed(plain_pdf(compressed=compressed), key, certificate, "One", subfilter=subfilter)
    twice = signed(once, key, certificate, "Two", subfilter=subfilter)
    for data, count in ((once, 1), (twice, 2)):
        report = verify(data, trust_of_certificates(certificate), NOW)
        assert report.verdict is Verdict.VALID, report.reasons
        assert (report.status, len(report.signatures)) == (Status.UNKNOWN, count)
        assert [one.role for one in report.signatures] == [None] * count
        assert report.is_good
        assert verify(data, Trust(), NOW).verdict is Verdict.INDETERMINATE
        assert (
            verify(data, trust_of_certificates(certificate), NOW + timedelta(days=20)).verdict
            is Verdict.INDETERMINATE
        )


HONEST: dict[str, Callable[[], bytes]] = {
    "version_1_4": lambda: plain_pdf(compressed=False, force_version="1.4"),
    "linearized": lambda: plain_pdf(compressed=False, linearize=True),
    "linearized_compressed": lambda: plain_pdf(linearize=True),
    "hybrid": hybrid_pdf,
    "numbers_as_objects": numbers_as_objects,
    "turned_right": lambda: plain_pdf(turn=90),
    "upside_down": lambda: plain_pdf(turn=180),
    "turned_left": lambda: plain_pdf(turn=270),
    "web_page": lambda: HTML(string="<h1>Loan</h1><a href='https://a.example'>terms</a>").write_pdf(),
}


@pytest.mark.parametrize("make", HONEST.values(), ids=HONEST)
def test_an_honest_file_of_any_maker_is_valid(make: Callable[[], bytes]) -> None:
    key = MAKERS[0]()
    certificate = self_signed(key)
    once = signed(make(), key, certificate, "One", box=(60, 60, 200, 110))
    twice = signed(once, key, certificate, "Two", box=(260, 60, 400, 110))
    for data in (once, twice):
        report = verify(data, trust_of_certificates(certificate), NOW)
        assert report.verdict is Verdict.VALID, report.reasons
        assert not {"HIDDEN_TEXT", "HIDDEN_OBJECT"} & {one.code for one in report.reasons}


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_box_over_the_text_of_a_turned_page_is_seen(turn: int) -> None:
    key = MAKERS[0]()
    certificate = self_signed(key)
    once = signed(plain_pdf(turn=turn), key, certificate, "One")
    evil = signed(once, key, certificate, "Two", box=(50, 690, 400, 730))
    report = verify(evil, trust_of_certificates(certificate), NOW)
    assert "CHANGES_PIXELS" in {one.code for one in report.reasons}


def test_a_pss_signature_is_valid() -> None:
    key = MAKERS[2]()
    certificate = self_signed(key)
    report = verify(
        signed(plain_pdf(), key, certificate, "A", pss=True), trust_of_certificates(certificate), NOW
    )
    assert report.verdict is Verdict.VALID, report.reasons


def test_a_stranger_certification_forbids_a_second_field() -> None:
    key = MAKERS[0]()
    certificate = self_signed(key)
    data = plain_pdf(compressed=False)
    once = signed(data, key, certificate, "One", certify=True, docmdp_permissions=fields.MDPPerm.NO_CHANGES)
    report: Report = verify(once, trust_of_certificates(certificate), NOW)
    assert report.verdict is Verdict.VALID
    pdf = pikepdf.open(io.BytesIO(once))
    output = io.BytesIO()
    pdf.save(output)
    assert verify(output.getvalue(), trust_of_certificates(certificate), NOW).verdict is Verdict.INVALID
