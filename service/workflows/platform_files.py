"""平台上传包: one file per cadre as the national platform takes it, zipped by unit; and which were uploaded, and when.

The same letters give the same bytes. A file that stays over the limit is left out and named.
"""

import csv
import io
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex, sha256_hex
from service.db.flow import PlatformUpload
from service.db.tables import Letter
from service.documents import package as packages
from service.documents import pictures, scans
from service.errors import ConflictError, InputError
from service.workflows import campaigns, gallery, letters, paper
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

FORMS = {"pdf": "PDF", "jpg": "JPG"}
READY = letters.KEPT
"""States in which a letter can be uploaded."""
LIMITS = (100, 20_000)  # kB of one file, that may be asked for
MANIFEST = "清单.csv"
_DPI = 130
_QUALITIES = (85, 70, 55, 40)
_SCALES = (1.0, 0.8, 0.6)
_UNSAFE = re.compile(r"[^\w〔〕（）-]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A letter that can be uploaded, and when it was."""

    letter: str
    number: str
    name: str
    is_paper: bool
    uploaded: date | None


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file, how many files it holds, and which letters are not in it, with the reason."""

    data: bytes
    files: int
    left: tuple[str, ...]


def lines(session: Session, unit: str, on: date) -> list[Line]:
    """Return the letters of a unit of this year that are finished, electronically or on paper, by number."""
    done = dict(session.execute(select(PlatformUpload.letter, PlatformUpload.on)).all())
    return [
        Line(
            one.id,
            one.number,
            str(letters.content_of(one).fields["cadre_name"]),
            one.state == paper.STATE,
            done.get(one.id),
        )
        for one in _ready(session, unit, on)
    ]


def package(parts: Parts, unit: str, form: str, limit: int) -> Package:
    """Return the files of a unit in one form, none larger than `limit` kB; raise InputError where there is none."""
    if form not in FORMS or not LIMITS[0] <= limit <= LIMITS[1]:
        raise InputError("E-SIG-260", f"请选择 PDF 或 JPG，单个文件上限在 {LIMITS[0]}–{LIMITS[1]} KB 之间。")
    with parts.sessions.begin() as session:
        found = _ready(session, unit, china_day(parts.clock()))
        copies = {one.id: paper.open_copy(session, one.id) for one in found if one.state == paper.STATE}
    files: dict[str, bytes] = {}
    rows, left = [["文件名", "姓名", "文书编号", "签订方式", "SHA-256"]], []
    for place, letter in enumerate(found, 1):
        copy = copies.get(letter.id)
        source = paper.scan_of(parts, copy) if copy else parts.store.get(Sha256Hex(str(letter.head)))
        data = _fitting(source, form, limit * 1000)
        name = str(letters.content_of(letter).fields["cadre_name"])
        if data is None:
            left.append(f"{letter.number}（{name}）超过 {limit} KB")
            continue
        file = f"{place:03d}_{_plain(name)}_{_plain(letter.number)}.{form}"
        files[file] = data
        rows.append([file, name, letter.number, "纸质签订" if copy else "电子签名", sha256_hex(data)])
    if not files:
        raise InputError("E-SIG-261", "没有可以打包的承诺书：" + ("；".join(left) or "还没有签完的。"))
    return Package(_zipped({**files, MANIFEST: _table(rows)}), len(files), tuple(left))


def mark(parts: Parts, unit: str, chosen: Sequence[str], on: date, *, by: Person) -> None:
    """Record that these letters of a unit were uploaded on that day; a correction replaces the day."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        ready = {one.id: one for one in _ready(session, unit, china_day(now))}
        if not chosen or set(chosen) - set(ready):
            raise ConflictError("E-SIG-262", "所选承诺书有变化或不属于本单位，请刷新后重选。")
        if on > china_day(now) or any(on < ready[one].day for one in chosen):
            raise InputError("E-SIG-263", "上传日期不能晚于今天，也不能早于文书日期。")
        for one in chosen:
            session.merge(PlatformUpload(letter=one, on=on, recorded_at=now, recorded_by=by.who[:64]))
        trail.note(session, now, "登记平台上传", by=by, unit=unit, letters=len(set(chosen)))


def counts(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    """Return how many letters of this year of each unit are uploaded (已上传); those that are over do not count."""
    rows = (
        select(Letter.unit, func.count())
        .join(PlatformUpload, PlatformUpload.letter == Letter.id)
        .where(Letter.unit.in_(codes), *campaigns.of_year(on), Letter.state.in_(READY))
    )
    return dict(session.execute(rows.group_by(Letter.unit)).all())


def _ready(session: Session, unit: str, on: date) -> list[Letter]:
    rows = select(Letter).where(Letter.unit == unit, *campaigns.of_year(on), Letter.state.in_(READY))
    found = session.scalars(rows).all()
    return sorted(found, key=lambda one: (len(one.number), one.number))


def _fitting(source: bytes, form: str, most: int) -> bytes | None:
    """Return a letter or scan in a form within the limit; a picture is made smaller until it fits."""
    is_pdf = source.startswith(b"%PDF-")
    if form == "pdf":
        data = source if is_pdf else scans.to_pdf([source])
        return data if len(data) <= most else None
    with gallery.drawing:
        pages = list(pictures.pages(source, _DPI)) if is_pdf else scans.pages(source)
    whole = _stacked(pages)
    return next((data for data in _jpegs(whole) if len(data) <= most), None)


def _stacked(pages: Sequence[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (max(one.width for one in pages), sum(one.height for one in pages)), "white")
    top = 0
    for one in pages:
        whole.paste(one.convert("RGB"), (0, top))
        top += one.height
    return whole


def _jpegs(whole: Image.Image) -> Iterator[bytes]:
    """Yield a picture as JPEG, each smaller than the one before."""
    for scale in _SCALES:
        size = (round(whole.width * scale), round(whole.height * scale))
        image = whole if scale == 1.0 else whole.resize(size, Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality)
            yield out.getvalue()


def _plain(text: str) -> str:
    return _UNSAFE.sub("", text)[:60]


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode("utf-8-sig")  # spreadsheets know it by the mark


def _zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, packages.ZIP_DAY)
            entry.create_system = 3  # else it tells on which system it was made
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return target.getvalue()
