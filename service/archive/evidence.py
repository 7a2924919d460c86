"""The evidence package (证据包): one zip with everything that checking a document takes; same content, same bytes.

`清单.json` names every other file with its SHA-256. Files are stored, not compressed: nothing depends on a compressor.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from service.archive.inspection import Dossier
from service.core import Json, canonical_json, sha256_hex
from service.errors import InputError

MANIFEST = "清单.json"
README = "说明.txt"
DOCUMENTS, RECEIPTS, METADATA, PROCESS = "documents", "receipts", "metadata", "process"
ISSUED = "issued"
"""What was printed, of documents that were signed by hand."""
PROOF = ".tlog-proof"
MAX_FILES = 50_000
MAX_BYTES = 4 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's earliest date: no clock goes into the bytes
_ALLOWED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class Package:
    """A package as found: its files, how its form is broken, what nobody listed."""

    files: Mapping[str, bytes]
    faults: tuple[str, ...]
    surplus: tuple[str, ...]
    expected: int | None
    """How many documents its manifest announces."""


def build(files: Mapping[str, bytes], documents: int) -> bytes:
    """Return the package of `files` with its manifest."""
    digests = {name: sha256_hex(content) for name, content in files.items()}
    manifest = canonical_json({"v": 1, "documents": documents, "files": digests})
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted({**files, MANIFEST: manifest}.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # else it tells on which system it was made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return target.getvalue()


def add(files: dict[str, bytes], dossier: Dossier) -> None:
    """Put one dossier into `files`."""
    name = str(dossier.metadata["code"])
    files[f"{METADATA}/{name}.json"] = canonical_json(dict(dossier.metadata))
    files[f"{PROCESS}/{name}.json"] = canonical_json([one.decode() for one in dossier.entries])
    if dossier.file is not None:
        files[f"{DOCUMENTS}/{name}.{suffix_of(dossier.file)}"] = dossier.file
    if dossier.issued is not None:
        files[f"{ISSUED}/{name}.pdf"] = dossier.issued
    if dossier.receipt is not None:
        files[f"{RECEIPTS}/{name}{PROOF}"] = dossier.receipt


def suffix_of(data: bytes) -> str:
    """Return how a document's file ends: jpg for a photographed scan, else pdf."""
    return "jpg" if data.startswith(b"\xff\xd8\xff") else "pdf"


def read(data: bytes) -> Package:
    """Return a package with what is wrong about it; raise InputError for what is no zip or far too large."""
    faults: list[str] = []
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MAX_FILES or sum(one.file_size for one in members) > MAX_BYTES:
                raise InputError("E-ARC-071", "证据包过大，不予读取。")
            for one in members:
                if one.filename in files:
                    faults.append(f"{one.filename} 出现两次")
                elif one.compress_type not in _ALLOWED or one.flag_bits & 1:
                    faults.append(f"{one.filename} 的压缩或加密方式不在允许之列")
                else:
                    files[one.filename] = _member(archive, one, faults)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as exc:
        raise InputError("E-ARC-072", "不是证据包（zip），或已残缺。") from exc
    return _compared(files, faults)


def _member(archive: zipfile.ZipFile, one: zipfile.ZipInfo, faults: list[str]) -> bytes:
    try:
        return archive.read(one)
    except (zipfile.BadZipFile, OSError, EOFError):
        faults.append(f"{one.filename} 已损坏")
    with archive.open(
        one
    ) as stream:  # the bytes all the same, so that each check can say what it thinks of them
        stream._expected_crc = None  # type: ignore[attr-defined]
        return stream.read()


def _compared(files: dict[str, bytes], faults: list[str]) -> Package:
    manifest = files.pop(MANIFEST, None)
    value = _json(manifest) if manifest is not None else None
    if not isinstance(value, dict) or value.get("v") != 1 or not isinstance(value.get("files"), dict):
        return Package(files, (*faults, f"缺少可读的 {MANIFEST}"), (), None)
    listed = value["files"]
    faults += [f"缺少 {name}" for name in sorted(set(listed) - set(files))]
    faults += [
        f"{name} 与清单所记摘要不符"
        for name in sorted(set(listed) & set(files))
        if sha256_hex(files[name]) != listed[name]
    ]
    expected = value.get("documents")
    surplus = tuple(sorted(set(files) - set(listed)))
    return Package(files, tuple(faults), surplus, expected if type(expected) is int else None)


def dossiers(package: Package) -> list[Dossier]:
    """Return the documents of a package, by their metadata; what is missing or unreadable is left empty."""
    files = package.files
    names = sorted(
        {
            name.removeprefix(f"{folder}/").rpartition(".")[0]
            for folder in (METADATA, DOCUMENTS)
            for name in files
            if name.startswith(f"{folder}/")
        }
    )
    return [_dossier(files, name) for name in names]


def _dossier(files: Mapping[str, bytes], name: str) -> Dossier:
    meta = _json(files.get(f"{METADATA}/{name}.json", b""))
    process = _json(files.get(f"{PROCESS}/{name}.json", b""))
    entries = [str(one).encode() for one in process] if isinstance(process, list) else []
    return Dossier(
        metadata=meta if isinstance(meta, dict) else {},
        file=files.get(f"{DOCUMENTS}/{name}.pdf") or files.get(f"{DOCUMENTS}/{name}.jpg"),
        receipt=files.get(f"{RECEIPTS}/{name}{PROOF}"),
        entries=tuple(entries),
        issued=files.get(f"{ISSUED}/{name}.pdf"),
    )


def _json(data: bytes | None) -> Json:
    try:
        return json.loads(data or b"")
    except (ValueError, RecursionError):
        return None
