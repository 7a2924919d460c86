"""A QR code on paper, from a picture to what is to be said of it: what the browser page does, without a browser."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from service.clock import chinese_date
from service.errors import InputError
from service.verification import known as lists
from service.verification import picture
from service.verification.known import Answer, Known, State
from service.verification.qr import Finished
from service.verification.trust import Trust
from service.workflows.report_words import china_time, clean
from service.workflows.sources import read_file

WORDS: Mapping[State, tuple[str, str]] = {
    State.GENUINE: ("签发属实", "本单位签发过这份文书，名单中没有作废或被替代的记录。"),
    State.STALE: ("签发属实，状态未知", "没有名单，或名单已过期：文书可能已经作废或被替代。"),
    State.SUPERSEDED: ("已被新的文书替代", "签发属实，但这份文书已不再有效。"),
    State.VOID: ("已作废", "签发属实，但这份文书已经作废。"),
    State.UNKNOWN_KEY: ("无法确定", "签发密钥不在名单内：可能由别的单位签发，也可能是伪造。"),
    State.FORGED: ("伪造或被改动", "二维码的签名不成立，不要采信这张纸。"),
    State.UNREADABLE: (
        "不是本系统的二维码",
        "图中没有二维码，或内容破损、与本系统无关，不能据此作任何判断。",
    ),
}
REMINDER = "二维码只证明签发，不证明签名，也可能被复制到别的文字上：请逐项核对纸面与以上内容。"
ROLES = {"office": "发文机关", "cadre": "承诺人", "leader": "监督方"}


@dataclass(frozen=True, slots=True)
class Scan:
    """What is said of one picture."""

    file: str
    answer: Answer


def scan(path: Path, known: Known, now: datetime) -> Scan:
    """Return what is said of the code in a picture: of several, the worst."""
    texts = picture.read(read_file(path)) or [""]
    answers = [lists.judge(text, known, now) for text in texts]
    order = list(State)
    return Scan(str(path), max(answers, key=lambda one: order.index(one.state)))


def known_of(trust: Trust, data: bytes | None) -> Known:
    """Return the signed list, which a key of the bundle must have signed; without one, keys alone and no status."""
    if data is not None:
        return lists.read_known(data, trust.qr)
    if trust.issued is None or not trust.qr:
        raise InputError("E-VER-166", "验证二维码需要信任包或状态名单（--trust、--known）。")
    none: frozenset[str] = frozenset()
    demo = trust.environment == "demo"
    known = Known("", trust.issued, trust.issued, trust.qr, {}, none, none, {}, demo)
    return replace(known, expires=known.issued)  # no list: always without status


def lines(scan: Scan, known: Known) -> list[tuple[str, str]]:
    """Return what is said, as labelled lines for people."""
    word, meaning = WORDS[scan.answer.state]
    found = [("结论", word), ("说明", meaning)]
    claim = scan.answer.claim
    if claim is not None:
        title = known.kinds.get(claim.kind, claim.kind)
        found += [
            ("编号", clean(claim.number)),
            ("文书", clean(title)),
            ("成文日期", chinese_date(claim.day)),
        ]
        if isinstance(claim, Finished):
            found += [("签署", _signed(claim)), ("存证", f"{clean(claim.origin)} 第 {claim.index} 条")]
            found.append(("文件摘要", claim.sha256))
        else:
            person = " ".join(clean(one) for one in (claim.name, claim.post) if one)
            found += [("姓名职务", person)] if person else []
            found.append(("单位", clean(claim.unit)))
        found.append(("提醒", REMINDER))
    if known.demo:
        found.append(("注意", "演示系统：密钥公开，任何人都能仿造，结论没有证明力。"))
    return [*found, ("数据截至", china_time(scan.answer.as_of))]


def _signed(claim: Finished) -> str:
    return "；".join(
        f"{ROLES.get(one.role, clean(one.role))} {clean(one.name or one.unit)} {china_time(one.time)}"
        for one in claim.signed
    )


def to_json(scan: Scan) -> dict[str, object]:
    """Return the scan as JSON."""
    return {"file": scan.file, **lists.to_json(scan.answer)}
