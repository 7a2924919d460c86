"""统一社会信用代码: 18 characters, the last one a check over the first 17 (mod 31, weights 3^i).

Spec: GB 32100-2015, 法人和其他组织统一社会信用代码编码规则, https://openstd.samr.gov.cn/
"""

import re

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # without I O Z S V: too easily misread
LENGTH = 18

_WEIGHTS = tuple(pow(3, place, 31) for place in range(LENGTH - 1))
_FORM = re.compile(rf"[{ALPHABET}]{{2}}\d{{6}}[{ALPHABET}]{{10}}")


def check_character(body: str) -> str:
    """Return the 18th character for the 17 characters `body`, which must be of the alphabet."""
    total = sum(ALPHABET.index(char) * weight for char, weight in zip(body, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def problem_of(code: str) -> str | None:
    """Return in Chinese what is wrong with `code`, or None when it is a valid credit code."""
    if len(code) != LENGTH:
        return f"应为18位，现为{len(code)}位"
    if not _FORM.fullmatch(code):
        return "含有不允许的字符（不用 I、O、Z、S、V，第3至8位为行政区划数字）"
    expected = check_character(code[:-1])
    if code[-1] != expected:
        return f"校验位不符，第18位应为“{expected}”"
    return None
