"""Witnesses of this deployment's log: who they are, and asking them to cosign; one that is down blocks nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.archive.folder import Head
from service.archive.witness import Submission, Witness, format_submission
from service.db.tables import KnownWitness, Setting, WitnessedLog
from service.errors import ConflictError, InputError, NotFoundError, ServiceError, SetupError
from service.keys import service_keys
from service.keys.signer import Algorithm
from service.signing import demo
from service.tlog.cosignature import Cosigner
from service.workflows import setup
from service.workflows.parts import Parts

TIMEOUT_SECONDS = 10.0
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\n?")
_KEY, _NAME, _QUORUM = "witness.key", "witness_name", "witness_quorum"


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking one witness: the size it has cosigned, or why it has not."""

    name: str
    size: int
    fault: str | None

    @classmethod
    def last(cls, row: KnownWitness) -> "Asked":
        """Return what is on record of this witness."""
        return cls(Cosigner.parse(row.vkey).name, row.size, row.fault)


def create_key(parts: Parts, name: str) -> Cosigner:
    """Make this deployment's own key as a witness called `name`; raise ConflictError if there is one."""
    Cosigner(name, bytes(32))  # the form of the name, before a key is made for it
    path = parts.settings.secrets / _KEY
    signer = service_keys.create_key_file(path, Algorithm.ED25519, parts.entropy)
    with parts.sessions.begin() as session:
        session.merge(Setting(name=_NAME, value=name))
    return Cosigner.of(name, signer.public_key)


def own_witness(parts: Parts) -> tuple[Cosigner, Witness]:
    """Return this deployment as a witness; raise SetupError where it has no key for that."""
    with parts.sessions.begin() as session:
        name = setup.read_setting(session, _NAME)
    if name is None:
        raise SetupError("E-SYS-125", "本单位还没有见证密钥，请先运行 liangze witness init。")
    signer = service_keys.load_key_file(parts.settings.secrets / _KEY)
    if not parts.demo:
        demo.refuse_demo_keys(signer.public_key)
    cosigner = Cosigner.of(name, signer.public_key)
    return cosigner, Witness(parts.sessions, cosigner, signer.sign)


def witnessed(parts: Parts) -> list[WitnessedLog]:
    """Return the logs that this deployment is a witness of."""
    with parts.sessions.begin() as session:
        return list(session.scalars(select(WitnessedLog).order_by(WitnessedLog.origin)))


def add(parts: Parts, vkey: str, url: str) -> Cosigner:
    """Ask this witness from now on; raise InputError for a key that is none or an address that is not http(s)."""
    cosigner = Cosigner.parse(vkey.strip())
    if not re.fullmatch(r"https?://[^\s?#]+", url):
        raise InputError("E-SYS-120", f"见证方地址应以 http:// 或 https:// 开头：{url}")
    with parts.sessions.begin() as session:
        if session.get(KnownWitness, cosigner.vkey) is not None:
            raise ConflictError("E-SYS-121", f"见证方“{cosigner.name}”已登记过。")
        session.add(KnownWitness(vkey=cosigner.vkey, url=url.rstrip("/"), size=0, time=parts.clock()))
    return cosigner


def remove(parts: Parts, name: str) -> None:
    """Ask this witness no more; what it has cosigned stays."""
    vkeys = [row.vkey for row in known(parts) if Cosigner.parse(row.vkey).name == name]
    if not vkeys:
        raise NotFoundError("E-SYS-122", f"没有登记名为“{name}”的见证方。")
    with parts.sessions.begin() as session:
        every, least = policy_in(session)
        if len(every) - len(vkeys) < least:
            raise ConflictError(
                "E-SYS-128",
                f"见证策略要求 {least} 个见证方，移除后不足；请先用 liangze witness quorum 调低。",
            )
        session.execute(delete(KnownWitness).where(KnownWitness.vkey.in_(vkeys)))


def known(parts: Parts) -> list[KnownWitness]:
    """Return the witnesses asked, with what is known of each."""
    with parts.sessions.begin() as session:
        return list(session.scalars(select(KnownWitness).order_by(KnownWitness.vkey)))


def cosigners(parts: Parts) -> list[Cosigner]:
    """Return the keys of the witnesses asked."""
    return policy(parts)[0]


def policy(parts: Parts) -> tuple[list[Cosigner], int]:
    """Return the n witnesses and how many of them (k) have to vouch for a receipt; k is 0 until it is set."""
    with parts.sessions.begin() as session:
        return policy_in(session)


def policy_in(session: Session) -> tuple[list[Cosigner], int]:
    """Return the policy as this session sees it."""
    rows = session.scalars(select(KnownWitness.vkey).order_by(KnownWitness.vkey))
    return [Cosigner.parse(vkey) for vkey in rows], int(setup.read_setting(session, _QUORUM) or 0)


def set_quorum(parts: Parts, least: int) -> int:
    """Ask for `least` of the witnesses from now on and return n; trust bundles carry it to whoever verifies."""
    with parts.sessions.begin() as session:
        count = len(policy_in(session)[0])
        if not 0 <= least <= count:
            raise InputError("E-SYS-127", f"登记的见证方有 {count} 个，要求的个数应在 0 至 {count} 之间。")
        session.merge(Setting(name=_QUORUM, value=str(least)))
    return count


def ask(parts: Parts, *, only_behind: bool = False) -> list[Asked]:
    """Have every witness (or those behind) cosign the newest published checkpoint.

    Each witness's fault is its own: it is recorded and returned, never raised.
    """
    head = parts.log.published()
    rows = [] if head is None else known(parts)
    if only_behind:
        rows = [row for row in rows if head is not None and row.size != head.checkpoint.size]
    if head is None or not rows:
        return []
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as http:
        return list(_ask_each(parts, http, head, rows))


def _ask_each(parts: Parts, http: httpx.Client, head: Head, rows: list[KnownWitness]) -> Iterator[Asked]:
    for row in rows:
        cosigner = Cosigner.parse(row.vkey)
        try:
            lines = _request(parts, http, row, head)
            parts.log.kept.add(head, lines, [cosigner])
            yield _record(parts, row.vkey, head.checkpoint.size, None)
        except (ServiceError, httpx.HTTPError) as exc:
            fault = exc.message if isinstance(exc, ServiceError) else f"连接失败（{type(exc).__name__}）。"
            yield _record(parts, row.vkey, row.size, fault)


def _request(parts: Parts, http: httpx.Client, row: KnownWitness, head: Head) -> bytes:
    """Return the lines a witness answers with; where it has cosigned another size, prove from that, once."""
    answer = _post(parts, http, row.url, row.size, head)
    if answer.status_code == 409 and (size := _SIZE.fullmatch(answer.text)) is not None:
        if int(size[1]) > head.checkpoint.size:
            raise ConflictError(
                "E-SYS-123",
                f"见证方已联署到第 {size[1]} 条，本日志只有 {head.checkpoint.size} 条：日志被回退过。",
            )
        answer = _post(parts, http, row.url, int(size[1]), head)
    if answer.status_code != 200:
        raise ConflictError(
            "E-SYS-124", f"见证方拒绝联署（{answer.status_code}）：{answer.text[:200].strip()}"
        )
    return answer.content


def _post(parts: Parts, http: httpx.Client, url: str, old: int, head: Head) -> httpx.Response:
    old = min(old, head.checkpoint.size)
    submission = Submission(old, tuple(parts.log.consistency(old, head)), head.signed)
    return http.post(f"{url}/add-checkpoint", content=format_submission(submission))


def _record(parts: Parts, vkey: str, size: int, fault: str | None) -> Asked:
    with parts.sessions.begin() as session:
        row = session.get_one(KnownWitness, vkey)
        row.size, row.fault, row.time = size, fault, parts.clock()
        return Asked.last(row)
