"""What a signer reads is a picture of the very bytes, and nobody else's letter."""

import io

import pytest
from PIL import Image

from service.app import App
from service.core import sha256_hex
from service.db.tables import Letter
from service.errors import ConflictError, ForbiddenError, NotFoundError
from service.workflows import handing_over, letters, reading, signing, steps
from tests.workflows.conftest import VILLAGE, people


@pytest.fixture
def letter(app: App, issued: list[str]) -> Letter:
    with app.parts.sessions.begin() as session:
        return session.get_one(Letter, issued[0])


def test_the_cadre_and_the_counterpart_read_the_bytes_that_are_signed_next(app: App, letter: Letter) -> None:
    shown = reading.read_head(app.parts, letter.id, letter.cadre)
    assert shown.digest == sha256_hex(steps.head_of(app.parts, letter))
    assert len(shown.pages) == 2 and "承诺" in shown.pages[0]
    assert letter.leader is not None
    assert reading.read_head(app.parts, letter.id, letter.leader) == shown
    others = set(people(app.parts)) - {letter.cadre, letter.leader}
    with pytest.raises(ForbiddenError):
        reading.read_head(app.parts, letter.id, others.pop())


def test_what_was_opened_is_on_record_once(app: App, letter: Letter) -> None:
    for _ in range(2):
        digest = reading.read_head(app.parts, letter.id, letter.cadre).digest
    with app.parts.sessions.begin() as session:
        assert reading.opened(session, letter.cadre, [digest, "0" * 64]) == {digest}
        assert reading.opened(session, letter.leader or "", [digest]) == set()


def test_a_page_is_a_small_picture_and_what_is_prepared_is_its_signers_alone(
    app: App, letter: Letter
) -> None:
    digest = reading.read_head(app.parts, letter.id, letter.cadre).digest
    drawn = reading.picture(app.parts, letter.id, letter.cadre, digest, 1, 780)
    page = Image.open(io.BytesIO(drawn))
    assert abs(page.width - 780) <= 1 and page.height > page.width
    assert len(drawn) < 200_000
    with pytest.raises(NotFoundError):
        reading.picture(app.parts, letter.id, letter.cadre, digest, 3, 780)
    with pytest.raises(ConflictError):
        reading.picture(app.parts, letter.id, letter.cadre, "0" * 64, 1, 780)
    (ready,) = signing.prepare_letters(app.parts, letter.cadre, only=[letter.id]).ready
    shown = reading.read_prepared(app.parts, ready.step, letter.cadre)
    assert shown.digest == ready.prepared != digest
    assert (shown.signed, shown.others) == ((2,), (1,))
    assert reading.picture(app.parts, letter.id, letter.cadre, shown.digest, 1, 780) == drawn
    assert reading.picture(app.parts, letter.id, letter.cadre, shown.digest, 2, 780) != drawn
    assert letter.leader is not None
    with pytest.raises(ForbiddenError):
        reading.read_prepared(app.parts, ready.step, letter.leader)
    with pytest.raises(ConflictError):
        reading.picture(app.parts, letter.id, letter.leader, shown.digest, 2, 780)


def test_reading_holds_no_writer_up_and_none_holds_it_up(app: App, letter: Letter) -> None:
    reading.read_head(app.parts, letter.id, letter.cadre)
    with app.parts.sessions.begin():  # the one writer of SQLite is busy
        shown = reading.read_head(app.parts, letter.id, letter.cadre)
        assert reading.picture(app.parts, letter.id, letter.cadre, shown.digest, 1, 300)
        assert handing_over.board_of(app.parts, letter.cadre).own
        assert handing_over.is_certified(app.parts, letter.cadre)


def test_a_draft_is_the_offices_until_it_bears_the_seal(app: App) -> None:
    (letter, *_) = letters.plan_letters(app.parts, VILLAGE, who="clerk").letters
    app.drain()
    with app.parts.sessions.begin() as session:
        cadre = session.get_one(Letter, letter).cadre
    with pytest.raises(NotFoundError, match="E-SIG-162"):
        reading.read_head(app.parts, letter, cadre)
