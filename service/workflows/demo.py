"""The whole main job on the sample district, every step by the same workflows that the commands use.

State decides what is left to do at each step, so that a demo which was killed goes on where it was, and one
that has finished only checks and exports again.
"""

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from asn1crypto import pem
from sqlalchemy import select

from service.archive import audit
from service.clock import china_day
from service.core import canonical_json, sha256_hex
from service.db.tables import Cadre, Certificate, Letter
from service.errors import InputError, UsageError, VerificationError
from service.keys import suites
from service.keys.suites import Suite
from service.registry import persons, query
from service.signing import ca
from service.workflows import checking, enrolment, intake, letters, lists, setup, signing, trust
from service.workflows.checking import Final
from service.workflows.parts import Parts

WHO = "演示"
PIN = "806317"
"""The demo's PIN: public, like the demo keys."""
DEVICE = "liangze demo"
TOWN = "五马街道"
MINIMUM_LETTERS = 12
MARK = ".liangze-demo"


class Show(Protocol):
    """What the demo tells while it works."""

    def step(self, title: str) -> None:
        """Say that a step begins."""

    def progress(self, done: int, total: int) -> None:
        """Say how far the step has come."""


@dataclass(slots=True)
class Summary:
    """What was done: the content of summary.json."""

    cadres: int = 0
    entities: int = 0
    by_tier: dict[str, int] = field(default_factory=dict)
    lists: int = 0
    commitments: int = 0
    signed: int = 0
    verified: int = 0
    archived: int = 0
    audit: str = "not run"
    signature_profile: str = suites.USUAL
    remark: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Demo:
    """One run: the parts, where output goes, how pending jobs get done, how it is shown."""

    parts: Parts
    out: Path
    drain: Callable[[], None]
    show: Show
    summary: Summary

    def run(self, workbook: Path) -> Summary:
        """Do every step; raise what a step raises."""
        _claim(self.out)
        self.summary.signature_profile, self.summary.remark = self._suite.profile, self._suite.remark
        with self._timed("import", "读取登记簿"):
            self._import(workbook)
        with self._timed("assign", "分级并确定包保关系"):
            self._assign()
        with self._timed("lists", "编制责任清单（B、C、D 各一份，Word 和 PDF）"):
            self._lists()
        with self._timed("enrol", "登记印章和签署人（密钥、PIN、证书）"):
            self._enrol()
        with self._timed("issue", "制发承诺书并加盖电子印章"):
            self._issue()
        with self._timed("sign", "承诺人签署"):
            self._sign("sign")
        with self._timed("countersign", "主要负责人签署，归档为长期有效版本"):
            self._sign("countersign")
        with self._timed("export", "导出文书、回执、信任包"):
            finals = self._export()
        others = "本系统；pdfsig 不认识这套算法" if self._suite.remark else "本系统与 pdfsig 各一遍"
        with self._timed("verify", f"验证（{others}，一份离线核验）"):
            self._verify(finals)
        with self._timed("audit", "核查存证档案"):
            self._audit()
        (self.out / "summary.json").write_bytes(canonical_json(self.summary.to_json()) + b"\n")
        return self.summary

    @property
    def _suite(self) -> Suite:
        return suites.of_profile(self.parts.settings.signature_profile)

    @contextmanager
    def _timed(self, name: str, title: str) -> Iterator[None]:
        self.show.step(title)
        begin = time.perf_counter()
        yield
        self.summary.seconds[name] = round(time.perf_counter() - begin, 2)

    def _import(self, path: Path) -> None:
        workbook = intake.read(path)
        if workbook.faults:
            raise InputError("E-REG-611", f"{path} 有 {len(workbook.faults)} 处错误：{workbook.faults[0]}")
        intake.take_in(self.parts, workbook, who=WHO, why="导入样例登记簿")
        self.summary.cadres, self.summary.entities = len(workbook.cadres), len(workbook.entities)

    def _assign(self) -> None:
        outcome = intake.assign(self.parts, who=WHO)
        self.summary.by_tier = outcome.tiers
        if outcome.faults:
            first = outcome.faults[0]
            raise InputError("E-REG-605", f"有 {len(outcome.faults)} 户没有包保干部：{first.reason}")

    def _lists(self) -> None:
        units = self._units()
        made = [lists.compile_list(self.parts, unit, tier, who=WHO) for unit, tier in units]
        self.drain()
        folder = _fresh(self.out / "lists")
        for list_id in made:
            with self.parts.sessions.begin() as session:
                version = lists.get(session, list_id)
                name = query.unit(session, version.unit, china_day(self.parts.clock())).name
                files = lists.renditions(session, list_id)
            for suffix, digest in files.items():
                stem = f"包保{version.tier}级_{name}_第{version.version}版"
                (folder / f"{stem}.{suffix}").write_bytes(self.parts.store.get(digest))
        self.summary.lists = len(made)

    def _units(self) -> list[tuple[str, str]]:
        """Return the district, the street and its first village, each with the tier it answers for."""
        on = china_day(self.parts.clock())
        with self.parts.sessions.begin() as session:
            town = query.find_unit(session, TOWN, on)
            village = query.children(session, town.code, on)[0]
            return [(town.parent or "", "B"), (town.code, "C"), (village.code, "D")]

    def _signing_units(self) -> list[str]:
        """Return the units whose cadres sign: the street and its first two villages."""
        on = china_day(self.parts.clock())
        with self.parts.sessions.begin() as session:
            town = query.find_unit(session, TOWN, on)
            return [town.code, *(unit.code for unit in query.children(session, town.code, on)[:2])]

    def _people(self) -> list[Cadre]:
        """Return everybody who signs: the cadres of both units and their counterparts."""
        on = china_day(self.parts.clock())
        found: dict[str, Cadre] = {}
        with self.parts.sessions.begin() as session:
            for unit in self._signing_units():
                for cadre in query.cadres(session, unit, on):
                    other = persons.counterpart(session, cadre.cadre, on)
                    found |= {cadre.cadre: cadre, other.cadre: other}
        return list(found.values())

    def _enrol(self) -> None:
        parts, on = self.parts, china_day(self.parts.clock())
        with parts.sessions.begin() as session:
            town = query.find_unit(session, TOWN, on)
        demo_certificate = setup.read_certificate(setup.demo_key(parts.settings, "seal.pem"))
        name = ca.common_name(demo_certificate)
        seal = enrolment.register_seal(parts, town.code, name, "DEMO330302001", None)
        if not self._has_certificate(seal):
            key = setup.demo_key(parts.settings, "seal.key").read_bytes()
            enrolment.adopt_seal(parts, seal, _without_comments(key), demo_certificate, PIN)
        people = self._people()
        for done, person in enumerate(people, start=1):
            if not self._has_certificate(person.cadre):
                enrolment.enrol_person(parts, person.cadre, PIN)
            self.show.progress(done, len(people))

    def _has_certificate(self, owner: str) -> bool:
        with self.parts.sessions.begin() as session:
            found = session.scalars(
                select(Certificate.sha256).where(Certificate.owner == owner, Certificate.status == "valid")
            )
            return found.first() is not None

    def _issue(self) -> None:
        for unit in self._signing_units():
            tier = "C" if unit == self._signing_units()[0] else "D"
            lists.compile_list(self.parts, unit, tier, who=WHO)
            plan = letters.plan_letters(self.parts, unit, who=WHO)
            self.summary.commitments += len(plan.letters)
        if self.summary.commitments < MINIMUM_LETTERS:
            raise InputError("E-SIG-150", f"样例只产生 {self.summary.commitments} 份承诺书，少于预期。")
        self.drain()
        for unit in self._signing_units():
            if signing.drafts_of(self.parts, unit):
                signing.seal_letters(self.parts, unit, PIN, device=DEVICE, progress=self.show.progress)
        self.drain()

    def _sign(self, action: str) -> None:
        people = self._people()
        for done, person in enumerate(people, start=1):
            waiting = signing.waiting_for(self.parts, person.cadre)
            mine = [one.letter for one in waiting if one.action == action]
            if mine:
                strokes = hand_of(person.cadre, len(person.name))
                signing.sign_letters(self.parts, person.cadre, PIN, device=DEVICE, strokes=strokes, only=mine)
            self.show.progress(done, len(people))
        self.drain()
        with self.parts.sessions.begin() as session:
            states = list(session.scalars(select(Letter.state)))
        self.summary.signed = sum(state == "completed" for state in states)

    def _export(self) -> list[Final]:
        finals = checking.finals(self.parts)
        commitments, receipts = _fresh(self.out / "commitments"), _fresh(self.out / "receipts")
        for final in finals:
            name = final.number.replace("〔", "").replace("〕", "_")
            (commitments / f"{name}.pdf").write_bytes(final.pdf)
            (receipts / f"{name}{checking.RECEIPT}").write_bytes(final.receipt)
        trust.export(self.parts, _fresh(self.out / "trust"), self.parts.clock())
        (self.out / "log.vkey").write_text(self.parts.log.vkey + "\n")
        shutil.rmtree(self.out / "archive", ignore_errors=True)
        shutil.copytree(
            self.parts.settings.archive, self.out / "archive", ignore=shutil.ignore_patterns(".*")
        )
        self.summary.archived = len(finals)
        return finals

    def _verify(self, finals: list[Final]) -> None:
        files = sorted((self.out / "commitments").glob("*.pdf"))
        known = checking.gather_trust([self.out / "trust" / "bundle.json"], self.out / "log.vkey")
        receipts = checking.gather_receipts(self.out / "receipts")
        workers = self.parts.settings.workers
        reports = checking.check_all(files, known, self.parts.clock(), receipts, workers=workers)
        for done, (path, report) in enumerate(zip(files, reports, strict=True), start=1):
            if not report.is_good:
                raise VerificationError("E-VER-110", f"{path.name} 未通过验证：{report.reasons}")
            if not self._suite.remark:
                checking.pdfsig(path)
            self.show.progress(done, len(files))
        self.summary.verified = len(files)
        if len(files) != self.summary.commitments or len(finals) != self.summary.commitments:
            raise VerificationError("E-VER-111", "最终文书的份数与应签份数不符。")

    def _audit(self) -> None:
        report = audit.audit(self.out / "archive", self.parts.log.vkey, audit.Scope(full=True))
        self.summary.audit = "ok" if report.ok else report.findings[0].text


def hand_of(person: str, count: int) -> list[list[tuple[float, float]]]:
    """Return an invented handwriting as a signature pad would give it: the same for the same person."""
    seed = bytes.fromhex(sha256_hex(person.encode()))
    strokes = []
    for number in range(3 * count):
        a, b, c, d = (value / 255 for value in seed[number % 8 * 4 : number % 8 * 4 + 4])
        left = number // 3 * 90.0 + 20 + 25 * a
        top = 20.0 + number % 3 * 22 + 10 * b
        points = range(12)
        strokes.append(
            [
                (
                    left + point * (2 + 3 * c),
                    top + 14 * math.sin(point * (0.3 + 0.5 * d)) + point * (b - 0.3) * 2,
                )
                for point in points
            ]
        )
    return strokes


def _claim(out: Path) -> None:
    """Make the output folder ours; raise UsageError for a folder that holds anything of somebody else's."""
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).exists():
        raise UsageError("E-SYS-031", f"输出文件夹 {out} 不是空的，也不是以前演示的输出，请另选一个。")
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()


def _fresh(folder: Path) -> Path:
    """Empty an output folder of this demo, so that nothing of an earlier run is mistaken for this one's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _without_comments(key: bytes) -> bytes:
    """Return the PEM alone; demo key files begin with a warning."""
    name, _, der = pem.unarmor(key)
    return bytes(pem.armor(name, der))
