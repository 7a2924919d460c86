"""A report in Chinese words: the one text that terminal, web page, printed report and table are made from."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from service.clock import CHINA
from service.core import Json
from service.verification import policy
from service.verification.reasons import Cap
from service.verification.report import Reason, Report, SignatureReport, TimestampReport, Verdict
from service.workflows.sources import printable

VERDICTS = {"valid": "有效", "invalid": "无效", "indeterminate": "无法确定"}
MARKS = {"valid": "√", "invalid": "×", "indeterminate": "？"}
STATUSES = {
    "in_force": "生效中",
    "superseded": "已被替代",
    "void": "已作废",
    "incomplete": "签署未完成",
    "unknown": "未知",
}
ROLES = {"office": "发文机关", "cadre": "承诺人", "leader": "监督方"}
VOUCHERS = {
    "licensed": "持牌电子认证机构",
    "closed": "证书由本单位自建系统签发，非持牌机构",
    "demo": "演示证书，没有法律效力",
    "unknown": "未知",
}
TIME_PROOFS = {
    "signature_timestamp": "签名时间戳证明",
    "document_timestamp": "文档时间戳证明",
    "claimed": "只是签名人自述，没有时间戳证明",
    "none": "没有任何时间证明",
}
LEVELS = {
    "B-B": "B-B（基本签名）",
    "B-T": "B-T（有时间戳）",
    "B-LT": "B-LT（附长期验证材料）",
    "B-LTA": "B-LTA（归档级）",
}
CHANGES = {
    "none": "签署后文件没有任何变化",
    "permitted": "签署后只有允许的变化（其后的签名、验证材料）",
    "forbidden": "签署后有不允许的改动",
    "unknown": "未能判断签署后的变化",
}
_CAPS = {Cap.INVALID: "致无效", Cap.INDETERMINATE: "致无法确定", Cap.NOTE: "说明"}
_CAP_ORDER = (Cap.INVALID, Cap.INDETERMINATE, Cap.NOTE)
_CHAIN = ("CERT_", "CHAIN_", "TRUST_NONE", "ALGORITHM_")
_REVOKED = ("CERT_REVOKED", "REVOCATION_")
_COPIES = {"FILE_IMAGE", "FILE_OFFICE", "SIG_LOST", "SIG_UNREACHABLE", "SIG_REMOVED", "SIG_NONE"}
_TEXT_MAX = 300  # characters of any one text that a file brings along


def clean(text: str | None, limit: int = _TEXT_MAX) -> str:
    """Return a text from a file as it may be shown: nothing that steers, nothing endless."""
    shown = printable(text or "").strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def china_time(moment: datetime | None) -> str:
    """Return an instant in Beijing time, as people read it."""
    if moment is None:
        return "时间不明"
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S（北京时间）")


def headline(report: Report) -> str:
    """Return the verdict in one sentence, with the first reason where it is not good."""
    first = _first(report)
    if report.verdict is Verdict.INVALID:
        return f"此文件不可采信：{first}"
    if report.verdict is Verdict.INDETERMINATE:
        return f"现有材料不足以判断，不等于伪造：{first}"
    if report.is_good and report.letter is not None:
        return "全部签名有效，签署后未被改动，各方已签齐。"
    if report.letter is not None:
        return f"签名有效，但文书{STATUSES[report.status.value]}，不能作为有效文书使用。"
    return "全部签名有效，签署后未被改动。"


def status(report: Report) -> str:
    """Return where the letter stands, and as of when that is known."""
    if report.letter is None:
        return "不是本系统签发的文书，没有状态可查"
    as_of = report.as_of
    known = f"据{china_time(as_of)}签发的信任包" if as_of else "没有信任包，作废、替代未核对"
    return f"{STATUSES[report.status.value]}（{known}）"


def weakest(report: Report) -> str:
    """Name the weakest proof: what the verdict hangs on."""
    one = report.weakest
    if one is not None:
        return f"{_whose(report, one)}{one.text}（{one.code}）"
    levels = sorted({one.level for one in report.signatures if one.level}, key=list(LEVELS).index)
    return f"各项证明均成立，最低的签名级别为{LEVELS[levels[0]]}" if levels else "各项证明均成立"


def advice(report: Report) -> str:
    """Say where to get the original, for what is a copy or has lost its signatures; else nothing."""
    codes = {one.code for one in report.reasons}
    if not codes & _COPIES or report.signatures:
        return ""
    if report.letter is not None:
        return (
            f"请向{clean(report.letter.unit, 80)}索取编号为{clean(report.letter.number, 80)}的电子原件（PDF），"
            "或扫文书上的二维码核对；截图、打印件和另存的文件不能代替原件。"
        )
    number = next((one.detail for one in report.reasons if one.code == "SIG_LOST"), "")
    which = f"编号为{clean(number, 80)}的" if number else ""
    return f"请向发文单位索取{which}电子原件（PDF）；截图、打印件和另存的文件不能代替原件。"


def signature(report: Report, one: SignatureReport) -> dict[str, str]:
    """Return what is to be said of one signature: who, role, when, level, chain, revocation, changes."""
    return {
        "role": ROLES.get(one.role or "", clean(one.field, 40)),
        "signer": clean(one.signer, 80) or "不能读出",
        "organization": clean(one.organization, 120),
        "state": f"{'完好' if one.intact else '不完好'}、{'可信' if one.trusted else '未获信任'}"
        + _by(one.algorithm),
        "time": china_time(one.time),
        "time_proof": TIME_PROOFS.get(one.time_proof, "") + _by(one.time_algorithm),
        "level": LEVELS.get(one.level or "", "未达到任何级别"),
        "chain": _chain(report, one),
        "revocation": _revocation(report, one),
        "changes": CHANGES.get(one.changes, CHANGES["unknown"]),
        "certificate": clean(one.certificate, 64),
    }


def _by(algorithm: str | None) -> str:
    """Return by which algorithms: those of a signature and of its timestamp may differ."""
    return f"，算法 {policy.title(algorithm)}" if algorithm else ""


def timestamp(one: TimestampReport) -> dict[str, str]:
    """Return what is to be said of one document timestamp."""
    state = f"{'完好' if one.intact else '不完好'}、{'可信' if one.trusted else '未获信任'}"
    return {
        "signer": clean(one.signer, 80) or "不能读出",
        "time": china_time(one.time),
        "state": state + _by(one.algorithm),
    }


def reasons(report: Report) -> list[dict[str, str]]:
    """Return the reasons, what decides the verdict first; one row for a reason that several signatures share."""
    rows: dict[tuple[str, str], tuple[Reason, list[str]]] = {}
    for one in sorted(report.reasons, key=lambda each: _CAP_ORDER.index(each.cap)):
        rows.setdefault((one.code, one.detail), (one, []))[1].append(_whose(report, one).rstrip("："))
    return [
        {
            "effect": _CAPS[one.cap],
            "text": one.text,
            "whose": "、".join(dict.fromkeys(name for name in names if name)),
            "code": one.code,
            "detail": clean(one.detail),
        }
        for one, names in rows.values()
    ]


def receipt(report: Report) -> str:
    """Return what the archive receipt says."""
    value = report.receipt
    if not isinstance(value, dict):
        return "没有提供"
    whose = "此文件较早的版本" if value.get("prefix") else "此文件"
    text = f"{whose}已存证：日志 {clean(str(value['origin']), 100)} 第 {value['index']} 条，{value['time']}"
    return text + _vouching(value)


def _vouching(value: Mapping[str, Json]) -> str:
    """Return who of the witnesses vouches for the receipt; nothing where the trust bundle names none."""
    if "witnesses" not in value:
        return ""
    names = "、".join(clean(str(one), 100) for one in value["witnesses"]) or "没有"
    asked = f"，要求 {value['quorum']} 个" if value["quorum"] else ""
    return f"；见证方联署 {len(value['witnesses'])} 个（{names}{asked}）"


def unchecked(report: Report, *, online: bool = False) -> list[str]:
    """Return what this verification did not look at."""
    codes = {one.code for one in report.reasons}
    left = ["文书内容是否属实、签名人是否出于本意：本报告只判断电子签名和文件本身。"]
    if any(code.startswith(("LIMIT_", "FILE_")) for code in codes):
        left.append("文件没有读完，其中的签名没有验证。")
    if report.as_of is None:
        left.append("没有给出信任包：文书是否作废或被替代、证书是否在册，没有核对。")
    else:
        left.append(f"作废、替代、吊销的信息截至{china_time(report.as_of)}，此后的变化没有核对。")
    if not isinstance(report.receipt, dict):
        left.append("没有提供存证回执，没有与存证日志核对。")
    if not online:
        left.append("没有联网查询吊销信息。")
    if "REVOCATION_NOT_PUBLISHED" in codes:
        left.append("有证书的签发者没有公布吊销信息，其吊销情况没有核对。")
    if "PIXELS_UNCHECKED" in codes:
        left.append("签署前后的页面没有能够逐像素比较。")
    if report.letter is None and report.signatures:
        left.append("不是本系统签发的文书，没有约定的签署人和次序可核对。")
    return left


def _first(report: Report) -> str:
    ordered = sorted(report.reasons, key=lambda one: _CAP_ORDER.index(one.cap))
    return ordered[0].text if ordered else ""


def _whose(report: Report, reason: Reason) -> str:
    if reason.signature is None:
        return ""
    found = next((one for one in report.signatures if one.field == reason.signature), None)
    if found is None:
        return f"{clean(reason.signature, 40)}："
    role = ROLES.get(found.role or "", clean(found.field, 40))
    return f"{role}{f'（{clean(found.signer, 40)}）' if found.signer else ''}："


def _of(report: Report, one: SignatureReport, prefixes: Iterable[str]) -> list[str]:
    return [
        reason.text
        for reason in report.reasons
        if reason.signature == one.field and reason.code.startswith(tuple(prefixes))
    ]


def _chain(report: Report, one: SignatureReport) -> str:
    faults = [
        reason.text
        for reason in report.reasons
        if reason.signature == one.field
        and reason.code.startswith(_CHAIN)
        and not reason.code.startswith(_REVOKED)
    ]
    if faults:
        return "".join(faults)
    who = VOUCHERS.get(one.voucher, "未知") if one.voucher != "unknown" else "由您指定的机构签发，资质未知"
    return f"证书链成立；{who}" if one.trusted else "未能确认"


def _revocation(report: Report, one: SignatureReport) -> str:
    found = _of(report, one, _REVOKED)
    if found:
        return "".join(found)
    return "签署时未被吊销" if one.trusted else "未能确认"
