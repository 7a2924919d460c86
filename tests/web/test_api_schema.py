"""schemathesis over the OpenAPI (https://schemathesis.readthedocs.io): whatever is asked, no 500, and as described."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi import checks

from service.workflows.access.roles import Role
from tests.web.conftest import Running
from tests.web.people import Browser, token_in
from tests.workflows.opening import TOWN

FEW, MANY = 5, 400  # examples for each operation
CHECKS: list[Any] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def ask(running: Running, role: Role | None, examples: int) -> set[int]:
    """Ask every operation of the API as somebody (or nobody); return the statuses that came."""
    with Browser(running.url) as browser:
        description = browser.get("/api/v1/openapi.json").json()
        headers = {}
        if role is not None:
            session = running.people.cookie(running.people.account(role, TOWN))
            browser.cookies.set("liangze", session)
            headers = {"X-CSRF-Token": token_in(browser.get("/").text), "Cookie": f"liangze={session}"}
    came: set[int] = set()
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def run(case: Any) -> None:
            answer = case.call(running.url, headers=headers)
            came.add(answer.status_code)
            assert answer.status_code < 500, (case.path, answer.text)
            case.validate_response(answer, checks=CHECKS)

        run()
    return came


def test_a_clerk_asks_whatever_the_description_allows(running: Running) -> None:
    assert 200 in ask(running, Role.CLERK, FEW)


def test_nobody_gets_nothing_but_problems(running: Running) -> None:
    assert ask(running, None, 2) <= {401, 403, 404, 422}


@pytest.mark.soak
@pytest.mark.parametrize("role", [Role.CLERK, Role.ADMIN, Role.AUDITOR, None])
def test_many_questions_bring_no_fault(fresh: Running, role: Role | None) -> None:
    ask(fresh, role, MANY)
