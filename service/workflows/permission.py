"""Whether anything may be signed now: the clock is believable, and an own CA or TSA in production is acknowledged."""

from datetime import date, datetime

from sqlalchemy import select

from service.clock import CHINA, china_day, format_utc
from service.db.tables import Certificate, LogHead, Seal, Setting
from service.errors import ConflictError, ForbiddenError, InputError
from service.signing import profile
from service.signing.timestamps import LocalTimeStamper
from service.signing.tsa_client import HttpTimeStamper
from service.verification import policy
from service.verification.trust import ACKNOWLEDGED_MAX
from service.workflows.parts import Parts

NAME = "own_authority"
"""Setting under which the acknowledgement is recorded: who, when, on what ground. Trust bundles carry it to reports."""


def require_signing(parts: Parts, certificate: Certificate) -> None:
    """Raise unless a key may be opened now; asked before any PIN is tried.

    1. the clock is not behind the newest checkpoint of the log; 2. nor more than a minute from the outside
    time-stamping authority; 3. in production, the own CA or TSA that would vouch has been acknowledged; 4. the
    certificate's algorithm has not come to its end; 5. a seal is in use, within its validity and, in production, filed.
    """
    _require_clock(parts)
    if isinstance(parts.timestamper, HttpTimeStamper):
        parts.timestamper.require_near()
    _require_acknowledged(parts, own=certificate.chain is None)
    _require_algorithm(certificate, parts.clock())
    if certificate.use == "seal":
        _require_seal(parts, str(certificate.owner), china_day(parts.clock()))


def acknowledge(parts: Parts, by: str, why: str) -> None:
    """Record that somebody answers for signing in production with an own CA or TSA."""
    if not by.strip() or not why.strip():
        raise InputError("E-SIG-181", "须写明确认人和依据。")
    text = f"{format_utc(parts.clock())} {by.strip()}：{why.strip()}"
    if len(text) > ACKNOWLEDGED_MAX:
        raise InputError("E-SIG-183", f"确认人和依据过长：连同时间不超过 {ACKNOWLEDGED_MAX} 个字。")
    with parts.sessions.begin() as session:
        session.merge(Setting(name=NAME, value=text))


def acknowledged(parts: Parts) -> str | None:
    """Return the acknowledgement on record."""
    with parts.sessions.begin() as session:
        row = session.get(Setting, NAME)
        return row.value if row else None


def _require_clock(parts: Parts) -> None:
    now = parts.clock()
    with parts.sessions.begin() as session:
        newest = session.scalars(select(LogHead.time).order_by(LogHead.time.desc())).first()
    if newest is not None and now < newest:
        raise ConflictError(
            "E-SIG-180",
            f"本机时间早于存证日志的最新检查点（{newest.astimezone(CHINA):%Y-%m-%d %H:%M:%S}），"
            "已停止签署：请校准本机时间后再试。",
        )


def _require_acknowledged(parts: Parts, *, own: bool) -> None:
    local = isinstance(parts.timestamper, LocalTimeStamper)
    if parts.demo or not (own or local) or acknowledged(parts):
        return
    what = "、".join(name for name, used in (("证书", own), ("时间戳", local)) if used)
    raise ForbiddenError(
        "E-SIG-182",
        f"正式环境的{what}由本单位自建系统签发，须先确认其效力与责任：liangze acknowledge --by 姓名 --why 依据。",
    )


def _require_algorithm(certificate: Certificate, now: datetime) -> None:
    """Own certificates end with the table's `made_until`, those of licensed authorities where verifiers' does."""
    name = profile.require_key(profile.load(certificate.der).public_key.dump())
    end = policy.made_until(name) if certificate.chain is None else policy.algorithm_ends().get(name)
    if end is not None and now > end:
        raise ForbiddenError(
            "E-SIG-190",
            f"证书的算法 {name} 只能用到 {end:%Y-%m-%d}，不能再签署：请换发 {policy.OWN_KEYS_TITLE} 密钥的证书。",
        )


def _require_seal(parts: Parts, seal_id: str, on: date) -> None:
    with parts.sessions.begin() as session:
        seal = session.get_one(Seal, seal_id)
    if seal.status != "在用" or on < seal.valid_from:
        raise ForbiddenError("E-SIG-193", f"印章“{seal.name}”不在使用中（{seal.status}），不能用印。")
    if seal.valid_to is not None and on >= seal.valid_to:
        raise ForbiddenError("E-SIG-194", f"印章“{seal.name}”的有效期已于 {seal.valid_to} 届满，不能用印。")
    if not seal.filing and not parts.demo:
        raise ForbiddenError(
            "E-SIG-195", f"印章“{seal.name}”没有备案号，正式环境不能用印：请备案后重新登记（--filing）。"
        )
