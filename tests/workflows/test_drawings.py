"""A drawn signature that is kept is released by the PIN alone, and goes with the key; seals are checked at signing."""

import io
from datetime import timedelta

import pikepdf
import pytest
from sqlalchemy import select

from service.app import App
from service.clock import china_day
from service.core import Sha256Hex
from service.db.tables import Certificate, Key, Seal, Step
from service.errors import CorruptError, ForbiddenError, InputError, NotFoundError
from service.signing import hand
from service.workflows import authority, drawings, letters, permission, pins, signing
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts
from tests.softhsm import HOLDERS_KEY
from tests.workflows.conftest import PIN, VILLAGE
from tests.workflows.test_certificates import _first_cadre

STROKES = [[(10.0, 10.25), (60.5, 48.75), (90.0, 12.0)], [(20.0, 70.0), (120.0, 64.5)]]
NEW = "518294"


def _key(app: App, person: str) -> Key:
    with app.parts.sessions.begin() as session:
        return session.scalars(select(Key).where(Key.owner == person, Key.retired_at.is_(None))).one()


def test_it_is_drawn_on_what_is_signed_next_and_kept_through_a_change_of_pin(
    app: App, issued: list[str]
) -> None:
    person = _first_cadre(app)
    assert drawings.release(app.parts, person, "000000") is None  # nothing is kept: no PIN is tried
    drawings.keep(app.parts, person, PIN, STROKES)
    kept = _key(app, person).drawing
    assert kept is not None
    pins.change_pin(app.parts, person, PIN, NEW)
    assert drawings.release(app.parts, person, NEW) == STROKES
    (letter,) = signing.sign_letters(app.parts, person, NEW, device="test").letters
    with app.parts.sessions.begin() as session:
        step = session.scalars(select(Step).where(Step.letter == letter, Step.action == "sign")).one()
        prepared = app.parts.work.get(Sha256Hex(str(step.prepared)))
    with pikepdf.open(io.BytesIO(prepared)) as pdf:
        field = next(one for one in pdf.Root.AcroForm.Fields if one.T == "cadre")
        assert b"%.2f w" % hand.PEN in field.AP.N.read_bytes()  # the pen: a typed name has none
    app.drain()


def test_a_wrong_pin_releases_nothing_and_counts(app: App) -> None:
    person = _first_cadre(app)
    drawings.keep(app.parts, person, PIN, STROKES)
    with pytest.raises(ForbiddenError, match="PIN 不正确"):
        drawings.release(app.parts, person, "918273")
    assert _key(app, person).failures == 1
    with pytest.raises(InputError, match="只有一个点"):
        drawings.keep(app.parts, person, PIN, [[(1, 1)]])
    with pytest.raises(InputError, match="笔画列表"):
        drawings.read_strokes(b'{"a": 1}')


def test_a_bent_drawing_is_told_and_a_new_key_has_none(app: App) -> None:
    person = _first_cadre(app)
    drawings.keep(app.parts, person, PIN, STROKES)
    with app.parts.sessions.begin() as session:
        key = session.scalars(select(Key).where(Key.owner == person)).one()
        key.drawing = bytes(40)
    with pytest.raises(CorruptError, match="重新签写"):
        drawings.release(app.parts, person, PIN)
    pins.replace_forgotten(app.parts, person, NEW, Ground("录入员甲", "忘记 PIN", "已当面核对"))
    assert drawings.release(app.parts, person, NEW) is None
    with app.parts.sessions.begin() as session:
        assert set(session.scalars(select(Key.drawing).where(Key.owner == person))) == {None}


def test_a_key_on_a_token_keeps_no_drawing(app: App) -> None:
    person = _first_cadre(app)
    with app.parts.sessions.begin() as session:
        session.scalars(select(Key).where(Key.owner == person)).one().wrapped = HOLDERS_KEY
    with pytest.raises(ForbiddenError, match="不能留存"):
        drawings.keep(app.parts, person, PIN, STROKES)


def test_a_seal_past_its_validity_seals_nothing(app: App) -> None:
    with app.parts.sessions.begin() as session:
        today = china_day(app.parts.clock())
        seal = session.get_one(Seal, authority.seal_for(session, VILLAGE, today).id)
        seal.valid_to = today
    letters.plan_letters(app.parts, VILLAGE, who="clerk")
    with pytest.raises(NotFoundError, match="有效期已于"):
        signing.seal_letters(app.parts, VILLAGE, PIN, device="test")


class _Production(Parts):
    __slots__ = ()

    @property
    def demo(self) -> bool:
        return False


def test_at_the_moment_of_sealing_its_record_is_asked_again(app: App) -> None:
    with app.parts.sessions.begin() as session:
        today = china_day(app.parts.clock())
        seal = authority.seal_for(session, VILLAGE, today).id
        certificate: Certificate = authority.certificate_of(session, seal, app.parts.clock())
    permission.require_signing(app.parts, certificate)
    for change, why in (
        ({"filing": None}, "没有备案号"),
        ({"valid_to": today}, "有效期已于"),
        ({"valid_from": today + timedelta(days=1)}, "不在使用中"),
        ({"status": "停用"}, "不在使用中（停用）"),
    ):
        with app.parts.sessions.begin() as session:
            for name, value in change.items():
                setattr(session.get_one(Seal, seal), name, value)
        parts = _Production(*(getattr(app.parts, name) for name in Parts.__slots__))
        permission.acknowledge(parts, "负责人甲", "测试")
        with pytest.raises(ForbiddenError, match=why):
            permission.require_signing(parts, certificate)
