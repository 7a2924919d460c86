"""Good signatures by the wrong people, under the wrong authority, with the wrong receipt."""

from dataclasses import replace
from typing import Any

from service.core import Event, Role, Sha256Hex
from service.signing import ca
from service.verification.trust import Trust
from tests.vectors.builder.authority import T0, Log, Person, Street
from tests.vectors.builder.vector import INDETERMINATE, INVALID, VALID, Bundles, Family, Vector

RULES = "docs/verification.md, 14 to 16 and 21; ETSI EN 319 102-1, 5.2.6"
LOGS = "docs/verification.md, 7; https://c2sp.org/tlog-proof"
LOG, OTHER_LOG = Log("log.example/lucheng"), Log("log.example/elsewhere")


def families(street: Street) -> tuple[Family, ...]:
    """Return both families."""
    people, other = street.namesakes, Street("other")
    parties = street.parties()
    namesake = (parties[0], replace(parties[1], subject=Sha256Hex("0" * 64)), parties[2])
    reordered = (parties[0], replace(parties[1], order=3), replace(parties[2], order=2))
    wrong = (
        Vector("wrong_person_of_the_same_unit", "同单位的另一人替干部签名",
               lambda: _signed(street, cadre=people["other"]), INVALID, ("PARTY_WRONG",), trust="street_all"),
        Vector("wrong_person_of_the_same_name", "同名不同人：代号不符", lambda: _signed(street, namesake), INVALID,
               ("PARTY_WRONG",)),
        Vector("wrong_unit_of_the_leader", "别的单位的负责人会签", lambda: _signed(street, leader=people["stranger"]),
               INVALID, ("PARTY_WRONG",), trust="street_all"),
        Vector("wrong_role_clerk_seals", "文书用个人证书替机关盖章", lambda: _signed(street, office=people["clerk"]), INVALID,
               ("PARTY_WRONG",), trust="street_all"),
        Vector("wrong_policy_seal_signs_for_a_person", "用印章证书替个人签名", lambda: _signed(street, cadre=people["seal"]),
               INVALID, ("PARTY_WRONG",), trust="street_all"),
        Vector("wrong_self_countersigned", "自己监督自己的承诺", lambda: _signed(street, leader=people["same_hat"]), INVALID,
               ("PARTY_SELF",), trust="street_all"),
        Vector("wrong_order_of_signing", "签署次序与约定不符", lambda: _signed(street, reordered), INVALID,
               ("PARTY_ORDER",)),
        Vector("wrong_authority_everywhere", "整份文书由不认识的机构签发证书", lambda: other.completed, INDETERMINATE,
               ("CHAIN_UNKNOWN",)),
        Vector("wrong_authority_of_the_same_name", "同名机构签发的证书：名字一样，密钥不同",
               lambda: _same_name(street), INDETERMINATE, ("CHAIN_UNKNOWN",)),
        Vector("certificate_not_logged", "机构私自签发、没有存证的证书", lambda: _signed(street, cadre=people["other"]),
               INVALID, ("CERT_NOT_LOGGED", "PARTY_WRONG")),
        Vector("roster_empty", "名册里没有这些证书", lambda: street.completed, INDETERMINATE, ("CERT_NOT_LOGGED",),
               trust="street_without_roster"),
        Vector("anchors_of_the_wrong_use", "时间戳机构的根被当作签名的根", lambda: street.completed, INDETERMINATE,
               trust="street_uses_swapped"),
        Vector("tsa_certificate_signs_a_letter", "用时间戳证书签承诺书", lambda: _by_tsa(street), INVALID,
               trust="street_any_use"),
        Vector("content_json_not_canonical", "内嵌内容不是规范 JSON", lambda: street.sign(
            street.draft(content=b'{ "envelope": {} }'), Role.OFFICE, street.office), INVALID, ("PARTY_CONTENT",)),
        Vector("trust_none", "没有给出任何信任", lambda: street.completed, INDETERMINATE, ("TRUST_NONE",),
               trust="nothing"),
    )  # fmt: skip
    letter, final = street.letter, street.completed
    receipts = (
        Vector("receipt_good", "存证回执成立", lambda: final, VALID, (), "in_force", "street_log",
               receipt=lambda: LOG.receipt(final, letter)),
        Vector("receipt_of_an_earlier_revision", "存证回执证明较早的版本", lambda: final, VALID, ("RECEIPT_PREFIX",),
               "in_force", "street_log", receipt=lambda: LOG.receipt(street.countersigned, letter, Event.COUNTERSIGNED)),
        Vector("receipt_of_another_file", "存证回执是另一个文件的", lambda: final, INVALID, ("RECEIPT_OTHER_FILE",),
               None, "street_log", receipt=lambda: LOG.receipt(final + b" ", letter)),
        Vector("receipt_of_another_letter", "存证回执是另一份文书的", lambda: final, INVALID, ("RECEIPT_OTHER_FILE",),
               None, "street_log", receipt=lambda: LOG.receipt(final, "0" * 32)),
        Vector("receipt_of_another_log", "存证回执出自别的日志", lambda: final, INVALID, ("RECEIPT_INVALID",), None,
               "street_log", receipt=lambda: OTHER_LOG.receipt(final, letter)),
        Vector("receipt_of_an_unknown_log", "没有给出日志的公钥", lambda: final, INDETERMINATE, ("RECEIPT_LOG_UNKNOWN",),
               receipt=lambda: LOG.receipt(final, letter)),
        Vector("receipt_cut_short", "存证回执残缺", lambda: final, INVALID, (), None, "street_log",
               receipt=lambda: LOG.receipt(final, letter)[:-40]),
        Vector("receipt_of_a_void_entry", "存证回执说已作废", lambda: final, VALID, ("LETTER_VOID",), "void", "street_log",
               receipt=lambda: LOG.receipt(final, letter, Event.VOID)),
    )  # fmt: skip
    return (
        Family("wrong_people", "签署人、机构与证书", RULES, wrong),
        Family("receipts", "存证回执", LOGS, receipts),
    )


def bundles(street: Street) -> Bundles:
    """Return the bundles of both families."""
    anchors, roster = street.trust().anchors, street.trust().certificates
    swapped = (replace(anchors[0], use="time"), replace(anchors[1], use="sign"))
    return {
        "street_all": lambda: street.trust(
            certificates=roster | street.sha256_of(*street.namesakes.values())
        ),
        "street_log": lambda: street.trust(logs=(LOG.vkey,)),
        "street_without_roster": lambda: street.trust(certificates=frozenset()),
        "street_uses_swapped": lambda: street.trust(anchors=swapped),
        "street_any_use": lambda: street.trust(anchors=tuple(replace(one, use="any") for one in anchors)),
        "nothing": lambda: Trust(),
    }


def _signed(street: Street, parties: Any = None, **people: Person) -> bytes:
    head = street.draft(parties)
    for role in Role:
        head = street.sign(head, role, people.get(role.value, getattr(street, role.value)))
    return bytes(head)


def _same_name(street: Street) -> bytes:
    """A CA with the street's own name and another key."""
    twin = Street("street")
    twin.issuing_key = Street("twin").issuing_key
    twin.issuing = ca.self_signed(
        twin.issuing_key, ca.Subject("签发机构 lab", street.unit), now=T0, years=30, serial=1, use="sign"
    )
    for name, unit, use in (
        ("office", street.committee, "seal"), ("cadre", street.unit, "person"), ("leader", street.committee, "person")
    ):  # fmt: skip
        setattr(twin, name, twin.person(getattr(street, name).name, unit, use))  # type: ignore[arg-type]
    twin.time_key, twin.time_ca = street.time_key, street.time_ca
    twin.tsa_key, twin.tsa = street.tsa_key, street.tsa
    head = twin.draft()
    for role in Role:
        head = twin.sign(head, role, getattr(twin, role.value))
    return head


def _by_tsa(street: Street) -> bytes:
    person = Person("时间戳", street.tsa_key, street.tsa, "")
    return street.sign_with(street.draft(), Role.OFFICE, person, chain=[street.time_ca])
