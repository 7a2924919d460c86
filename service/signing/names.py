"""Distinguished names of our certificates: order, string types and upper bounds (RFC 5280 A, X.520)."""

import unicodedata
from collections.abc import Sequence

from asn1crypto import x509

from service.errors import InputError

DEMO_UNIT = "演示 DEMO"
"""The organizational unit (OU) that every demo certificate carries, its issuer included."""

LIMITS = {
    "country_name": 2,
    "organization_name": 64,
    "organizational_unit_name": 64,
    "title": 64,
    "common_name": 64,
    "serial_number": 64,
}
"""Upper bounds in characters."""
_PRINTABLE = {"country_name", "serial_number"}
_LABELS = {
    "organization_name": "单位名称",
    "title": "职务",
    "common_name": "姓名或印章名称",
    "serial_number": "持有人代号",
}
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def build(parts: Sequence[tuple[str, str]]) -> x509.Name:
    """Return the name with these attributes in this order; raise InputError for one that may not stand."""
    for kind, text in parts:
        _require(kind, text)
    rdns = [x509.RelativeDistinguishedName([_attribute(kind, text)]) for kind, text in parts]
    return x509.Name(name="", value=x509.RDNSequence(rdns))


def is_demo(certificate: x509.Certificate) -> bool:
    """Tell whether subject or issuer says that it is a demonstration."""
    values = (
        attribute["value"].native
        for name in (certificate.subject, certificate.issuer)
        for rdn in name.chosen
        for attribute in rdn
    )
    return any(isinstance(value, str) and DEMO_UNIT in value for value in values)


def _attribute(kind: str, text: str) -> x509.NameTypeAndValue:
    string = "printable_string" if kind in _PRINTABLE else "utf8_string"
    return x509.NameTypeAndValue({"type": kind, "value": x509.DirectoryString(name=string, value=text)})


def _require(kind: str, text: str) -> None:
    label = _LABELS.get(kind, kind)
    if not text or text != text.strip():
        raise InputError("E-PKI-001", f"证书中的{label}不能为空，前后也不能有空格。")
    if len(text) > LIMITS[kind]:
        raise InputError(
            "E-PKI-002", f"证书中的{label}最多 {LIMITS[kind]} 个字，现有 {len(text)} 个：请用规范简称。"
        )
    unseen = any(unicodedata.category(char) in _UNSEEN or (char.isspace() and char != " ") for char in text)
    if unseen or (kind in _PRINTABLE and not (text.isascii() and text.isalnum())):
        raise InputError("E-PKI-003", f"证书中的{label}含有不能使用的字符：请检查后重新录入。")
