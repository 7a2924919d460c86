"""The trust bundle: what an outsider must hold to check our letters, signed by its own key; and the outsider's copy."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import crl as asn1_crl
from asn1crypto import pem, x509

from service.archive import durable
from service.clock import CHINA
from service.core import sha256_hex
from service.errors import ConflictError, InputError, NotFoundError, VerificationError
from service.tlog import note
from service.tlog.cosignature import Cosigner
from service.verification import trust as bundles
from service.verification.trust import Anchor, Trust
from service.workflows import authority
from service.workflows.parts import Parts
from service.workflows.report_words import VOUCHERS, china_time, clean
from service.workflows.sources import read_file

_USES = {"sign": "签名", "time": "时间戳", "any": "签名和时间戳"}


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did: the bundle kept now, and the one before it."""

    trust: Trust
    before: Trust | None
    changed: bool


def trust_vkey(parts: Parts) -> str:
    """Return the key that signs trust bundles, in signed-note form."""
    origin = note.Verifier.parse(parts.log.vkey).name
    return note.Verifier.of(f"{origin}/trust", parts.trust_key.public_key).vkey


def bundle(parts: Parts, now: datetime) -> bytes:
    """Return the trust bundle as of `now`."""
    with parts.sessions.begin() as session:
        trust = authority.trust(parts, session, now)
    return bundles.bundle_bytes(trust, trust_vkey(parts), parts.trust_key.sign)


def export(parts: Parts, folder: Path, now: datetime) -> None:
    """Write bundle.json, its key trust.vkey and the anchors as PEM into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").write_bytes(bundle(parts, now))
    (folder / "trust.vkey").write_text(trust_vkey(parts) + "\n")
    with parts.sessions.begin() as session:
        for name, der in authority.root_files(session).items():
            (folder / f"{name}.pem").write_bytes(pem.armor("CERTIFICATE", der))


def kept(path: Path) -> Trust | None:
    """Return the bundle that this user verifies with, None if there is none yet."""
    return Trust.read_bundle(read_file(path)) if path.exists() else None


def update(path: Path, data: bytes, vkey: str | None = None) -> Update:
    """Keep a newer bundle at `path`; raise if it is older than the kept one, or signed by another key.

    With `vkey` it must be signed by that key. Whoever has none yet and names none trusts what comes first: the
    caller asks a person to compare its fingerprint.
    """
    fresh = Trust.read_bundle(data, vkey)
    before = kept(path)
    if before is not None:
        if fresh.vkey != before.vkey:
            raise VerificationError(
                "E-VER-130",
                f"此信任包由另一把信任密钥签发（{fingerprint(fresh)}），与现用的（{fingerprint(before)}）不同，"
                f"没有更新；确知密钥已更换时，请先删除 {path}。",
            )
        if _issued(fresh) < _issued(before):
            raise ConflictError(
                "E-VER-131",
                f"此信任包签发于{china_time(fresh.issued)}，比现用的（{china_time(before.issued)}）旧，没有更新。",
            )
        if data == read_file(path):
            return Update(fresh, before, False)
        if _issued(fresh) == _issued(before):
            raise VerificationError(
                "E-VER-132", "此信任包与现用的签发时间相同而内容不同，没有更新，请向签发单位查问。"
            )
    durable.replace(path, data)
    return Update(fresh, before, True)


def fingerprint(trust: Trust) -> str:
    """Return the trust key as people compare it: its name, and the first half of its key's SHA-256."""
    if trust.vkey is None:
        raise InputError("E-VER-133", "这不是信任包，没有信任密钥。")
    verifier = note.Verifier.parse(trust.vkey)
    digest = sha256_hex(verifier.public_key)[:32]
    return f"{verifier.name} {' '.join(digest[at : at + 4] for at in range(0, 32, 4))}"


def require_kept(path: Path) -> Trust:
    """Return the kept bundle; raise NotFoundError when there is none."""
    found = kept(path)
    if found is None:
        raise NotFoundError("E-VER-134", "本机还没有信任包，请用 liangze trust update 信任包 取得一个。")
    return found


def describe(trust: Trust, now: datetime) -> list[tuple[str, list[str]]]:
    """Return what a bundle says, as headed lists of lines."""
    expired = trust.expires is not None and now > trust.expires
    return [
        ("信任密钥", [fingerprint(trust)]),
        ("环境", ["演示" if trust.environment == "demo" else clean(trust.environment) or "未注明"]),
        *([("自建机构的责任", [clean(trust.acknowledged)])] if trust.acknowledged else []),
        ("签发", [china_time(trust.issued)]),
        ("有效至", [china_time(trust.expires) + ("，已过期，请更新" if expired else "")]),
        ("信任的机构", [_anchor(one) for one in trust.anchors]),
        ("证书名册", [f"{len(trust.certificates)} 张已存证的证书", *_checkpoint(trust)]),
        ("吊销列表", [_crl(one) for one in trust.crls] or ["没有"]),
        ("存证日志", [_key(one) for one in trust.logs] or ["没有"]),
        ("见证方", _witnesses(trust)),
        ("二维码密钥", [clean(one, 100) for one in trust.qr] or ["没有"]),
        ("算法终止日", [_algorithm(one.name, one.until) for one in trust.algorithms] or ["按程序自带的规定"]),
        ("已作废、已替代", [f"作废 {len(trust.void)} 件，被替代 {len(trust.superseded)} 件"]),
    ]


def _issued(trust: Trust) -> datetime:
    if trust.issued is None:
        raise InputError("E-VER-133", "这不是信任包，没有签发时间。")
    return trust.issued


def _anchor(anchor: Anchor) -> str:
    certificate = x509.Certificate.load(anchor.certificate)  # read_bundle has parsed it
    name = _common_name(certificate.subject)
    until = certificate.not_valid_after.astimezone(CHINA).date()
    digest = sha256_hex(anchor.certificate)[:16]
    return f"{name}（用于{_USES[anchor.use]}；{VOUCHERS[anchor.voucher]}；至 {until}；SHA-256 {digest}…）"


def _common_name(name: x509.Name) -> str:
    found = name.native.get("common_name") or name.human_friendly
    return clean(str(found), 100)


def _crl(der: bytes) -> str:
    try:
        listed = asn1_crl.CertificateList.load(der)
        issuer = _common_name(listed.issuer)
        body = listed["tbs_cert_list"]
        until = body["next_update"].native
        count = len(body["revoked_certificates"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return "读不出的吊销列表"
    return f"{issuer}：吊销 {count} 张，下次更新 {china_time(until)}"


def _witnesses(trust: Trust) -> list[str]:
    known = [Cosigner.parse(one) for one in trust.witnesses]
    lines = [f"{clean(one.name, 100)}（{sha256_hex(one.public_key)[:16]}…）" for one in known]
    asked = f"存证回执须有其中 {trust.quorum} 个联署" if trust.quorum else "存证回执有无联署均可"
    return [*lines, asked] if lines else ["没有"]


def _key(vkey: str) -> str:
    verifier = note.Verifier.parse(vkey)
    return f"{clean(verifier.name, 100)}（{sha256_hex(verifier.public_key)[:16]}…）"


def _checkpoint(trust: Trust) -> list[str]:
    lines = (trust.checkpoint or "").split("\n")
    return [f"截至日志 {clean(lines[0], 100)} 第 {clean(lines[1], 20)} 条"] if len(lines) > 2 else []


def _algorithm(name: str, until: datetime | None) -> str:
    return f"{clean(name, 60)}：{china_time(until) if until else '没有终止日'}"
