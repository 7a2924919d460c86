"""How fast letters are made: `python bench/documents.py [--json] [--full]`, ratios within one run.

Each case runs in a process of its own and counts its own processor time (the machine may be shared); the cases that
are compared take turns, and the least disturbed round counts. `--full` runs the batch promise with 1 000 and 10 000
letters; else with so few that the whole takes about a minute on a quiet machine.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.memory import peak_mb  # noqa: E402

FONTS = ROOT / ".fonts"
_SURNAMES, _GIVEN = "赵钱孙李周吴郑王冯陈", ("建国", "思远", "明", "晓红", "示范", "样例", "佳", "志强")
_ROUNDS = 3


def main() -> None:
    """Run every case, print what was measured and the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("-n", type=int, default=8)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(CASES[given.case](given.n)))
        return
    small, large = (1000, 10000) if given.full else (60, 240)
    found = _compare(("pdf", "naive", "typst", "docx", "docxtpl"), given.n)
    found |= _batch(small, large)
    ratios = {
        "pdf_vs_naive": _ratio(found, "naive", "pdf"),
        "pdf_vs_typst": _ratio(found, "typst", "pdf"),
        "docx_vs_stock": _ratio(found, "docxtpl", "docx"),
        "two_cores": round(found["two"]["rate"] / found["one"]["rate"], 2),
        "growth_10k_vs_1k": _growth(found),
        "memory_10k_vs_1k": round(found["large"]["peak_mb"] / found["small"]["peak_mb"], 3),
    }
    if given.json:
        print(json.dumps({"ratios": ratios}))
        return
    for name, row in found.items():
        print(f"{name:8}", "  ".join(f"{key} {value}" for key, value in row.items()))
    print(f"letters of the batch: {small} and {large}{'' if given.full else ' (--full: 1000 and 10000)'}")
    print("\n".join(f"{name:18} {value}" for name, value in ratios.items()))


def _compare(cases: tuple[str, ...], n: int) -> dict[str, dict[str, Any]]:
    """Return the best of some rounds in which the cases take turns."""
    rounds: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
    for _ in range(_ROUNDS):
        for case in cases:
            rounds[case].append(_run(case, n))
    return {case: min(rows, key=lambda row: row.get("cpu_ms", 0)) for case, rows in rounds.items()}


def _batch(small: int, large: int) -> dict[str, dict[str, Any]]:
    """Return real batches of PDF and Word, one worker against two in turns, and a small one against a large one."""
    rates: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
    for _ in range(_ROUNDS):
        for case, rows in rates.items():
            rows.append(_run(case, small))
    best = {case: max(rows, key=lambda row: float(row["rate"])) for case, rows in rates.items()}
    runs = [_run("two", n) for n in (small // 10, small, large)]
    return best | dict(zip(("tiny", "small", "large"), runs, strict=True))


def _growth(found: dict[str, dict[str, Any]]) -> float:
    """Return what a further letter costs beyond the small batch, against one within it: start-up counts in neither."""
    spent = [(found[name]["letters"], found[name]["cpu_s"]) for name in ("tiny", "small", "large")]
    within, beyond = ((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(spent))
    return float(round(beyond / within, 3))


def _start(case: str, n: int) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--case", case, "-n", str(n)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _run(case: str, n: int) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(_start(case, n).communicate()[0] or "{}")
    return row


def _ratio(found: dict[str, dict[str, Any]], slow: str, fast: str) -> float | None:
    if "cpu_ms" not in found[slow] or "cpu_ms" not in found[fast]:
        return None
    return round(float(found[slow]["cpu_ms"]) / float(found[fast]["cpu_ms"]), 2)


def _measure(make: Callable[[int], bytes], n: int) -> dict[str, Any]:
    for i in range(3):
        data = make(i)
    times, start = [], time.perf_counter()
    for i in range(n):
        before = time.process_time()
        data = make(i)
        times.append(time.process_time() - before)
    return {
        "cpu_ms": round(statistics.quantiles(times, n=10)[0] * 1000, 2),  # the least disturbed tenth
        "mean_ms": round(statistics.mean(times) * 1000, 2),
        "wall": round(time.perf_counter() - start, 3),
        "bytes": len(data),
        "peak_mb": peak_mb(),
    }


def _letters() -> tuple[Any, Callable[[int], Any]]:
    from service.documents.content import validate  # noqa: PLC0415 (each case pays only for what it uses)
    from service.documents.kinds import load_kind  # noqa: PLC0415
    from service.documents.samples import samples  # noqa: PLC0415

    kind = load_kind(ROOT / "templates/commitment")
    sample = next(each.content for each in samples(kind) if each.name == "乡级")

    def letter(i: int) -> Any:
        name = _SURNAMES[i % len(_SURNAMES)] + _GIVEN[i // 3 % len(_GIVEN)]
        fields = {**sample.fields, "cadre_name": name, "entity_count": i % 90 + 1}
        return replace(sample, fields=validate(kind, fields))

    return kind, letter


def _pdf(n: int) -> dict[str, Any]:
    from service.documents.pdf import PdfRenderer  # noqa: PLC0415

    kind, letter = _letters()
    renderer = PdfRenderer(FONTS)
    return _measure(lambda i: renderer.render(kind, letter(i), specimen=False), n)


def naive_renderer(kind: Any) -> Callable[[Any], bytes]:
    """WeasyPrint as its manual shows it: the system's Noto, fonts and style sheet anew for each; same PDF/A + UA."""
    import re  # noqa: PLC0415

    import weasyprint  # noqa: PLC0415
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

    from service.core import content_json  # noqa: PLC0415
    from service.documents import finish, sandbox  # noqa: PLC0415

    css = (ROOT / "service/documents/gbt9704.css").read_text("utf-8")
    css = re.sub(r"\bG(?:Hei|Mono)\b", '"Noto Sans CJK SC"', css)
    css = re.sub(r"\bG(?:Fang|Kai|Song|BiaoSong)\b", '"Noto Serif CJK SC"', css)

    def make(content: Any) -> bytes:
        template = sandbox.environment(autoescape=True).from_string(kind.html())
        html = template.render(sandbox.context(kind, content, specimen=False))
        attached = weasyprint.Attachment(
            string=content_json(content.envelope, content.fields).decode(), name="content.json"
        )
        config = FontConfiguration()
        sheet = weasyprint.CSS(string=css, font_config=config)
        return bytes(
            weasyprint.HTML(string=html).write_pdf(
                font_config=config,
                stylesheets=[sheet],
                attachments=[attached],
                pdf_variant="pdf/a-3a",
                pdf_forms=True,
                finisher=lambda _, pdf: finish.finish(pdf, content.envelope.parties),
            )
        )

    return make


def _naive(n: int) -> dict[str, Any]:
    kind, letter = _letters()
    make = naive_renderer(kind)
    return _measure(lambda i: make(letter(i)), n)


def _docx(n: int) -> dict[str, Any]:
    from service.documents.docx import render_docx  # noqa: PLC0415

    kind, letter = _letters()
    return _measure(lambda i: render_docx(kind, letter(i), specimen=False), n)


def _docxtpl(n: int) -> dict[str, Any]:
    """docxtpl as its manual shows it: the template opened, rendered and saved for each letter."""
    import io  # noqa: PLC0415

    from docxtpl import DocxTemplate  # noqa: PLC0415
    from jinja2 import Environment  # noqa: PLC0415

    from service.documents import sandbox  # noqa: PLC0415
    from service.documents.content import china_date  # noqa: PLC0415

    kind, letter = _letters()
    data = kind.docx()
    environment = Environment(autoescape=True)
    environment.filters["china_date"] = china_date

    def make(i: int) -> bytes:
        template = DocxTemplate(io.BytesIO(data))
        template.render(sandbox.context(kind, letter(i), specimen=False), environment, autoescape=True)
        output = io.BytesIO()
        template.save(output)
        return output.getvalue()

    return _measure(make, n)


def _typst(n: int) -> dict[str, Any]:
    """The same page in Typst, with the same fonts, loaded once; nothing is returned where Typst is not installed."""
    try:
        import typst  # noqa: PLC0415
    except ImportError:
        return {}
    from service.documents import sandbox  # noqa: PLC0415

    kind, letter = _letters()
    fonts = typst.Fonts(font_paths=[str(FONTS)], include_system_fonts=False)

    def make(i: int) -> bytes:
        values = sandbox.context(kind, letter(i), specimen=False)
        source = _typst_source(values).encode()
        return bytes(typst.compile(source, font_paths=fonts, format="pdf", pdf_standards=["a-3a"]))

    return _measure(make, n)


def _typst_source(values: dict[str, Any]) -> str:
    fields, items, envelope = values["fields"], values["items"], values["envelope"]
    body = "\n\n".join(
        [f"#h(-2em){fields.committee}："]
        + [row.text for row in items.opening]
        + [f'#text(font: "FandolHei")[{row.head}]{row.text}' for row in items.clauses]
        + [row.text for row in items.closing]
    )
    return f"""#set document(title: "{envelope.title}", date: datetime(year: 2026, month: 11, day: 24))
#set page(paper: "a4", margin: (top: 37mm, bottom: 35mm, left: 28mm, right: 26mm), numbering: "— 1 —")
#set text(font: ("FandolFang R", "FandolFang"), size: 16pt, lang: "zh", region: "cn", tracking: -0.2pt)
#set par(justify: true, leading: 13pt, spacing: 13pt, first-line-indent: (amount: 2em, all: true))
#align(right)[编号：{envelope.number}]
#align(center)[#text(font: "FandolSong", weight: "bold", size: 22pt)[{envelope.title}]]
{body}
#grid(columns: (1fr, 1fr), rows: (auto, 24mm, auto, auto), text(font: "FandolHei")[承诺人：{fields.cadre_name}],
  text(font: "FandolHei")[{fields.leader_title}], [签名日期], [签名日期],
  [单位：{fields.cadre_unit}], [单位：{fields.leader_unit}],
  [职务：{fields.cadre_post}], [])
#align(right)[{fields.issuer} \\ 2026年11月24日]
"""


def _made(workers: int, n: int) -> dict[str, Any]:
    """A batch as `liangze generate commitment` runs it; only the registry is replaced, by made-up letters."""
    import tempfile  # noqa: PLC0415

    from service import app as composition  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415
    from service.workflows import batch, paper_sources  # noqa: PLC0415
    from service.workflows.papers.desk import Target  # noqa: PLC0415

    _, letter = _letters()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", workers=workers)
        composition.initialise(settings)
        parts = composition.build(settings).parts
        targets = [Target(str(i), f"{i:06d}", "000000") for i in range(n)]
        setattr(paper_sources, "targets", lambda *_: targets)  # noqa: B010 (mypy knows these as functions)
        setattr(paper_sources, "content", lambda *given: letter(int(given[2])))  # noqa: B010
        start = time.perf_counter()
        made = batch.run(parts, batch.Order("commitment"), Path(folder) / "out", workers=workers)
        wall = time.perf_counter() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "rate": round(made.rendered / wall, 2),
        "letters": made.rendered,
        "cpu_s": round(sum(one.ru_utime + one.ru_stime for one in used), 2),
        "peak_mb": max(one.ru_maxrss for one in used) // 1024,
    }


CASES: dict[str, Callable[[int], dict[str, Any]]] = {
    **{"pdf": _pdf, "naive": _naive, "typst": _typst, "docx": _docx, "docxtpl": _docxtpl},
    **{"one": partial(_made, 1), "two": partial(_made, 2)},
}

if __name__ == "__main__":
    main()
