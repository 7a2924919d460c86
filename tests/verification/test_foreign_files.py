"""Other people's signed PDFs get a verdict too: valid when all holds, status unknown, nothing expected of them."""

import io
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

from service.verification.report import Report, Status, Verdict
from service.verification.trust import Trust, trust_of_certificates
from service.verification.verdict import verify

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


def plain_pdf(*, compressed: bool) -> bytes:
    output = io.BytesIO()
    pdf = pikepdf.new()
    pdf.add_blank_page()
    mode = pikepdf.ObjectStreamMode.generate if compressed else pikepdf.ObjectStreamMode.disable
    pdf.save(output, object_stream_mode=mode)
    return output.getvalue()


def signed(data: bytes, key: Key, certificate: bytes, name: str, **options: Any) -> bytes:
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = signers.SimpleSigner(
        x509.Certificate.load(certificate),
        keys.PrivateKeyInfo.load(der),
        SimpleCertificateStore(),  # type: ignore[no-untyped-call]
    )
    meta = signers.PdfSignatureMetadata(field_name=name, md_algorithm="sha256", **options)
    output = io.BytesIO()
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    signers.sign_pdf(writer, meta, signer, output=output)
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
