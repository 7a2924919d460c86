"""Certificates and CRLs of the closed CA: what OpenSSL and pyHanko accept, and what is refused before."""

import asyncio
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from asn1crypto import core, pem
from asn1crypto import crl as crls
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, RevokedError

from service.core import Entropy, subject_of
from service.errors import CorruptError, ForbiddenError, InputError, UsageError
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.signing import ca
from service.signing.ca import Reason, Revocation, Subject
from service.verification import policy

NOW = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
END = datetime(2029, 11, 24, tzinfo=UTC)
UNIT = "鹿城区五马街道食品安全委员会"
PERSON = Subject("张三", UNIT, "五马街道党工委委员", subject_of(b"salt", "cadre"))


def _entropy() -> Entropy:
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size)


def _signer(entropy: Entropy, algorithm: Algorithm = Algorithm.ECDSA_P256_SHA256) -> LocalSigner:
    return LocalSigner(private.generate(algorithm, entropy))


@dataclass(frozen=True)
class Pki:
    """One issuing CA, one TSA CA and a person's certificate."""

    ca_signer: LocalSigner
    ca: bytes
    tsa_ca_signer: LocalSigner
    tsa_ca: bytes
    holder: LocalSigner
    person: bytes


@pytest.fixture(scope="module")
def pki() -> Pki:
    return _pki()


def _pki() -> Pki:
    entropy = _entropy()
    ca_signer, tsa_ca_signer, holder = (_signer(entropy) for _ in range(3))
    root = Subject("两责签发机构", "鹿城区食药安办")
    issuing = ca.self_signed(ca_signer, root, now=NOW, years=20, serial=ca.new_serial(entropy), use="sign")
    timing = ca.self_signed(tsa_ca_signer, root, now=NOW, years=20, serial=ca.new_serial(entropy), use="time")
    person = ca.issue(
        issuing,
        ca_signer,
        holder.public_key,
        PERSON,
        use="person",
        now=NOW,
        not_after=END,
        serial=ca.new_serial(entropy),
    )
    return Pki(ca_signer, issuing, tsa_ca_signer, timing, holder, person)


def _issue(pki: Pki, subject: Subject = PERSON, **changes: object) -> bytes:
    options: dict[str, object] = {"use": "person", "now": NOW, "not_after": END, "serial": 7} | changes
    public_key = options.pop("public_key", pki.holder.public_key)
    return ca.issue(pki.ca, pki.ca_signer, public_key, subject, **options)  # type: ignore[arg-type]


def _crl(pki: Pki, *revoked: Revocation, number: int = 1) -> bytes:
    return ca.crl(
        pki.ca,
        pki.ca_signer,
        number=number,
        revoked=revoked,
        this_update=NOW + timedelta(days=1),
        next_update=NOW + timedelta(days=31),
    )


def _files(folder: Path, **ders: bytes) -> None:
    for name, der in ders.items():
        label = "X509 CRL" if name == "crl" else "CERTIFICATE"
        (folder / f"{name}.pem").write_bytes(pem.armor(label, der))


def _openssl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=20
    )


def _openssl_ok(folder: Path, *arguments: str) -> str:
    done = _openssl(folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


AT = str(int((NOW + timedelta(days=2)).timestamp()))


def test_openssl_verifies_a_persons_certificate_strictly(pki: Pki, tmp_path: Path) -> None:
    _files(tmp_path, ca=pki.ca, person=pki.person)
    strict = ("verify", "-x509_strict", "-attime", AT, "-CAfile", "ca.pem")
    _openssl_ok(tmp_path, *strict, "person.pem")
    _openssl_ok(
        tmp_path, *strict, "-policy_check", "-explicit_policy", "-policy", ca.POLICY_PERSON, "person.pem"
    )
    wrong = _openssl(
        tmp_path, *strict, "-policy_check", "-explicit_policy", "-policy", ca.POLICY_SEAL, "person.pem"
    )
    assert wrong.returncode != 0


def test_openssl_shows_the_names_and_usages(pki: Pki, tmp_path: Path) -> None:
    _files(tmp_path, person=pki.person)
    text = _openssl_ok(
        tmp_path, "x509", "-in", "person.pem", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus"
    )
    assert (
        f"Subject: C=CN,O={UNIT},title=五马街道党工委委员,CN=张三,serialNumber={PERSON.serial_number}" in text
    )
    assert "Digital Signature, Non Repudiation" in text
    assert "1.3.6.1.5.5.7.3.36" in text
    assert f"Policy: {ca.POLICY_PERSON}" in text
    assert "CA:FALSE" in text


def test_a_tsa_certificate_serves_timestamping_only(pki: Pki, tmp_path: Path) -> None:
    tsa = ca.issue(
        pki.tsa_ca,
        pki.tsa_ca_signer,
        pki.holder.public_key,
        Subject("时间戳服务", UNIT),
        use="tsa",
        now=NOW,
        not_after=END,
        serial=9,
    )
    _files(tmp_path, ca=pki.tsa_ca, tsa=tsa)
    _openssl_ok(
        tmp_path, "verify", "-purpose", "timestampsign", "-attime", AT, "-CAfile", "ca.pem", "tsa.pem"
    )
    other = _openssl(
        tmp_path, "verify", "-purpose", "smimesign", "-attime", AT, "-CAfile", "ca.pem", "tsa.pem"
    )
    assert other.returncode != 0
    usage = x509.load_der_x509_certificate(tsa).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert [item.dotted_string for item in usage.value] == [policy.TIME_STAMPING]


def test_the_strict_parser_reads_every_extension(pki: Pki) -> None:
    certificate, issuer = (x509.load_der_x509_certificate(der) for der in (pki.person, pki.ca))
    certificate.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(issuer)
    found = {item.oid._name: item.critical for item in certificate.extensions}
    assert found == {
        "basicConstraints": True,
        "keyUsage": True,
        "extendedKeyUsage": False,
        "certificatePolicies": False,
        "subjectKeyIdentifier": False,
        "authorityKeyIdentifier": False,
    }
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == own.digest
    limits = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    assert certificate.serial_number.bit_length() <= 128


def test_every_der_value_is_strict(pki: Pki) -> None:
    for der in (pki.ca, pki.person):
        assert asn1.Certificate.load(der, strict=True).dump(force=True) == der
    der = _crl(pki, Revocation(5, NOW, Reason.SUPERSEDED))
    assert crls.CertificateList.load(der, strict=True).dump(force=True) == der


def test_the_same_inputs_give_the_same_bytes(pki: Pki) -> None:
    assert _pki().person == pki.person
    assert _pki().ca == pki.ca


def test_pyhanko_validates_the_path_with_its_crl(pki: Pki) -> None:
    _validate(pki, _crl(pki))


def test_pyhanko_refuses_a_revoked_certificate(pki: Pki) -> None:
    serial = asn1.Certificate.load(pki.person).serial_number
    with pytest.raises(RevokedError):
        _validate(pki, _crl(pki, Revocation(serial, NOW, Reason.AFFILIATION_CHANGED)))


def test_pyhanko_refuses_a_certificate_of_another_ca(pki: Pki) -> None:
    with pytest.raises(PathBuildingError):
        _validate(
            replace(
                pki,
                ca=ca.self_signed(
                    _signer(lambda size: b"\7" * size),
                    Subject("两责签发机构", "鹿城区食药安办"),
                    now=NOW,
                    years=20,
                    serial=1,
                    use="sign",
                ),
            ),
            None,
        )


def _validate(pki: Pki, crl: bytes | None) -> None:
    context = ValidationContext(
        trust_roots=[asn1.Certificate.load(pki.ca)],
        crls=[crls.CertificateList.load(crl)] if crl else [],
        allow_fetching=False,
        moment=NOW + timedelta(days=2),
        revocation_mode="require" if crl else "soft-fail",
    )
    validator = CertificateValidator(asn1.Certificate.load(pki.person), validation_context=context)
    usages = validator.async_validate_usage(  # type: ignore[no-untyped-call]
        {"non_repudiation"}, {policy.DOCUMENT_SIGNING}
    )
    asyncio.run(usages)


def test_openssl_accepts_the_crl_and_finds_the_revoked(pki: Pki, tmp_path: Path) -> None:
    serial = asn1.Certificate.load(pki.person).serial_number
    other = Revocation(5, NOW, Reason.KEY_COMPROMISE, NOW - timedelta(days=3))
    check = (
        "verify",
        "-crl_check",
        "-x509_strict",
        "-attime",
        AT,
        "-CAfile",
        "ca.pem",
        "-CRLfile",
        "crl.pem",
    )
    _files(tmp_path, ca=pki.ca, person=pki.person, crl=_crl(pki, other))
    shown = _openssl(tmp_path, "crl", "-in", "crl.pem", "-CAfile", "ca.pem", "-noout", "-text")
    assert "verify OK" in shown.stderr
    for part in (
        "Version 2",
        "X509v3 CRL Number",
        "Key Compromise",
        "Invalidity Date",
        "Authority Key Identifier",
    ):
        assert part in shown.stdout, part
    _openssl_ok(tmp_path, *check, "person.pem")
    _files(tmp_path, crl=_crl(pki, other, Revocation(serial, NOW, Reason.AFFILIATION_CHANGED), number=2))
    assert "certificate revoked" in _openssl(tmp_path, *check, "person.pem").stderr


def test_an_empty_crl_has_no_list_and_an_unspecified_reason_is_not_written(pki: Pki) -> None:
    empty = crls.CertificateList.load(_crl(pki))["tbs_cert_list"]["revoked_certificates"]
    assert isinstance(empty, core.Void)
    entry = crls.CertificateList.load(_crl(pki, Revocation(5, NOW, Reason.UNSPECIFIED)))
    extensions = entry["tbs_cert_list"]["revoked_certificates"][0]["crl_entry_extensions"]
    assert isinstance(extensions, core.Void)


def test_the_order_of_revocations_does_not_matter(pki: Pki) -> None:
    first, second = Revocation(5, NOW, Reason.SUPERSEDED), Revocation(3, NOW, Reason.SUPERSEDED)
    assert _crl(pki, first, second) == _crl(pki, second, first)


@pytest.mark.parametrize(
    "revoked",
    [
        [Revocation(5, NOW, Reason.SUPERSEDED), Revocation(5, NOW, Reason.KEY_COMPROMISE)],
        [Revocation(5, NOW + timedelta(days=2), Reason.SUPERSEDED)],
        [Revocation(0, NOW, Reason.SUPERSEDED)],
    ],
)
def test_a_crl_that_contradicts_itself_is_refused(pki: Pki, revoked: list[Revocation]) -> None:
    with pytest.raises(InputError):
        _crl(pki, *revoked)


def test_a_crl_must_end_after_it_begins(pki: Pki) -> None:
    with pytest.raises(InputError, match="下次更新"):
        ca.crl(pki.ca, pki.ca_signer, number=1, revoked=[], this_update=NOW, next_update=NOW)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"common_name": ""}, "E-PKI-001"),
        ({"common_name": " 张三"}, "E-PKI-001"),
        ({"organization": ""}, "E-PKI-001"),
        ({"title": ""}, "E-PKI-001"),
        ({"common_name": "张" * 65}, "E-PKI-002"),
        ({"organization": "委" * 65}, "E-PKI-002"),
        ({"title": "员" * 65}, "E-PKI-002"),
        ({"common_name": "张\0三"}, "E-PKI-003"),
        ({"common_name": "张\n三"}, "E-PKI-003"),
        ({"common_name": "张\u202e三"}, "E-PKI-003"),
        ({"common_name": "张\u3000三"}, "E-PKI-003"),
        ({"common_name": "张\udc80三"}, "E-PKI-003"),
        ({"serial_number": None}, "E-PKI-005"),
        ({"serial_number": "AB" * 32}, "E-PKI-005"),
        ({"serial_number": "330302199001011234"}, "E-PKI-005"),
    ],
)
def test_a_name_that_may_not_stand_is_refused(pki: Pki, change: dict[str, str | None], code: str) -> None:
    with pytest.raises(InputError) as caught:
        _issue(pki, replace(PERSON, **change))  # type: ignore[arg-type]
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["张" * 64, "买买提·艾合买提", "𫠊𬭎", "O'Neill, Jr."])
def test_long_rare_and_foreign_names_stand(pki: Pki, name: str) -> None:
    assert ca.common_name(_issue(pki, replace(PERSON, common_name=name))) == name


@pytest.mark.parametrize(
    "dates",
    [
        {"now": NOW - timedelta(seconds=1)},
        {"not_after": datetime(2046, 11, 24, 1, 2, 4, tzinfo=UTC)},
        {"not_after": NOW},
    ],
)
def test_a_leaf_lives_inside_the_life_of_its_ca(pki: Pki, dates: dict[str, datetime]) -> None:
    with pytest.raises(InputError) as caught:
        _issue(pki, PERSON, **dates)
    assert caught.value.code == "E-PKI-007"


def test_dates_from_2050_on_are_written_as_generalized_time(pki: Pki) -> None:
    der = ca.self_signed(pki.ca_signer, Subject("远期", UNIT), now=NOW, years=30, serial=1, use="sign")
    assert x509.load_der_x509_certificate(der).not_valid_after_utc == NOW.replace(year=2056)
    assert b"20561124010203Z" in der


def test_a_leap_day_ends_on_the_28th(pki: Pki) -> None:
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    der = ca.self_signed(pki.ca_signer, Subject("闰日", UNIT), now=leap, years=1, serial=1, use="sign")
    assert x509.load_der_x509_certificate(der).not_valid_after_utc == datetime(2029, 2, 28, tzinfo=UTC)


@pytest.mark.parametrize("serial", [0, -1, 1 << 159])
def test_a_serial_number_out_of_bounds_is_refused(pki: Pki, serial: int) -> None:
    with pytest.raises(InputError):
        _issue(pki, serial=serial)


def test_each_ca_issues_for_its_own_use_only(pki: Pki) -> None:
    with pytest.raises(ForbiddenError, match="不能签发这类证书"):
        _issue(pki, Subject("时间戳", UNIT), use="tsa")
    with pytest.raises(ForbiddenError):
        ca.issue(
            pki.tsa_ca,
            pki.tsa_ca_signer,
            pki.holder.public_key,
            PERSON,
            use="person",
            now=NOW,
            not_after=END,
            serial=1,
        )


def test_a_leaf_issues_nothing(pki: Pki) -> None:
    with pytest.raises(ForbiddenError):
        ca.issue(
            pki.person,
            pki.holder,
            pki.ca_signer.public_key,
            PERSON,
            use="person",
            now=NOW,
            not_after=END,
            serial=1,
        )


def test_key_and_certificate_of_the_ca_must_belong_together(pki: Pki) -> None:
    with pytest.raises(ForbiddenError, match="不是一对"):
        _crl(replace(pki, ca_signer=pki.tsa_ca_signer))


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_a_weak_broken_or_own_key_gets_no_certificate(pki: Pki) -> None:
    off_curve = bytearray(pki.holder.public_key)
    off_curve[-1] ^= 1
    for public_key in (
        b"",
        bytes(off_curve),
        _spki(ec.generate_private_key(ec.SECP384R1()).public_key()),
        _signer(_entropy(), Algorithm.ED25519).public_key,
        pki.ca_signer.public_key,
    ):
        with pytest.raises(InputError):
            _issue(pki, public_key=public_key)


def test_an_rsa_ca_issues_as_well(pki: Pki) -> None:
    signer = _signer(_entropy(), Algorithm.RSA_SHA256)
    root = ca.self_signed(signer, Subject("RSA", UNIT), now=NOW, years=10, serial=1, use="sign")
    leaf = ca.issue(
        root, signer, pki.holder.public_key, PERSON, use="person", now=NOW, not_after=END, serial=2
    )
    x509.load_der_x509_certificate(leaf).verify_directly_issued_by(x509.load_der_x509_certificate(root))


def test_an_ed25519_key_is_no_ca(pki: Pki) -> None:
    with pytest.raises(UsageError):
        ca.self_signed(
            _signer(_entropy(), Algorithm.ED25519),
            Subject("日志", UNIT),
            now=NOW,
            years=1,
            serial=1,
            use="sign",
        )


def test_what_is_no_certificate_is_refused(pki: Pki) -> None:
    for data in (b"", b"nonsense", pki.ca[:-1], pki.ca + b"\0", pem.armor("CERTIFICATE", pki.ca)):
        with pytest.raises(InputError) as caught:
            _issue(replace(pki, ca=data))
        assert caught.value.code == "E-PKI-014"


def test_a_naive_time_is_refused(pki: Pki) -> None:
    with pytest.raises(UsageError):
        ca.self_signed(
            pki.ca_signer,
            Subject("无时区", UNIT),
            now=NOW.replace(tzinfo=None),
            years=1,
            serial=1,
            use="sign",
        )


class _FailingToken:
    """A device that signs, but not what it was given."""

    def __init__(self, signer: LocalSigner) -> None:
        self.algorithm = signer.algorithm
        self.public_key = signer.public_key
        self._signer = signer

    def sign(self, data: bytes) -> bytes:
        return self._signer.sign(data + b"!")


def test_a_wrong_signature_of_a_token_never_leaves(pki: Pki) -> None:
    with pytest.raises(CorruptError, match="签名不成立"):
        ca.self_signed(
            _FailingToken(pki.ca_signer), Subject("坏", UNIT), now=NOW, years=1, serial=1, use="sign"
        )


def test_the_policies_are_those_the_verifier_knows() -> None:
    assert {ca.POLICY_PERSON, ca.POLICY_SEAL, ca.POLICY_TSA} == policy.OWN_POLICIES
    assert len(policy.OWN_POLICIES) == 3
