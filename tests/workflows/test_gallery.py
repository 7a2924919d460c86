"""What a signer opens first was drawn before they came, from the same bytes; it is gone once they have signed."""

import io

import pytest
from PIL import Image

from service.app import App
from service.db.tables import Letter
from service.workflows import gallery, reading, signing
from tests.workflows.conftest import PIN


@pytest.fixture
def letter(app: App, issued: list[str]) -> Letter:
    with app.parts.reader.begin() as session:
        return session.get_one(Letter, issued[0])


def test_pages_are_drawn_when_a_letter_is_issued_and_go_when_it_is_signed(app: App, letter: Letter) -> None:
    digest = str(letter.head)
    ahead = [gallery.drawn_ahead(app.parts, digest, page, gallery.WIDTH) for page in (1, 2, 3, 0)]
    data = app.parts.store.get(letter.head)  # type: ignore[arg-type]
    assert ahead == [*(gallery.page_of(data, page, gallery.WIDTH) for page in (1, 2)), None, None]
    assert abs(Image.open(io.BytesIO(ahead[0] or b"")).width - gallery.WIDTH) <= 1
    assert reading.picture(app.parts, letter.id, letter.cadre, digest, 1, gallery.WIDTH) == ahead[0]
    assert gallery.drawn_ahead(app.parts, digest, 1, gallery.WIDTH - 1) is None
    signing.sign_letters(app.parts, letter.cadre, PIN, device="test", only=[letter.id])
    app.drain()
    assert gallery.drawn_ahead(app.parts, digest, 1, gallery.WIDTH) is None


def test_a_torn_picture_is_drawn_again(app: App, letter: Letter) -> None:
    digest = str(letter.head)
    drawn = reading.picture(app.parts, letter.id, letter.cadre, digest, 1, gallery.WIDTH)
    file = app.parts.settings.home / "pictures" / digest / "1.png"
    file.write_bytes(file.read_bytes()[:-100])
    assert gallery.drawn_ahead(app.parts, digest, 1, gallery.WIDTH) is None
    assert reading.picture(app.parts, letter.id, letter.cadre, digest, 1, gallery.WIDTH) == drawn


def test_what_waits_for_no_cadre_any_more_is_swept_away(app: App, letter: Letter) -> None:
    digest = str(letter.head)
    gallery.tidy(app.parts)
    assert gallery.drawn_ahead(app.parts, digest, 1, gallery.WIDTH)
    with app.parts.sessions.begin() as session:
        session.get_one(Letter, letter.id).state = "void"
    gallery.tidy(app.parts)
    assert gallery.drawn_ahead(app.parts, digest, 1, gallery.WIDTH) is None
    gallery.draw_ahead(app.parts, letter.id)
    assert gallery.drawn_ahead(app.parts, digest, 1, gallery.WIDTH) is None


def test_a_full_disk_is_left_alone(app: App, letter: Letter, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery.forget(app.parts, str(letter.head))
    monkeypatch.setattr(gallery, "ROOM", 1.1)
    gallery.draw_ahead(app.parts, letter.id)
    assert gallery.drawn_ahead(app.parts, str(letter.head), 1, gallery.WIDTH) is None
