"""Nothing is signed by a clock that runs behind the log, nor in production by an own authority nobody answers for."""

import io
import json
from collections.abc import Callable
from datetime import timedelta

import openpyxl
import pytest
from asn1crypto import tsp
from fastapi import Response
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.core import Sha256Hex
from service.db.tables import Certificate, Key, Letter
from service.errors import ConflictError, ForbiddenError, InputError, VerificationError
from service.settings import Settings
from service.verification import verdict
from service.verification.trust import Trust
from service.workflows import authority, permission, report_words, signing, verification_report
from service.workflows import trust as bundles
from service.workflows.parts import Parts
from service.workflows.verification_report import Finding
from tests.serving import served
from tests.signing.test_tsa_client import Tsa, make_tsa, reply, tsa_server
from tests.workflows.conftest import PIN, HandClock, people


def _tries(app: App, person: str) -> int:
    with app.parts.sessions.begin() as session:
        return session.scalars(select(Key.failures).where(Key.owner == person)).one()


def test_a_clock_behind_the_last_checkpoint_signs_nothing(
    app: App, issued: list[str], clock: HandClock
) -> None:
    person = people(app.parts)[0]
    clock.move(timedelta(hours=-2))
    with pytest.raises(ConflictError, match="早于存证日志"):
        signing.sign_letters(app.parts, person, PIN, device="test")
    assert _tries(app, person) == 0  # asked before the PIN is tried
    clock.move(timedelta(hours=3))
    assert signing.sign_letters(app.parts, person, PIN, device="test").letters
    app.drain()


def test_a_clock_far_from_the_authoritys_signs_nothing(app: App, issued: list[str], clock: HandClock) -> None:
    tsa = make_tsa(clock())
    (app.parts.settings.anchors / "time").mkdir(parents=True)
    (app.parts.settings.anchors / "time" / "root.der").write_bytes(tsa.root)
    with served(tsa_server(_behind(tsa, clock))) as url:
        settings = Settings(home=app.parts.settings.home, workers=1, tsa_urls=url)
        other = composition.build(settings, clock, app.parts.entropy)
        with pytest.raises(VerificationError, match="校准本机时间"):
            signing.sign_letters(other.parts, people(app.parts)[0], PIN, device="test")


def _behind(tsa: Tsa, clock: HandClock) -> Callable[[bytes], Response]:
    def answer(body: bytes) -> Response:
        made = tsa.stamper(clock() + timedelta(minutes=5)).respond(tsp.TimeStampReq.load(body), 7)
        return reply(made.dump())

    return answer


class _Production(Parts):
    """The same parts, seen as production; demo keys would not be opened there."""

    __slots__ = ()

    @property
    def demo(self) -> bool:
        return False


def test_production_with_an_own_authority_needs_somebody_who_answers_for_it(app: App) -> None:
    parts = _Production(*(getattr(app.parts, name) for name in Parts.__slots__))
    person = people(app.parts)[0]
    with app.parts.sessions.begin() as session:
        certificate: Certificate = authority.certificate_of(session, person, app.parts.clock())
    permission.require_signing(app.parts, certificate)
    with pytest.raises(ForbiddenError, match="liangze acknowledge"):
        permission.require_signing(parts, certificate)
    with pytest.raises(InputError):
        permission.acknowledge(parts, " ", "内网试点")
    permission.acknowledge(parts, "负责人甲", "内网试点，会议纪要第1号（测试）")
    permission.require_signing(parts, certificate)
    assert "负责人甲：内网试点" in str(permission.acknowledged(parts))


def test_every_report_says_that_the_time_is_this_machines_and_who_answers_for_it(
    app: App, issued: list[str]
) -> None:
    permission.acknowledge(app.parts, "负责人甲", "内网试点，会议纪要第1号（测试）")
    with pytest.raises(InputError, match="过长"):
        permission.acknowledge(app.parts, "负责人甲", "长" * 300)
    trust = Trust.read_bundle(bundles.bundle(app.parts, app.parts.clock()))
    with app.parts.sessions.begin() as session:
        head = session.get_one(Letter, issued[0]).head
    report = verdict.verify(app.parts.store.get(Sha256Hex(str(head))), trust, app.parts.clock())
    found = Finding(report)
    printed = json.dumps(verification_report.fields(found), ensure_ascii=False)
    kind = verification_report.load(app.parts.settings.templates)
    page = verification_report.to_html([found], kind, app.parts.clock())
    lines = json.dumps(report_words.reasons(report), ensure_ascii=False)
    for shown in (printed, page, lines, json.dumps(report.to_json(), ensure_ascii=False)):
        assert "时间由本机时间戳证明" in shown
        assert "负责人甲：内网试点" in shown
    book = openpyxl.load_workbook(io.BytesIO(verification_report.to_xlsx([report], app.parts.clock())))
    cells = [str(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    assert "时间由本机时间戳证明" in "".join(cells)
    assert "责任" in str(bundles.describe(trust, app.parts.clock()))
