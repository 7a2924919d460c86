"""Builds tests/vectors/verification: `python -m tests.vectors.build_verification`; twice the same bytes.

Every key grows from a label, every clock stands still, every signature is deterministic (RFC 6979), or on
record (builder/recorded.py).
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from service.clock import format_utc
from tests.vectors.builder import catalogue, recorded
from tests.vectors.builder.vector import Family, Vector

FOLDER = Path(__file__).parent / "verification"
FILES, TRUST = "files", "trust"


def build(folder: Path) -> None:
    """Write files, receipts, trust and manifest into `folder`."""
    for name in (FILES, TRUST):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    trusts: dict[str, str | None] = {}
    families = []
    written: dict[tuple[bytes, str], str] = {}
    for family in catalogue.families():
        rows = [_write(folder, vector, written) for vector in family.vectors]
        families.append({"id": family.id, "title": family.title, "source": family.source, "vectors": rows})
        trusts.update({vector.trust: None for vector in family.vectors})
    for name in trusts:
        file, data = catalogue.trust_bytes(name)
        (folder / TRUST / file).write_bytes(data)
        trusts[name] = f"{TRUST}/{file}"
    manifest = {"v": 1, "trust": trusts, "families": families}
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (folder / "manifest.json").write_text(text, "utf-8")


def find(name: str) -> tuple[Family, Vector]:
    """Return one vector and its family."""
    return next((f, v) for f in catalogue.families() for v in f.vectors if v.name == name)


def _write(folder: Path, vector: Vector, written: dict[tuple[bytes, str], str]) -> dict[str, Any]:
    """Write one vector and return its row; the same bytes under another trust are the same file."""
    data = vector.make()
    file = written.setdefault((data, vector.suffix), f"{FILES}/{vector.name}{vector.suffix}")
    (folder / file).write_bytes(data)
    receipt = None
    if vector.receipt:
        receipt = f"{FILES}/{vector.name}.tlog-proof"
        (folder / receipt).write_bytes(vector.receipt())
    require: dict[str, Any] = {"verdict": vector.verdict, "reasons": list(vector.reasons)}
    if vector.status:
        require["status"] = vector.status
    return {
        "name": vector.name,
        "file": file,
        "title": vector.title,
        "sha256": hashlib.sha256(data).hexdigest(),
        "trust": vector.trust,
        "now": format_utc(vector.now),
        "receipt": receipt,
        "require": require,
    }


if __name__ == "__main__":
    build(FOLDER)
    recorded.save()
