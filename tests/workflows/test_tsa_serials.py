"""Serial numbers of the local time-stamping authority, over processes, blocks and a restored database."""

import asyncio
import os
from collections.abc import Callable

from asn1crypto import tsp
from sqlalchemy import select

from service.app import App
from service.db.tables import Setting
from service.signing.timestamps import LocalTimeStamper
from service.workflows.tsa_serials import BLOCK, NAME, Serials


def _next(app: App) -> int:
    with app.parts.sessions.begin() as session:
        row = session.scalars(select(Setting.value).where(Setting.name == NAME)).one()
    return int(row)


def test_no_number_is_given_twice_by_two_processes(app: App) -> None:
    ours, theirs = (Serials(app.parts.sessions, os.urandom) for _ in range(2))
    before = ours() >> 64
    given = [one() >> 64 for _ in range(BLOCK) for one in (ours, theirs)]
    assert before not in given
    assert len(set(given)) == len(given)
    assert _next(app) > max(given)


def test_a_forked_process_reserves_its_own_block(app: App) -> None:
    serials = Serials(app.parts.sessions, os.urandom)
    first = serials() >> 64
    serials._process -= 1  # as a child sees it
    assert serials() >> 64 == first + BLOCK


def test_a_restored_database_repeats_the_count_but_no_number(app: App) -> None:
    first = Serials(app.parts.sessions, os.urandom)()
    with app.parts.sessions.begin() as session:
        session.get_one(Setting, NAME).value = str(first >> 64)
    again = Serials(app.parts.sessions, os.urandom)()
    assert (again >> 64, again != first) == (first >> 64, True)


def test_tokens_carry_the_numbers_that_the_database_counts(open_app: Callable[[], App]) -> None:
    stamper = open_app().parts.timestamper
    assert isinstance(stamper, LocalTimeStamper)
    infos = [
        asyncio.run(stamper.async_timestamp(bytes(32), "sha256"))["content"]["encap_content_info"]["content"]
        for _ in range(2)
    ]
    one, two = (int(tsp.TSTInfo.load(info.parsed.dump())["serial_number"].native) for info in infos)
    assert (two >> 64) - (one >> 64) == 1
