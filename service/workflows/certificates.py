"""The life of a certificate after it was issued: renewed, suspended and resumed, revoked with reason and date."""

from datetime import date, datetime, time, timedelta

from cryptography import x509
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.clock import CHINA, china_day
from service.db.pki import CertificateAct
from service.db.tables import Cadre, Certificate, Key, Seal
from service.errors import ConflictError, NotFoundError
from service.keys import places
from service.registry.dated import as_of
from service.signing import ca, profile
from service.workflows import authority, enrolment
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts

REASONS = {
    "密钥泄露": ca.Reason.KEY_COMPROMISE,
    "人员变动": ca.Reason.AFFILIATION_CHANGED,
    "更换证书": ca.Reason.SUPERSEDED,
    "停止使用": ca.Reason.CESSATION_OF_OPERATION,
    "撤销授权": ca.Reason.PRIVILEGE_WITHDRAWN,
}
"""What people choose from, and how RFC 5280 calls it."""
RENEW_BEFORE = timedelta(days=60)
_LEFT = "离任"
_STATES = {"valid": "有效", "suspended": "已暂停", "revoked": "已吊销"}
_ISSUERS = {False: "本单位自建系统签发", True: "持牌机构签发"}
_DUTY = Ground("liangze", "有效期将满，自动续期")


def revoke(
    parts: Parts, owner: str, reason: ca.Reason, ground: Ground, *, since: datetime | None = None
) -> list[str]:
    """Revoke what a person or seal holds and return the digests; `since` is when the reason arose, if earlier.

    For a lost key that is when it was lost: from then on its signatures count no more.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        rows = _held(session, owner, now)
        for row in rows:
            mark_revoked(session, row, reason, now, ground, since=since)
        authority.current_crls(parts, session, now)
        return [row.sha256 for row in rows]


def suspend(parts: Parts, owner: str, ground: Ground) -> None:
    """Suspend what a person or seal holds (certificateHold): nothing can be signed until `resume`."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        for row in _held(session, owner, now):
            if row.status != "valid":
                raise ConflictError("E-SIG-155", "证书已经暂停。")
            row.status, row.revoked_at = "suspended", now
            row.revocation_reason = ca.Reason.CERTIFICATE_HOLD.value
            enrolment.note(session, owner, row.sha256, "暂停", now, ground)
        authority.current_crls(parts, session, now)


def resume(parts: Parts, owner: str, ground: Ground) -> None:
    """Lift a suspension; the next list no longer names the certificate. Identity is confirmed as for a new one."""
    enrolment.require_identity(ground)
    now = parts.clock()
    with parts.sessions.begin() as session:
        rows = [row for row in _held(session, owner, now) if row.status == "suspended"]
        if not rows:
            raise ConflictError("E-SIG-151", "没有处于暂停状态的证书。")
        for row in rows:
            row.status, row.revoked_at, row.revocation_reason = "valid", None, None
            enrolment.note(session, owner, row.sha256, "恢复", now, ground)
        authority.current_crls(parts, session, now)


def renew(parts: Parts, owner: str, ground: Ground) -> bytes:
    """Give the same key a new certificate that names its holder as the registry has them today; return it (DER).

    The former one stays valid until it expires: a letter prepared with it can still be finished.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        old = authority.certificate_of(session, owner, now)
        if old.issuer is None or old.key is None:
            raise ConflictError(
                "E-SIG-152", "这张证书不是本单位签发的，请向原机构办理续期（liangze enrol csr）。"
            )
        use, subject = enrolment.holder(parts, session, owner, now)
    public_key = profile.load(old.der).public_key.dump()
    der = enrolment.issue(parts, public_key, subject, use, now)
    parts.store.put(der)
    with parts.sessions.begin() as session:
        current = authority.certificate_of(session, owner, now)
        if current.sha256 != old.sha256:
            raise ConflictError("E-SIG-153", "证书刚被更换或续期，请刷新后再看。")
        enrolment.put_in_force(parts, session, der, use, owner, str(old.key), now, "续期", ground)
    parts.log.publish()
    return der


def renew_due(parts: Parts) -> list[str]:
    """Renew the closed CA's certificates that expire soon, and return their holders; repeating it renews none twice."""
    now = parts.clock()
    last = x509.load_der_x509_certificate(parts.issuing_ca.certificate).not_valid_after_utc
    with parts.sessions.begin() as session:
        owners = session.scalars(
            _in_force(now).where(
                Certificate.issuer.is_not(None), Certificate.status == "valid", Certificate.owner.is_not(None)
            )
        )
        newest: dict[str, datetime] = {}
        for row in owners:
            newest[str(row.owner)] = max(newest.get(str(row.owner), row.not_after), row.not_after)
    due = [owner for owner, end in newest.items() if end - now < RENEW_BEFORE and end < last]
    for owner in due:
        renew(parts, owner, _DUTY)
    return due


def cease_left(parts: Parts) -> list[str]:
    """Revoke the certificates of all who have left office, and return their holders."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        ceased = cease(session, now, Ground("liangze", "登记簿：已离任"))
        if ceased:
            authority.current_crls(parts, session, now)
        return ceased


def cease(session: Session, now: datetime, ground: Ground) -> list[str]:
    """Revoke in the caller's transaction what persons hold who are no longer in office today.

    The revocation counts from now on; the day on which the office ended is stated with it.
    """
    on = china_day(now)
    serving = select(Cadre.cadre).where(as_of(Cadre, on), Cadre.status != _LEFT)
    rows = session.scalars(
        _in_force(now).where(Certificate.use == "person", Certificate.owner.not_in(serving))
    ).all()
    for row in rows:
        since = _left_on(session, str(row.owner), now)
        mark_revoked(session, row, ca.Reason.AFFILIATION_CHANGED, now, ground, since=since)
    return list(dict.fromkeys(str(row.owner) for row in rows))


def mark_revoked(
    session: Session,
    row: Certificate,
    reason: ca.Reason,
    now: datetime,
    ground: Ground,
    *,
    since: datetime | None = None,
) -> None:
    """Revoke one certificate in the caller's transaction; its key, if no other needs it, is destroyed."""
    held = row.revoked_at if row.status == "suspended" else None
    row.status, row.revocation_reason = "revoked", reason.value
    row.revoked_at = held or now  # a suspension that ends in revocation counts from its beginning
    row.invalid_since = since if since is not None and since < row.revoked_at else None
    enrolment.note(session, str(row.owner), row.sha256, "吊销", now, ground)
    session.flush()
    _destroy_unused(session, row.key, now)
    seal = session.get(Seal, row.owner) if row.use == "seal" else None
    if seal is not None and reason in {ca.Reason.CESSATION_OF_OPERATION, ca.Reason.PRIVILEGE_WITHDRAWN}:
        seal.status, seal.valid_to = "停用", china_day(now)


def _destroy_unused(session: Session, key_id: str | None, now: datetime) -> None:
    others = select(Certificate.sha256).where(Certificate.key == key_id, Certificate.status != "revoked")
    key = session.get(Key, key_id) if key_id else None
    if key is not None and session.scalars(others).first() is None:
        key.wrapped, key.drawing, key.retired_at = "", None, now


def _held(session: Session, owner: str, now: datetime) -> list[Certificate]:
    rows = authority.held_by(session, owner, now)
    if not rows:
        raise NotFoundError("E-SIG-154", "没有有效的证书。")
    return rows


def _in_force(now: datetime) -> Select[Certificate]:
    held = Certificate.status.in_(("valid", "suspended"))
    return select(Certificate).where(held, Certificate.not_after > now).order_by(Certificate.sha256)


def _left_on(session: Session, person: str, now: datetime) -> datetime | None:
    """Return the first instant of the day on which the person's office ended, as the registry has it."""
    rows = select(Cadre.valid_from).where(Cadre.cadre == person, Cadre.status == _LEFT)
    day = session.scalars(rows.order_by(Cadre.valid_from.desc())).first()
    return None if day is None else begin_of(day)


def begin_of(day: date) -> datetime:
    """Return the first instant of a Chinese day."""
    return datetime.combine(day, time(), CHINA)


def history(parts: Parts, owner: str) -> list[str]:
    """Return what a person or seal holds and what was done to it, one line each, for people."""
    with parts.sessions.begin() as session:
        rows = session.scalars(
            select(Certificate).where(Certificate.owner == owner).order_by(Certificate.not_after)
        ).all()
        acts = session.scalars(
            select(CertificateAct).where(CertificateAct.owner == owner).order_by(CertificateAct.id)
        ).all()
        held = {key.id: _place(key.wrapped) for key in session.scalars(select(Key).where(Key.owner == owner))}
    return [
        *(
            f"证书 {row.serial}　{_STATES[row.status]}　{_ISSUERS[row.issuer is None]}　"
            f"有效期至 {row.not_after.astimezone(CHINA):%Y-%m-%d}{held.get(str(row.key), '')}"
            for row in rows
        ),
        *(
            f"{act.at.astimezone(CHINA):%Y-%m-%d %H:%M}　{act.what}　{act.why}　经办 {act.by}"
            + (f"　{act.identity}" if act.identity else "")
            for act in acts
        ),
    ]


def _place(stored: str) -> str:
    """Return where a key is, if it is not kept here."""
    if not stored or not places.is_elsewhere(stored):
        return ""
    return "　密钥在远程签名服务" if stored.startswith("csc:") else "　密钥在本人令牌"
