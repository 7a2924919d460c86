"""A licensed authority that is not ours, and people who sign with pyHanko as most of the world does."""

import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from unittest import mock

from asn1crypto import core, tsp
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from service.signing.timestamps import LocalTimeStamper
from service.verification.seams import StillWriter
from tests.vectors.builder import rsa
from tests.vectors.builder.authority import DAY, T0, new_key
from tests.verification.conftest import repeatable

Key = ec.EllipticCurvePrivateKey | rsa_keys.RSAPrivateKey | ed25519.Ed25519PrivateKey
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(), "sha1": hashes.SHA1(),  # noqa: S303
}  # fmt: skip
CRL_URL, OCSP_URL = "http://crl.invalid/ca.crl", "http://ocsp.invalid"


def curve_key(label: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """Return the elliptic-curve key of this label."""
    return ec.derive_private_key(int.from_bytes(repeatable(label, 31)), curve)


@contextmanager
def still() -> Iterator[None]:
    """Keep clock and chance out of the writers that pyHanko opens by itself for validation data."""
    with (
        mock.patch.object(IncrementalPdfFileWriter, "_update_meta", lambda self: None),
        mock.patch.object(IncrementalPdfFileWriter, "_handle_id", StillWriter._handle_id),
    ):
        yield


@dataclass(frozen=True)
class Stranger:
    """A certificate and its key."""

    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def parsed(self) -> asn1_x509.Certificate:
        """The certificate as pyHanko wants it."""
        return asn1_x509.Certificate.load(self.der)


class Signer(signers.Signer):
    """Signs as pyHanko asks, but without chance."""

    def __init__(
        self, who: Stranger, chain: list[asn1_x509.Certificate], *, prefer_pss: bool = False
    ) -> None:
        store: Any = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple(chain)
        super().__init__(signing_cert=who.parsed, cert_registry=store, prefer_pss=prefer_pss)
        self.key = who.key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """Return the raw signature."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        digest = HASHES[digest_algorithm]
        if isinstance(self.key, rsa_keys.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), digest)
        return self.key.sign(data, ec.ECDSA(digest, deterministic_signing=True))


class Stamper(LocalTimeStamper):
    """Answers from DER: asn1crypto would encode a nested value again at every level, for seconds."""

    def respond(self, request: tsp.TimeStampReq, serial: int) -> tsp.TimeStampResp:
        """Return the response, parsed from its bytes."""
        return tsp.TimeStampResp.load(super().respond(request, serial).dump())


class PdfSigner(signers.PdfSigner):
    """Signs at T0."""

    when = T0

    def init_signing_session(self, *args: Any, **kwargs: Any) -> Any:
        """Open a session whose clock stands still."""
        session = super().init_signing_session(*args, **kwargs)
        session.system_time = self.when
        return session


class Ministry:
    """Root, intermediate and TSA of a licensed authority, and the persons it certifies."""

    def __init__(self) -> None:
        self.serials = itertools.count(1)
        root = rsa.key("ministry root")
        self.root = self._issue("Example Licensed Root", root, None, ca=True)
        middle = curve_key("ministry middle", ec.SECP256R1())
        self.middle = self._issue("Example Licensed CA", middle, self.root, ca=True)
        self.ocsp_responder = self._issue(
            "Example OCSP", rsa.key("ministry ocsp"), self.middle, usage=[ExtendedKeyUsageOID.OCSP_SIGNING]
        )
        tsa_key = new_key("ministry tsa")
        self.tsa_signer = tsa_key
        self.tsa = self._issue(
            "Example TSA",
            tsa_key._key,  # type: ignore[arg-type]
            self.root,
            usage=[ExtendedKeyUsageOID.TIME_STAMPING],
        )
        self.rsa = self._issue("Alice Example", rsa.key("alice"), self.middle, crl=True)
        self.p256 = self._issue("Bob Example", curve_key("bob", ec.SECP256R1()), self.middle, crl=True)
        self.p384 = self._issue("Carol Example", curve_key("carol", ec.SECP384R1()), self.middle, crl=True)
        self.p521 = self._issue("Eve Example", curve_key("eve", ec.SECP521R1()), self.middle, crl=True)
        self.ed25519 = self._issue(
            "Dave Example",
            ed25519.Ed25519PrivateKey.from_private_bytes(repeatable("dave")),
            self.middle,
            crl=True,
        )
        self.by_ocsp = self._issue("Frank Example", rsa.key("frank"), self.middle, ocsp=True)
        self.plain = self._issue("Grace Example", curve_key("grace", ec.SECP256R1()), self.middle)
        self.web_server = self._issue(
            "www.example",
            curve_key("web", ec.SECP256R1()),
            self.middle,
            usage=[ExtendedKeyUsageOID.SERVER_AUTH],
        )
        self.lasting_tsa = self._issue(
            "Example TSA",
            tsa_key._key,  # type: ignore[arg-type]
            self.root,
            usage=[ExtendedKeyUsageOID.TIME_STAMPING],
            days=3650,
        )

    def _issue(
        self, name: str, key: Key, issuer: Stranger | None, *,
        ca: bool = False, usage: list[Any] | None = None, crl: bool = False, ocsp: bool = False, days: int = 700,
    ) -> Stranger:  # fmt: skip
        subject = x509.Name(
            [x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(next(self.serials))
            .not_valid_before(T0 - 400 * DAY)
            .not_valid_after(T0 + (7000 if ca else days) * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca, content_commitment=not ca, key_encipherment=False,
                    data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
                    encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )  # fmt: skip
        if issuer:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=True)
        if crl:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(CRL_URL)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if ocsp:
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(OCSP_URL)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        signing: Any = issuer.key if issuer else key
        deterministic = True if isinstance(signing, ec.EllipticCurvePrivateKey) else None
        return Stranger(key, builder.sign(signing, hashes.SHA256(), ecdsa_deterministic=deterministic))

    def crl(self, issuer: Stranger, at: datetime = T0, revoked: dict[int, datetime] | None = None) -> bytes:
        """Return the CRL of one authority."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(at)
            .next_update(at + 30 * DAY)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
            )
        )
        for serial, when in (revoked or {}).items():
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
            builder = builder.add_revoked_certificate(one)
        signing: Any = issuer.key
        deterministic = True if isinstance(signing, ec.EllipticCurvePrivateKey) else None
        made = builder.sign(signing, hashes.SHA256(), ecdsa_deterministic=deterministic)
        return made.public_bytes(serialization.Encoding.DER)

    def ocsp(self, who: Stranger, at: datetime = T0, *, good: bool = True) -> bytes:
        """Return the OCSP response about one certificate, signed by the delegated responder."""
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=who.certificate, issuer=self.middle.certificate, algorithm=hashes.SHA1(),  # noqa: S303
                cert_status=ocsp.OCSPCertStatus.GOOD if good else ocsp.OCSPCertStatus.REVOKED,
                this_update=at, next_update=at + 7 * DAY,
                revocation_time=None if good else at - DAY, revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.ocsp_responder.certificate)
            .certificates([self.ocsp_responder.certificate])
        )  # fmt: skip
        made: Any = asn1_ocsp.OCSPResponse.load(
            builder.sign(self.ocsp_responder.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        )
        basic: Any = made["response_bytes"]["response"].parsed
        basic["tbs_response_data"]["produced_at"] = at  # the builder asks the system's clock
        signer: Any = self.ocsp_responder.key
        basic["signature"] = signer.sign(
            basic["tbs_response_data"].dump(), padding.PKCS1v15(), hashes.SHA256()
        )
        made["response_bytes"]["response"] = core.ParsableOctetString(basic.dump(force=True))
        return bytes(made.dump(force=True))

    @cached_property
    def crls(self) -> tuple[bytes, ...]:
        """Both CRLs as of T0."""
        return self.crl(self.root), self.crl(self.middle)

    def context(self, at: datetime = T0, *, by_ocsp: bool = False) -> ValidationContext:
        """Return what pyHanko validates and embeds with."""
        options: dict[str, Any] = {}
        if by_ocsp:
            options["ocsps"] = [asn1_ocsp.OCSPResponse.load(self.ocsp(self.by_ocsp, at))]
            crls = [self.crl(self.root, at)]
        else:
            crls = [self.crl(self.root, at), self.crl(self.middle, at)]
        return ValidationContext(
            trust_roots=[self.root.parsed],
            other_certs=[self.middle.parsed, self.tsa.parsed],
            crls=[asn1_crl.CertificateList.load(one) for one in crls],
            moment=at,
            allow_fetching=False,
            revocation_mode="soft-fail",
            **options,
        )

    def stamper(self, at: datetime = T0, *, lasting: bool = False) -> Stamper:
        """Return the TSA with its clock at `at`, or with `lasting` the one whose certificate lasts ten years."""
        serials = itertools.count(5000)
        tsa = self.lasting_tsa if lasting else self.tsa
        return Stamper(
            self.tsa_signer, tsa.der, [self.root.der], lambda: at, lambda: next(serials), "1.2.3.4"
        )

    def sign(
        self, data: bytes, name: str, who: Stranger | None = None, *,
        stamped: bool = False, when: datetime = T0, prefer_pss: bool = False, **options: Any,
    ) -> bytes:  # fmt: skip
        """Return `data` with one more signature."""
        who = who or self.p256
        spec = options.pop("new_field_spec", None)
        digest = (
            "sha512" if isinstance(who.key, ed25519.Ed25519PrivateKey) else options.pop("digest", "sha256")
        )
        meta = signers.PdfSignatureMetadata(
            field_name=name, md_algorithm=digest, **{"subfilter": SigSeedSubFilter.PADES, **options}
        )
        chain = [self.middle.parsed, self.root.parsed]
        pdf_signer = PdfSigner(
            meta, Signer(who, chain, prefer_pss=prefer_pss),
            timestamper=self.stamper(when) if stamped else None, new_field_spec=spec,
        )  # fmt: skip
        pdf_signer.when = when
        output = io.BytesIO()
        room = 12288 if stamped else 8192  # hex digits
        with still():
            pdf_signer.sign_pdf(StillWriter(data, repeatable(name, 16)), output=output, bytes_reserved=room)
        return output.getvalue()

    def timestamp(self, data: bytes, name: str, at: datetime = T0, *, lasting: bool = False) -> bytes:
        """Return `data` with DSS and a document timestamp."""
        output = io.BytesIO()
        stamper = signers.PdfTimeStamper(self.stamper(at, lasting=lasting), field_name=name)
        writer = StillWriter(data, repeatable(name, 16))
        with still():
            stamper.timestamp_pdf(writer, "sha256", self.context(at), output=output)
        return output.getvalue()
