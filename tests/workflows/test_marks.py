"""Every issued page bears a code that other people's readers read and our lists judge."""

import base64
from datetime import date, timedelta

import pypdfium2
import pytest
import zxingcpp
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from sqlalchemy import select

from service.app import App
from service.core import Sha256Hex
from service.db.tables import Letter, ListVersion
from service.errors import SetupError
from service.keys import private
from service.keys.signer import Algorithm
from service.verification import known, qr
from service.verification.known import State
from service.workflows import authority, letters, lists, marks


def codes(pdf: bytes, dpi: int = 300) -> list[str]:
    """Return the text of the code on each page, as a scanner of `dpi` sees it."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.render(scale=dpi / 72, grayscale=True).to_pil() for page in document]
    found = [zxingcpp.read_barcodes(page) for page in pages]
    assert [len(one) for one in found] == [1] * len(pages)
    assert {one.format.name for [one] in found} == {"QRCode"} and {one.ec_level for [one] in found} == {"Q"}
    return [one.text for [one] in found]


def head(app: App, letter_id: str) -> tuple[Letter, bytes]:
    with app.parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        session.expunge(letter)
    return letter, app.parts.store.get(Sha256Hex(str(letter.head)))


def test_each_page_of_an_issued_letter_says_whose_it_is(app: App, issued: list[str]) -> None:
    letter, pdf = head(app, issued[0])
    found = codes(pdf)
    assert len(found) == 2 and len(set(found)) == 1
    assert found[0].startswith("https://liangze.example/v#")
    now = app.parts.clock()
    lists = known.read_known(marks.known_bytes(app.parts, now))
    answer = known.judge(found[0], lists, now)
    cadre = letters.content_of(letter).envelope.parties[1]
    assert answer.state is State.GENUINE and isinstance(answer.claim, qr.Issued)
    assert (answer.claim.number, answer.claim.name) == (letter.number, cadre.name)
    assert answer.claim.content == marks.content_prefix(letter.content.encode())
    assert lists.kinds["commitment"] == letters.TITLE
    assert lists.files[str(letter.head)[:32]] == "issued"


@pytest.mark.parametrize("state", ["void", "superseded"])
def test_a_dead_letter_is_known_to_be_so(app: App, issued: list[str], state: str) -> None:
    with app.parts.sessions.begin() as session:
        letter = letters.get(session, issued[0])
        code = marks.mark(app.parts, letters.content_of(letter))
        letter.state = state
    now = app.parts.clock()
    lists = known.read_known(marks.known_bytes(app.parts, now), marks.keys(app.parts))
    assert known.judge(code, lists, now + timedelta(days=30)).state == state


def test_the_bundle_names_the_key_of_the_codes_and_former_ones(app: App) -> None:
    former = private.public_of(private.generate(Algorithm.ECDSA_P256_SHA256, b"\7".__mul__))
    folder = app.parts.settings.anchors / "qr"
    folder.mkdir(parents=True)
    pem = load_der_public_key(former).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "2025.pem").write_bytes(pem)
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
    assert [base64.b64decode(one) for one in trust.qr] == [app.parts.qr_key.public_key, former]
    (folder / "2024.pem").write_bytes(b"no key")
    with pytest.raises(SetupError, match="E-VER-164"):
        marks.keys(app.parts)


def test_a_list_that_another_took_the_place_of_is_known_to_be_so(app: App) -> None:
    with app.parts.sessions.begin() as session:
        version = session.scalars(select(ListVersion)).one()
        code = marks.mark(app.parts, lists.content_of(session, version))
    assert known.judge(code, known_now(app), app.parts.clock()).state is State.GENUINE
    with (
        app.parts.sessions.begin() as session
    ):  # approved: the page that still prints 待审定 no longer counts
        session.scalars(select(ListVersion)).one().approved_on = date(2026, 11, 24)
    assert known.judge(code, known_now(app), app.parts.clock()).state is State.SUPERSEDED
    with app.parts.sessions.begin() as session:
        version = session.scalars(select(ListVersion)).one()
        marks.record(session, lists.content_of(session, version), version.id, "approved", app.parts.clock())
        approved = marks.mark(app.parts, lists.content_of(session, version))
    assert known.judge(approved, known_now(app), app.parts.clock()).state is State.GENUINE
    with app.parts.sessions.begin() as session:
        session.scalars(select(ListVersion)).one().state = "superseded"
    assert known.judge(approved, known_now(app), app.parts.clock()).state is State.SUPERSEDED


def test_a_paper_that_was_ended_is_known_to_be_void(app: App, issued: list[str]) -> None:
    with app.parts.sessions.begin() as session:
        content = letters.content_of(letters.get(session, issued[0]))
        marks.record(session, content, "a-notice", "approved", app.parts.clock())
        marks.record(session, content, "a-notice", "approved", app.parts.clock())
        marks.end(session, "a-notice", "superseded")
        marks.end(session, "a-notice", "void")
        marks.end(session, "a-notice", "superseded")
    code = marks.mark(app.parts, content)
    assert known.judge(code, known_now(app), app.parts.clock()).state is State.VOID


def known_now(app: App) -> known.Known:
    return known.read_known(marks.known_bytes(app.parts, app.parts.clock()))
