"""The street of the workflow tests, whose letters are signed."""

from tests.workflows.conftest import app, clock, issued, issued_home, open_app, prepared_home

__all__ = ["app", "clock", "issued", "issued_home", "open_app", "prepared_home"]
