"""逐级上报: one zip with the rows of a unit and those below, and a manifest that digests every file of it.

The files are canonical JSON (RFC 8785, https://www.rfc-editor.org/rfc/rfc8785); the zip has fixed dates, so that the
same day's registry gives the same bytes. A signed note (https://c2sp.org/signed-note) names unit and manifest.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from service.clock import format_utc, parse_utc
from service.core import Json, Sha256Hex, canonical_json, parse_canonical, sha256_hex
from service.errors import ForbiddenError, InputError, ServiceError
from service.registry import intake
from service.registry.columns import FORMS, Form
from service.registry.known import Known
from service.registry.records import Workbook
from service.registry.sheets import MAX_ROWS, Sheet
from service.tlog import note

FORMAT = "liangze-upward-report"
MANIFEST, SIGNATURE = "manifest.json", "manifest.note"
MAX_REPORT = 64 << 20  # bytes of the zip
MAX_FILE = 256 << 20  # bytes of one member; 50 000 entities take about 40 MB
_FILES = {"units.json": FORMS[0], "cadres.json": FORMS[1], "entities.json": FORMS[2]}
_MORE = frozenset({"assignments.json", "lists.json", "progress.json", "ledger.xlsx"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Who reports, as of which day, made when, and the digest of every file."""

    unit: str
    unit_name: str
    day: date
    made_at: datetime
    files: Mapping[str, Sha256Hex]
    counts: Mapping[str, int]

    def to_json(self) -> dict[str, Json]:
        """Return the manifest as written."""
        return {
            "format": FORMAT,
            "v": 1,
            "unit": self.unit,
            "unit_name": self.unit_name,
            "day": self.day.isoformat(),
            "made_at": format_utc(self.made_at),
            "files": dict(self.files),
            "counts": dict(self.counts),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """A report whose digests hold: its manifest and its files."""

    manifest: Manifest
    files: Mapping[str, bytes]
    sha256: Sha256Hex
    signature: bytes
    _manifest_bytes: bytes

    def require_signed(self, vkey: str) -> None:
        """Raise ForbiddenError unless the key signed this very manifest."""
        try:
            signed = note.open_note(self.signature, [note.Verifier.parse(vkey)])
        except ServiceError as exc:
            raise ForbiddenError(
                "E-REG-790", "上报包的签名不是该机构登记的公钥所签，没有导入；请与下级核对来源。"
            ) from exc
        if signed.text != _signed_text(self.manifest.unit, self._manifest_bytes):
            raise ForbiddenError("E-REG-790", "上报包的签名属于另一份清单，没有导入；请与下级核对来源。")

    def workbook(self, known: Known) -> Workbook:
        """Return the rows as an import reads them, against what the receiver knows."""
        return intake.read_rows([_sheet(form, self.files[name]) for name, form in _FILES.items()], known)

    def further(self, name: str) -> Json:
        """Return one of the further JSON files."""
        return json.loads(self.files[name])


def pack(
    unit: str,
    unit_name: str,
    day: date,
    made_at: datetime,
    forms: list[tuple[Form, list[dict[str, Any]]]],
    more: Mapping[str, bytes],
    sign: Callable[[str], bytes],
) -> bytes:
    """Return the zip; `sign` returns a text as a signed note."""
    rows = {form.sheet: rows for form, rows in forms}
    files = {name: canonical_json([_plain(row) for row in rows[form.sheet]]) for name, form in _FILES.items()}
    files |= more
    counts = {name.removesuffix(".json"): len(rows[form.sheet]) for name, form in _FILES.items()}
    digests = {name: sha256_hex(data) for name, data in sorted(files.items())}
    manifest = Manifest(unit, unit_name, day, made_at, digests, counts)
    first = canonical_json(manifest.to_json())
    head = [(MANIFEST, first), (SIGNATURE, sign(_signed_text(unit, first)))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in [*head, *sorted(files.items())]:
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)
    return buffer.getvalue()


def unpack(data: bytes) -> Report:
    """Return the report in a zip; raise InputError unless it is whole and every digest holds."""
    if len(data) > MAX_REPORT:
        raise InputError("E-REG-730", f"上报包超过 {MAX_REPORT >> 20} MB；请核对文件。")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(set(names)) != len(names) or set(names) != {MANIFEST, SIGNATURE, *_FILES, *_MORE}:
                raise InputError("E-REG-731", "上报包里的文件多了、少了或重复；请下级重新生成后再报。")
            if any(member.flag_bits & 1 or member.file_size > MAX_FILE for member in members):
                raise InputError("E-REG-730", "上报包有密码或内容过大；请下级重新生成后再报。")
            files = {name: archive.read(name) for name in names}
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        RuntimeError,
        NotImplementedError,
        EOFError,
        ValueError,
    ) as exc:
        raise InputError("E-REG-732", "上报包已损坏或不是上报包；请下级重新生成后再报。") from exc
    first, signature = files.pop(MANIFEST), files.pop(SIGNATURE)
    manifest = _manifest(first)
    wrong = sorted(name for name in files if manifest.files.get(name) != sha256_hex(files[name]))
    if wrong or set(manifest.files) != set(files):
        raise InputError(
            "E-REG-733", f"上报包里的 {'、'.join(wrong) or '清单'} 与摘要不符，可能被改动；请下级重新上报。"
        )
    return Report(manifest, files, sha256_hex(data), signature, first)


def _signed_text(unit: str, manifest: bytes) -> str:
    return f"{FORMAT} v1\n{unit}\n{sha256_hex(manifest)}\n"


def _manifest(data: bytes) -> Manifest:
    try:
        value = parse_canonical(data)
        _require_version(value["format"], value["v"])
        return Manifest(
            *(_text(value["unit"]), _text(value["unit_name"])),
            date.fromisoformat(value["day"]),
            parse_utc(value["made_at"]),
            {_text(name): Sha256Hex(_text(digest)) for name, digest in value["files"].items()},
            {_text(name): int(count) for name, count in value["counts"].items()},
        )
    except InputError:
        raise
    except (ServiceError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise InputError("E-REG-734", "上报包的清单读不懂；请下级重新生成后再报。") from exc


def _require_version(name: Json, version: Json) -> None:
    if (name, version) != (FORMAT, 1):
        raise InputError("E-REG-735", "不认识这种上报包的格式或版本；请升级本系统后再试。")


def _text(value: Json) -> str:
    if not isinstance(value, str) or len(value) > 100:
        raise ValueError("a short text is wanted")
    return value


def _plain(row: Mapping[str, Any]) -> dict[str, Json]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in row.items()
        if value is not None
    }


def _sheet(form: Form, data: bytes) -> Sheet:
    """Return the rows of a file as a sheet of the collection form, to be read as strictly as any workbook."""
    try:
        rows = _rows(json.loads(data))
        values = [tuple(_cell(row.get(column.name)) for column in form.columns) for row in rows]
    except (ValueError, TypeError, AttributeError, RecursionError) as exc:
        raise InputError("E-REG-734", f"上报包的“{form.sheet}”读不懂；请下级重新生成后再报。") from exc
    if len(values) > MAX_ROWS:
        raise InputError("E-REG-006", f"上报包的“{form.sheet}”超过 {MAX_ROWS} 行。")
    headings = tuple(column.heading for column in form.columns)
    return Sheet(form.sheet, tuple(enumerate([headings, *values], start=1)), ())


def _rows(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("a list of rows is wanted")
    return value


def _cell(value: Json) -> str | int | None:
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise ValueError("a cell is a text or a number")
