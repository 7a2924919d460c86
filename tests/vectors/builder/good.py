"""Our own letters as they should be: every level, every step, every age, and what the bundle knows of them."""

import io
from datetime import datetime
from functools import cache
from typing import Any

from asn1crypto import crl, x509
from pyhanko.sign.validation.dss import DocumentSecurityStore

from service.core import Role
from service.signing import ca, revision
from service.verification.trust import Anchor, Trust
from tests.vectors.builder import letterhead, surgery
from tests.vectors.builder.authority import DAY, T0, Street
from tests.vectors.builder.vector import INDETERMINATE, INVALID, VALID, Bundles, Family, Vector

LEVELS = "ETSI EN 319 142-1; docs/verification.md, 18 and 22"
LIVES = "ETSI EN 319 102-1, 5.2.6 and 5.5; docs/verification.md, 11 to 17"
NINE, FIFTEEN = T0 + 9 * 365 * DAY, T0 + 15 * 365 * DAY


@cache
def lasting() -> Street:
    """Return a street whose TSA certificate lasts ten years."""
    return Street("ten", years=10)


@cache
def renewed() -> bytes:
    """Return the letter of `lasting` renewed after nine years, under a new TSA certificate."""
    street = lasting()
    final = street.completed
    street.renew_tsa(years=20)
    return street.complete(final, NINE, crls=street.crls(NINE)[1:])


def families(street: Street) -> tuple[Family, ...]:
    """Return both families."""
    steps, final = street.steps, street.completed
    good = (
        Vector("letter_completed", "办结的承诺书，三方 B-LTA", lambda: final, VALID, (), "in_force"),
        Vector("letter_issued", "只有发文机关签章，B-T", lambda: steps[1], VALID, ("PARTY_MISSING",), "incomplete"),
        Vector("letter_signed", "干部已签，未会签", lambda: steps[2], VALID, ("PARTY_MISSING",), "incomplete"),
        Vector("letter_countersigned", "三方已签，未办结", lambda: steps[3], VALID, ("LETTER_NOT_COMPLETED",), "incomplete"),
        Vector("letter_level_b", "没有时间戳的签章，B-B", lambda: street.sign_without_timestamp(
            street.draft(), Role.OFFICE, street.office), VALID, ("TIME_NOT_PROVEN",), "incomplete"),
        Vector("letter_level_lt", "三方已签并加了验证数据，B-LT", lambda: _extended(street, steps[3]), VALID,
               ("LETTER_NOT_COMPLETED",), "incomplete"),
        Vector("letter_completed_then_dss", "办结后又加一次只含验证数据的更新", lambda: _extended(street, final), VALID, (),
               "in_force"),
        Vector("letter_with_an_rsa_leader", "负责人用 RSA 证书会签", lambda: _by_rsa(street), VALID, (), "in_force",
               trust="street_rsa"),
        Vector("letter_in_upper_case_hex", "签名的十六进制全用大写", lambda: _upper(final), VALID, (), "in_force"),
        Vector("letter_real_template", "用正式模板制发、三方签署并办结的承诺书", lambda: _real(street), VALID, (), "in_force"),
        Vector("letter_renewed_after_nine_years", "第九年续期，第十五年验证", renewed, VALID, (), "in_force",
               trust="ten_after_fifteen_years", now=FIFTEEN),
        Vector("letter_unsigned", "未签署的承诺书：未签不等于伪造", lambda: steps[0], INDETERMINATE, ("SIG_LOST",)),
    )  # fmt: skip
    later = T0 + 20 * DAY
    lives = (
        Vector("letter_five_years_later", "五年后用新的信任包验证：干部证书早已过期", lambda: final, VALID, (), "in_force",
               "street_after_five_years", T0 + 5 * 365 * DAY),
        Vector("letter_not_renewed_after_fifteen_years", "十五年未续期：时间戳证书已过期", lambda: lasting().completed,
               INDETERMINATE, (), None, "ten_after_fifteen_years", FIFTEEN),
        Vector("letter_void", "签名都好，但文书已作废", lambda: final, VALID, ("LETTER_VOID",), "void", "street_void"),
        Vector("letter_superseded", "签名都好，但已被新的文书替代", lambda: final, VALID, ("LETTER_SUPERSEDED",),
               "superseded", "street_superseded"),
        Vector("letter_under_a_stale_bundle", "信任包已过有效期", lambda: final, VALID, ("TRUST_STALE",), "in_force",
               "street_old", T0 + 40 * DAY),
        Vector("letter_of_a_demo_authority", "演示机构的证书", lambda: final, VALID, ("VOUCHER_DEMO",), "in_force",
               "street_demo"),
        Vector("revoked_before_signing", "签署之前干部证书已被吊销", lambda: steps[3], INVALID, ("CERT_REVOKED",), None,
               "street_revoked_before"),
        Vector("revoked_after_signing", "签署之后干部证书才被吊销", lambda: final, VALID, ("CERT_REVOKED_LATER",),
               "in_force", "street_revoked_later", later + DAY),
        Vector("revoked_key_lost_before_signing", "事后吊销，但密钥在签署之前已失窃", lambda: final, INVALID,
               ("CERT_REVOKED",), None, "street_key_lost", later + DAY),
        Vector("revoked_certificate_held", "签署时证书暂停使用", lambda: steps[3], INVALID, ("CERT_REVOKED",), None,
               "street_held"),
        Vector("revoked_hold_lifted", "曾暂停使用，签署时已恢复", lambda: steps[3], VALID, (), None,
               "street_hold_lifted"),
        Vector("revoked_signed_during_a_hold_lifted_later", "在证书暂停使用期间签署，后来才恢复", lambda: steps[3],
               INDETERMINATE, ("CERT_HELD",), None, "street_hold_lifted_later"),
        Vector("revoked_no_proof_of_time", "没有时间戳，证书后来被吊销", lambda: street.sign_without_timestamp(
            street.draft(), Role.OFFICE, street.office), INDETERMINATE, ("CERT_REVOKED_NO_PROOF",), None,
            "street_office_revoked", later + DAY),
        Vector("expired_no_proof_of_time", "没有时间戳，证书已过期", lambda: street.sign_without_timestamp(
            street.draft(), Role.OFFICE, street.office), INDETERMINATE, ("CERT_EXPIRED",), None,
            "street_long_lists", T0 + 4 * 365 * DAY),
        Vector("expired_before_signing", "签署时证书已经过期", lambda: _by_an_expired(street), INDETERMINATE,
               ("CERT_EXPIRED",), None, "street_short", T0 + 41 * DAY),
        Vector("revocation_unknown", "没有吊销信息，也没有验证数据", lambda: steps[3], INDETERMINATE,
               ("REVOCATION_UNKNOWN",), None, "street_without_crls"),
        Vector("revocation_list_of_the_same_name", "吊销列表出自同名的另一机构", lambda: steps[3], INDETERMINATE,
               ("REVOCATION_UNKNOWN",), None, "street_foreign_crls"),
        Vector("revocation_list_in_the_file_forged", "文件里的吊销列表签名不成立：不作数", lambda: _forged_lists(street),
               INDETERMINATE, ("REVOCATION_UNKNOWN",), None, "street_without_crls"),
    )  # fmt: skip
    return (
        Family("letters_good", "本系统的好文书", LEVELS, good),
        Family("letters_in_time", "本系统文书的一生：作废、吊销、过期、续期", LIVES, lives),
    )


def bundles(street: Street) -> Bundles:
    """Return the bundles of both families."""
    cadre, office = street.serial_of(street.cadre), street.serial_of(street.office)
    later, five = T0 + 20 * DAY, T0 + 5 * 365 * DAY

    def revoked(
        serial: int, when: datetime, reason: ca.Reason, at: datetime, since: datetime | None = None
    ) -> Trust:
        return street.trust(at, crls=street.crls(at, [ca.Revocation(serial, when, reason, since)]))

    roster = street.trust().certificates
    demo = (Anchor(street.issuing, "demo", "sign"), Anchor(street.time_ca, "demo", "time"))
    return {
        "street": street.trust,
        "street_rsa": lambda: street.trust(certificates=roster | street.sha256_of(street.by_rsa)),
        "street_short": lambda: street.trust(T0 + 40 * DAY, certificates=roster | street.sha256_of(street.short_lived)),
        "street_void": lambda: street.trust(void=frozenset({street.letter})),
        "street_superseded": lambda: street.trust(superseded=frozenset({street.letter})),
        "street_old": lambda: street.trust(crls=street.crls(days=60)),
        "street_demo": lambda: street.trust(anchors=demo),
        "street_after_five_years": lambda: street.trust(five, crls=street.crls(five)),
        "street_long_lists": lambda: street.trust(crls=street.crls(days=5000)),
        "street_hold_lifted_later": lambda: street.trust(crls=_held(street, T0 - 2 * DAY) + street.crls(T0 + DAY / 2)),
        "street_without_crls": lambda: street.trust(crls=()),
        "street_foreign_crls": lambda: street.trust(crls=_twin().crls()),
        "street_revoked_before": lambda: revoked(cadre, T0 - DAY, ca.Reason.SUPERSEDED, T0),
        "street_held": lambda: revoked(cadre, T0 - DAY, ca.Reason.CERTIFICATE_HOLD, T0),
        "street_hold_lifted": lambda: street.trust(crls=(
            *street.crls(T0 - 3 * DAY, [ca.Revocation(cadre, T0 - 4 * DAY, ca.Reason.CERTIFICATE_HOLD, None)]),
            *street.crls(),
        )),
        "street_revoked_later": lambda: revoked(cadre, T0 + 10 * DAY, ca.Reason.SUPERSEDED, later),
        "street_key_lost": lambda: revoked(cadre, T0 + 10 * DAY, ca.Reason.KEY_COMPROMISE, later, T0 - 3 * DAY),
        "street_office_revoked": lambda: revoked(office, T0 + 10 * DAY, ca.Reason.SUPERSEDED, later),
        "ten_after_fifteen_years": lambda: (renewed(), lasting().trust(FIFTEEN))[1],
    }  # fmt: skip


@cache
def _twin() -> Street:
    """Return a street whose authorities have the names of ours, and other keys."""
    twin = Street("lab twin")
    for name in ("issuing", "time_ca"):
        key = twin.issuing_key if name == "issuing" else twin.time_key
        use: ca.CaUse = "sign" if name == "issuing" else "time"
        title = ("签发机构 lab" if name == "issuing" else "时间戳机构 lab", twin.unit)
        setattr(twin, name, ca.self_signed(key, ca.Subject(*title), now=T0, years=30, serial=1, use=use))
    return twin


def _extended(street: Street, head: bytes, *, forged: bool = False) -> bytes:
    """Return `head` with a last revision that adds nothing but validation data."""
    lists = list(street.crls())
    if forged:
        lists = [one[:-1] + bytes([one[-1] ^ 1]) for one in lists]
    writer: Any = revision.open_head(head, b"extend")
    certificates = [x509.Certificate.load(one) for one in (street.issuing, street.time_ca, street.tsa)]
    DocumentSecurityStore.supply_dss_in_writer(
        writer, None, certs=certificates, crls=[crl.CertificateList.load(one) for one in lists]
    )
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def _forged_lists(street: Street) -> bytes:
    return _extended(street, street.countersigned, forged=True)


def _by_rsa(street: Street) -> bytes:
    return street.complete(street.sign(street.steps[2], Role.LEADER, street.by_rsa))


def _upper(data: bytes) -> bytes:
    start, end = surgery.last_hole(data)
    return data[:start] + data[start:end].upper() + data[end:]


def _by_an_expired(street: Street) -> bytes:
    return street.sign(street.draft(), Role.OFFICE, street.short_lived, T0 + 30 * DAY)


def _real(street: Street) -> bytes:
    head = letterhead.REAL.read_bytes()
    for role in Role:
        head = street.sign(head, role, getattr(street, role.value))
    return street.complete(head)


def _held(street: Street, at: datetime) -> tuple[bytes, bytes]:
    """Lists of `at` on which the cadre's certificate is on hold."""
    return street.crls(at, [ca.Revocation(street.serial_of(street.cadre), at, ca.Reason.CERTIFICATE_HOLD)])
