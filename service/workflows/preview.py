"""Filled samples (样本) of a kind, as PDF and as one picture a page."""

from pathlib import Path

from service.documents import pictures
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.documents.samples import Sample, samples
from service.errors import InputError


def render(kind: Kind, fonts: Path, out: Path, name: str | None = None) -> list[Path]:
    """Write the samples of `kind` (or the one of that name) to `out`; return the files written."""
    renderer = PdfRenderer(fonts)
    made: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, sample in enumerate(samples(kind), 1):
            if name in (None, sample.name):
                made += _write(renderer, kind, sample, out / f"{kind.id}-{number}")
    except OSError as exc:
        raise InputError("E-DOC-115", f"不能写入文件夹 {out}，请另选一个，或检查权限。") from exc
    if not made:
        names = "、".join(sample.name for sample in samples(kind))
        raise InputError("E-DOC-116", f"“{kind.title}”没有名为“{name}”的样本；现有：{names}。")
    return made


def _write(renderer: PdfRenderer, kind: Kind, sample: Sample, stem: Path) -> list[Path]:
    pdf = renderer.render(kind, sample.content, specimen=True)
    made = [stem.with_suffix(".pdf")]
    made[0].write_bytes(pdf)
    for number, picture in enumerate(pictures.pages(pdf), 1):
        made.append(stem.with_name(f"{stem.name}-{number:02d}.png"))
        picture.save(made[-1], optimize=True)
    return made
