"""Every reason a report can give: code, effect on the verdict, sentence, EN 319 102-1 sub-indication.

https://www.etsi.org/deliver/etsi_en/319100_319199/31910201/
"""

from dataclasses import dataclass
from enum import StrEnum


class Cap(StrEnum):
    """The best verdict that is still possible beside a reason."""

    INVALID = "invalid"
    INDETERMINATE = "indeterminate"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what the reason does to the verdict, and what people read."""

    cap: Cap
    text: str
    etsi: str | None = None


def _invalid(text: str, etsi: str | None = None) -> Rule:
    return Rule(Cap.INVALID, text, etsi)


def _unsure(text: str, etsi: str | None = None) -> Rule:
    return Rule(Cap.INDETERMINATE, text, etsi)


def _note(text: str) -> Rule:
    return Rule(Cap.NOTE, text)


REASONS: dict[str, Rule] = {
    # The file
    "FILE_EMPTY": _unsure("文件是空的，请重新取得原件。"),
    "FILE_IMAGE": _unsure("这是图片，不能验签，请扫码或取原件。"),
    "FILE_OFFICE": _unsure("这是 Word、Excel 等办公文档，不是签署后的 PDF，请取电子原件。"),
    "FILE_OFD": _unsure("这是 OFD 文件，目前只能验 PDF 原件。"),
    "FILE_ARCHIVE": _unsure("这是压缩包，请解压后逐个验证其中的 PDF。"),
    "FILE_NOT_PDF": _unsure("这不是 PDF 文件，不能验签，请取电子原件。"),
    "FILE_TOO_LARGE": _unsure("文件超过可验证的大小，没有验证。"),
    "FILE_UNREADABLE": _unsure("读不出这个文件（磁盘出错，或压缩包损坏），没有验证，请重新取得原件。"),
    "FILE_ENCRYPTED": _unsure("文件已加密，读不到内容，不能验签。"),
    "FILE_MALFORMED": _invalid(
        "文件结构损坏或不合 PDF 规范，可能下载不完整或被改动，请重新取得原件。", "FORMAT_FAILURE"
    ),
    "PARSER_REPAIR": _unsure(
        "另一种解析器须修补此文件才能打开，不能确认各方看到的是同一内容。", "FORMAT_FAILURE"
    ),
    "LIMIT_TIME": _unsure("验证超过时限，已中止；文件可能过大或被蓄意构造，没有验证。"),
    "LIMIT_MEMORY": _unsure("验证所需内存超过限度，已中止；文件可能过大或被蓄意构造，没有验证。"),
    "LIMIT_CRASH": _unsure("解析此文件时验证进程异常中止；文件可能损坏或被蓄意构造，没有验证。"),
    # Signatures as bytes
    "SIG_NONE": _unsure("文件没有电子签名：未签署，不等于伪造。"),
    "SIG_LOST": _unsure("此文件被另存，签名已丢失，请取同编号原件。"),
    "SIG_UNREACHABLE": _unsure("文件里有签名数据，但文档结构不再指向它，可能被另存或改动过，请取电子原件。"),
    "SIG_REMOVED": _invalid(
        "文件里有完好的签名，后来追加的内容使它不再显示：签署之后有改动，请取电子原件。", "FORMAT_FAILURE"
    ),
    "SIG_WITHDRAWN": _note("文件里另有一个签名，在现有的第一个签名之前已被撤下，不作数。"),
    "SIG_MALFORMED": _invalid("签名数据残缺或格式错误。", "FORMAT_FAILURE"),
    "SIG_FORMAT_UNSUPPORTED": _unsure("签名格式不在可验证之列。"),
    "SIG_FORMAT_VENDOR": _unsure(
        "签名用国密厂商的格式（GM/T 0112 一类，如 GM.sm2seal、GM.sm2cms.detached），本系统不能核验，"
        "请用其厂商的软件核验。"
    ),
    "SIG_RANGE": _invalid("签名所声明的字节范围与签名位置不符。", "FORMAT_FAILURE"),
    "SIG_ENCODING": _invalid("签名数据的书写形式不规范，已被改动。", "FORMAT_FAILURE"),
    "SIG_COVERAGE": _invalid("签名没有覆盖它签署时的整个文件。", "FORMAT_FAILURE"),
    "SIG_TOO_MANY": _unsure("签名数量超过限度，没有验证。"),
    "TAIL_BROKEN": _invalid("签署之后追加的内容不是完整、规范的增量更新。", "FORMAT_FAILURE"),
    "TAIL_HIDDEN_OBJECT": _invalid(
        "签署之后追加了未登记的对象，不同软件可能显示不同内容。", "FORMAT_FAILURE"
    ),
    "TAIL_GARBAGE": _invalid("文件末尾有不属于文件的数据。", "FORMAT_FAILURE"),
    # The cryptographic message
    "CMS_MALFORMED": _invalid("签名的密码消息（CMS）格式错误。", "FORMAT_FAILURE"),
    "CMS_SIGNERS": _invalid("签名消息中应恰有一个签名人。", "FORMAT_FAILURE"),
    "CMS_ATTRIBUTES": _invalid("签名缺少必需的签名属性，或属性有误。", "SIG_CONSTRAINTS_FAILURE"),
    "CMS_SURPLUS": _invalid("签名消息中夹带了多余内容。", "FORMAT_FAILURE"),
    "CMS_CERTIFICATE": _invalid("签名所指的证书与随附证书不符。", "FORMAT_FAILURE"),
    "SIG_NOT_INTACT": _invalid("内容在签署后被改动：摘要不符。", "HASH_FAILURE"),
    "SIG_VALUE": _invalid("签名值与签名人的公钥不符。", "SIG_CRYPTO_FAILURE"),
    "ALGORITHM_UNSUPPORTED": _unsure("签名算法不在可验证之列。", "CRYPTO_CONSTRAINTS_FAILURE"),
    "ALGORITHM_UNAVAILABLE": _unsure(
        "本机的 OpenSSL 没有国密算法（SM2、SM3），不能核验此签名；请换一台机器，或安装 OpenSSL 3。"
    ),
    "ALGORITHM_WEAK": _unsure("签名算法在可证明的时间已不再安全。", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),
    # Certificates
    "TRUST_NONE": _unsure("没有给出信任的证书，不能确认签名人身份。", "NO_CERTIFICATE_CHAIN_FOUND"),
    "TRUST_STALE": _note("信任包已过有效期，作废、吊销等信息可能不是最新的，请更新信任包。"),
    "CHAIN_UNKNOWN": _unsure("证书不是由信任的机构签发，不能确认签名人身份。", "NO_CERTIFICATE_CHAIN_FOUND"),
    "CHAIN_INVALID": _unsure("证书链不合规定，不能确认签名人身份。", "CHAIN_CONSTRAINTS_FAILURE"),
    "CERT_USAGE": _unsure("证书的用途不允许这样签名。", "CHAIN_CONSTRAINTS_FAILURE"),
    "CERT_EXPIRED": _unsure("证书已过期，而没有可靠时间证明签署在有效期内。", "OUT_OF_BOUNDS_NO_POE"),
    "CERT_NOT_YET_VALID": _invalid("签署时证书尚未生效。", "NOT_YET_VALID"),
    "CERT_REVOKED": _invalid("签署之前证书已被吊销。", "REVOKED"),
    "CERT_REVOKED_NO_PROOF": _unsure("证书已被吊销，而没有可靠时间证明签署在吊销之前。", "REVOKED_NO_POE"),
    "CERT_HELD": _unsure("签署时证书正暂停使用，后来才恢复，不能确认当时的签名是否作数。", "TRY_LATER"),
    "CERT_REVOKED_LATER": _note("证书在签署之后被吊销，不影响此前的签名。"),
    "CERT_NOT_LOGGED": _unsure(
        "签名证书不在存证的证书名册里，不能确认它是正当签发的。", "CHAIN_CONSTRAINTS_FAILURE"
    ),
    "REVOCATION_UNKNOWN": _unsure("没有可用的吊销信息，不能确认证书当时未被吊销。", "TRY_LATER"),
    "REVOCATION_NOT_PUBLISHED": _note("签发者没有公布吊销信息，未查吊销。"),
    "VOUCHER_CLOSED": _note("证书由本单位自建系统签发，非持牌机构。"),
    "VOUCHER_DEMO": _note("证书是演示证书，仅供试用，不具法律效力。"),
    "VOUCHER_UNKNOWN": _note("证书由您指定的机构签发，本系统不知其资质。"),
    # Time
    "TIME_LOCAL": _note("时间由本机时间戳证明，没有外部时间戳机构作证。"),
    "TIME_NOT_PROVEN": _note("签署时间只是签名人自述，没有时间戳证明。"),
    "TIME_TOKEN_BROKEN": _invalid("时间戳本身不成立。", "SIG_CRYPTO_FAILURE"),
    "TIME_TOKEN_UNTRUSTED": _unsure(
        "时间戳不是由信任的时间戳机构签发，或其证书当时无效。", "NO_CERTIFICATE_CHAIN_FOUND"
    ),
    "TIME_ORDER": _unsure("时间戳的先后次序自相矛盾。", "TIMESTAMP_ORDER_FAILURE"),
    "TIME_IN_FUTURE": _unsure("时间戳晚于验证时间。", "TIMESTAMP_ORDER_FAILURE"),
    # Changes after signing
    "CHANGES_FORBIDDEN": _invalid("签署之后有不允许的改动。", "FORMAT_FAILURE"),
    "CHANGES_UNKNOWN": _unsure("签署之后有我们无法判断的改动，请以签署版本为准。"),
    "CHANGES_PIXELS": _invalid("签署之后页面的样子变了。", "FORMAT_FAILURE"),
    "PIXELS_UNCHECKED": _unsure("页面无法绘制比较，不能确认签署后看到的内容未变。"),
    # The letter
    # What was hidden before signing
    "HIDDEN_LAYER": _note("文件含可选图层或替代图像，不同软件或打印时显示的内容可能不同。"),
    "HIDDEN_SCRIPT": _note("文件含脚本或自动动作，打开时可能改变显示内容。"),
    "HIDDEN_ACTION": _note("文件含链接或外部动作（打开网址、程序、提交表单等），请勿随意点击。"),
    "HIDDEN_FORM": _note("文件含可填写或自动计算的表单，显示的内容可能不是签署的内容。"),
    "HIDDEN_FILE": _note("文件夹带附件，附件内容不显示在页面上。"),
    "HIDDEN_EXTERNAL": _unsure("文件引用了文件以外的内容，签名保护不到，不能确认看到的就是签署的。"),
    "HIDDEN_ENCRYPTED": _unsure("文件含加密的部分，读不到其内容，不能确认看到的就是签署的。"),
    "HIDDEN_FONT": _note("文件没有嵌入全部字体，不同电脑上显示的文字可能不同。"),
    "HIDDEN_OBJECT": _note("文件在签署之前就含有没有用到的对象，不显示在页面上，可能是预备的另一份内容。"),
    "HIDDEN_TEXT": _note("文件含看不见的文字（被遮盖、与底色相同或在页面之外）。"),
    "HIDDEN_OBJECT_IN_LETTER": _invalid(
        "文书在签署之前就含有没有用到的对象，不是签发时的样子，可能是预备的另一份内容。", "FORMAT_FAILURE"
    ),
    "HIDDEN_IN_LETTER": _unsure("文书含有签发时不允许的隐藏或活动内容，不能确认各方看到的是同一内容。"),
    # The letter
    "PARTY_CONTENT": _invalid("文书内嵌的内容数据不合规定。"),
    "PARTY_NOT_CERTIFIED": _invalid("文书没有先由发文机关认证签章。"),
    "PARTY_WRONG": _invalid("签名人与文书约定的签署人不符。"),
    "PARTY_SELF": _invalid("监督方与承诺人是同一人：不得自己监督自己的承诺。"),
    "PARTY_ORDER": _invalid("签署次序与文书约定不符。"),
    "PARTY_UNKNOWN_FIELD": _invalid("文书上有约定之外的签名。"),
    "PARTY_MISSING": _note("还有约定的签署人没有签署。"),
    "LETTER_NOT_COMPLETED": _note("文书尚未加盖归档时间戳（未达 B-LTA），手续未完成。"),
    "LETTER_VOID": _note("此文书已作废。"),
    "LETTER_SUPERSEDED": _note("此文书已被新的文书替代。"),
    # The receipt
    "RECEIPT_MALFORMED": _invalid("存证回执残缺或格式错误。"),
    "RECEIPT_INVALID": _invalid("存证回执不成立。"),
    "RECEIPT_OTHER_FILE": _invalid("存证回执不是这个文件的。"),
    "RECEIPT_LOG_UNKNOWN": _unsure("没有给出存证日志的公钥，回执无法验证。"),
    "RECEIPT_NOT_WITNESSED": _unsure(
        "存证回执的检查点上，见证方的联署少于信任包所要求的个数；可向发文单位换领新回执。"
    ),
    "RECEIPT_MISSING": _unsure("所给的回执中没有这个文件的存证回执。"),
    "RECEIPT_PREFIX": _note("存证回执证明的是此文件较早的版本；其后内容由签名证明。"),
}
