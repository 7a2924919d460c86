"""JSON API v1: the letters of a unit, and 制发准备 in one act, as the pages do it."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel

from service.clock import china_day
from service.web.access import person_of, require
from service.web.pages.api import PROBLEMS
from service.web.pages.letters import DESK
from service.web.site import site_of
from service.workflows import campaigns
from service.workflows import letters as drawing_up
from service.workflows.access.roles import Role

pages = APIRouter(prefix="/api/v1", tags=["v1"], responses=PROBLEMS)

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern=r"^[A-Za-z0-9_.:-]+$",
        description="A new one for each new act; a repetition under the same key gets the first answer.",
    ),
]


class LetterOut(BaseModel):
    """承诺书."""

    id: str
    number: str
    name: str
    state: str


class Letters(BaseModel):
    """The letters of a unit of this year."""

    day: date
    unit: str
    rows: list[LetterOut]


class Planned(BaseModel):
    """What 制发准备 did: the letters of the unit, how many are new, and who got none, with the reason."""

    unit: str
    letters: list[str]
    made: int
    without: list[str]


@pages.get("/units/{unit}/letters", dependencies=[require(*DESK)])
def letters(request: Request, unit: str) -> Letters:
    """Return the letters of a unit of this year, those that are over too."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        found = campaigns.lines(session, unit, on)
    rows = [LetterOut(id=one.letter, number=one.number, name=one.name, state=one.state) for one in found]
    return Letters(day=on, unit=unit, rows=rows)


@pages.post("/units/{unit}/letters", dependencies=[require(Role.CLERK)])
def plan(request: Request, unit: str, _: Key) -> Planned:
    """Draw up the letters of a unit in one act; a worker renders them."""
    person = person_of(request)
    made = drawing_up.plan_letters(site_of(request).parts, unit, who=person.who[:64], by=person)
    return Planned(unit=unit, letters=list(made.letters), made=made.made, without=list(made.without))
