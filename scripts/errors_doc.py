"""Writes docs/errors.md, the table of error codes, from the source; --check only says whether it is up to date."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
CODE = re.compile(r"E-[A-Z]{3}-[0-9]{3}")
EXIT_CODES = {"UsageError": 2, "SetupError": 3, "CorruptError": 3, "ServiceError": 3}
HEAD = """# 错误代码 / Error codes

Made from the source by `scripts/errors_doc.py`; `make format` runs it. 〈…〉 stands for the value at hand.
Exit code 1: correct what was handed in; 2: correct the command; 3: the installation or what it has stored
needs its administrator.
"""


@dataclass(frozen=True, order=True)
class Raised:
    """One place where a code is raised: the class names the remedy, the text is what the person reads."""

    code: str
    package: str
    error: str
    text: str


def raised(source: Path) -> Iterator[Raised]:
    """Yield every code that a call in the Python files under `source` carries as its first argument."""
    for path in sorted(source.rglob("*.py")):
        package = path.relative_to(source).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield from _of_call(node, package)


def page(found: list[Raised]) -> str:
    """Return the page: one table per package of the code's prefix, sorted by code."""
    codes: dict[str, list[Raised]] = defaultdict(list)
    for item in sorted(set(found)):
        codes[item.code].append(item)
    parts = [HEAD]
    for prefix in sorted({code[2:5] for code in codes}):
        parts.append(f"\n## {prefix}\n\n| code | class (exit code) | message |\n| --- | --- | --- |\n")
        parts.extend(_row(code, items) for code, items in codes.items() if code[2:5] == prefix)
    return "".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or with --check return 1 when it is out of date."""
    text = page(list(raised(ROOT / "service")))
    if "--check" not in arguments:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    print("docs/errors.md is out of date: run .venv/bin/python scripts/errors_doc.py", file=sys.stderr)
    return 1


def _of_call(call: ast.Call, package: str) -> Iterator[Raised]:
    for place, argument in enumerate(call.args):
        if isinstance(argument, ast.Constant) and CODE.fullmatch(str(argument.value)):
            texts = [_words(other) for other in call.args[place + 1 :]]
            yield Raised(str(argument.value), package, _name(call.func), next(filter(None, texts), ""))


def _words(node: ast.expr) -> str:
    """Return the text of a literal or f-string, with 〈…〉 for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part) if isinstance(part, ast.Constant) else "〈…〉" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _words(node.left) + _words(node.right)
    return ""


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _row(code: str, items: list[Raised]) -> str:
    classes = sorted({item.error for item in items})
    named = ", ".join(f"{name} ({EXIT_CODES.get(name, 1)})" for name in classes if name.endswith("Error"))
    texts = dict.fromkeys(item.text.replace("|", "\\|").replace("\n", " ") for item in items if item.text)
    return f"| {code} | {named} | {'<br>'.join(texts)} |\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
