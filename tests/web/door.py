"""Letters of a village in every state, served with the public pages; what the tests at the door share."""

import io
from dataclasses import dataclass

import pypdfium2
from playwright.sync_api import Page

from service.app import App
from service.core import Sha256Hex
from service.workflows import letters, marks

WAIT = 60.0  # seconds: of a machine that does other things


@dataclass(frozen=True, slots=True)
class Street:
    """A deployment as it is served, and its letters: completed, void, superseded, issued only."""

    app: App
    url: str
    letters: dict[str, str]

    def code(self, which: str = "completed") -> str:
        """Return what stands behind the # in the code of a letter's pages."""
        with self.app.parts.sessions.begin() as session:
            content = letters.content_of(letters.get(session, self.letters[which]))
        return marks.mark(self.app.parts, content).rpartition("#")[2]

    def pdf(self, which: str = "completed") -> bytes:
        """Return a letter's newest revision."""
        with self.app.parts.sessions.begin() as session:
            return self.app.parts.store.get(Sha256Hex(str(letters.get(session, self.letters[which]).head)))

    def number(self, which: str = "completed") -> str:
        """Return a letter's number."""
        with self.app.parts.sessions.begin() as session:
            return letters.get(session, self.letters[which]).number


def ready(page: Page, address: str) -> None:
    """Open the page for codes and wait until it has judged."""
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]", state="attached")


def verdict(page: Page) -> tuple[str, str]:
    """Return colour and words of the verdict on a code."""
    return str(page.get_attribute("#verdict", "class")), page.inner_text("#words")


def photo(pdf: bytes, turn: int = 7) -> bytes:
    """Return a photo (JPEG) of a page, held not quite straight."""
    document = pypdfium2.PdfDocument(pdf)
    picture = document[0].render(scale=2.5, grayscale=True).to_pil()
    out = io.BytesIO()
    picture.rotate(turn, expand=True, fillcolor="white").save(out, "JPEG", quality=80)
    return out.getvalue()
