"""The office's seal is not put on a draft that hides something."""

import io
from typing import Any

import pikepdf
import pytest

from service.app import App
from service.core import Sha256Hex, sha256_hex
from service.db.tables import Letter
from service.errors import InputError
from service.workflows import letters, signing
from tests.workflows.conftest import PIN, VILLAGE


def test_a_draft_with_a_script_is_not_sealed(app: App) -> None:
    plan = letters.plan_letters(app.parts, VILLAGE, who="clerk")
    app.drain()
    for letter_id in plan.letters:
        with app.parts.sessions.begin() as session:
            letter = session.get_one(Letter, letter_id)
            pdf: Any = pikepdf.open(io.BytesIO(app.parts.work.get(Sha256Hex(letter.draft or ""))))
            pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("1"))
            output = io.BytesIO()
            pdf.save(output)
            app.parts.work.put(output.getvalue())
            letter.draft = sha256_hex(output.getvalue())
    with pytest.raises(InputError, match=r"E-VER-006.*脚本"):
        signing.seal_letters(app.parts, VILLAGE, PIN, device="test")
    with app.parts.sessions.begin() as session:
        assert {session.get_one(Letter, one).state for one in plan.letters} == {"draft"}
