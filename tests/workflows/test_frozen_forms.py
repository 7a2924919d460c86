"""The steps of a letter and the approval statement are frozen: rows and signatures of today must be read later."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator
from sqlalchemy import CheckConstraint, select

from service.app import App
from service.core import sha256_hex
from service.db.tables import Approval, Step
from service.signing import approvals
from service.workflows import steps

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((VECTORS / "schemas" / f"{name}-v1.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_code_walks_the_frozen_steps() -> None:
    frozen = json.loads((VECTORS / "steps" / "steps-v1.json").read_text())
    validator("steps").validate(frozen)
    rows = {row["action"]: row for row in frozen["steps"]}
    assert {action: row["event"] for action, row in rows.items()} == {
        action: event.value for action, event in (steps.EVENTS | steps.ENDINGS).items()
    }
    assert {action: row["from"] for action, row in rows.items() if row["from"]} == steps.BEFORE
    assert {action: row["role"] for action, row in rows.items() if row["role"]} == {
        **{action: role.value for action, role in steps.ROLES.items()},
        **dict.fromkeys(steps.ENDINGS, "office"),  # under its seal
    }
    known = next(str(one.sqltext) for one in Step.__table_args__ if isinstance(one, CheckConstraint))
    assert all(f"'{state}'" in known for row in rows.values() for state in row["states"])


def test_a_kept_approval_has_the_frozen_form_and_names_what_was_signed(app: App, issued: list[str]) -> None:
    with app.parts.sessions.begin() as session:
        kept = session.scalars(select(Approval)).one()
        row = session.scalars(select(Step).where(Step.approval == kept.id)).all()
    validator("approval").validate(json.loads(kept.statement))
    statement = approvals.parse_statement(kept.statement.encode())
    assert sha256_hex(kept.statement.encode()) == kept.sha256
    assert {item.letter for item in statement.letters} == set(issued) == {one.letter for one in row}
    assert statement.consent == approvals.CONSENT
