"""A deployment for the benchmarks of the web part: the sample district, its seals and as many signers as are wanted."""

import logging
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sqlalchemy import select  # noqa: E402

from samples import make_lucheng  # noqa: E402
from service import app as composition  # noqa: E402
from service.app import App  # noqa: E402
from service.clock import china_day  # noqa: E402
from service.core import Sha256Hex  # noqa: E402
from service.db.tables import Letter  # noqa: E402
from service.registry import query  # noqa: E402
from service.settings import Settings  # noqa: E402
from service.workflows import enrolment, intake, letters, lists, signing  # noqa: E402

PIN = "806317"
ENTITIES_EACH = 6  # of a cadre, about


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit whose cadres sign, the seal's unit, and those cadres."""

    code: str
    town: str
    cadres: tuple[str, ...]


def prepare(home: Path, signers: int) -> tuple[App, list[Unit]]:
    """Make a deployment with letters of at least `signers` cadres issued under their streets' seals."""
    logging.getLogger("huey").setLevel(logging.ERROR)
    settings = Settings(home=home, workers=2)
    composition.initialise(settings)
    app = composition.build(settings)
    towns = make_lucheng.lucheng()
    book = make_lucheng.build(make_lucheng.Maker(7), towns, max(300, 2 * ENTITIES_EACH * signers))
    workbook = home.parent / "district.xlsx"
    workbook.write_bytes(make_lucheng.workbook_bytes(book))
    intake.take_in(app.parts, intake.read(workbook), who="录入员", why="导入")
    intake.assign(app.parts, who="录入员")
    units = list(_units(app, (town.code for town in towns), signers))
    for town in dict.fromkeys(unit.town for unit in units):
        seal = enrolment.register_seal(app.parts, town, "食品安全委员会印章（演示）", f"DEMO{town}", None)
        enrolment.enrol_seal(app.parts, seal, PIN)
    for unit in units:
        lists.compile_list(app.parts, unit.code, "D", who="录入员")
        letters.plan_letters(app.parts, unit.code, who="录入员")
    app.drain()
    for unit in units:
        signing.seal_letters(app.parts, unit.code, PIN, device="bench")
    app.drain()
    return app, units


def _units(app: App, towns: Iterable[str], signers: int) -> Iterable[Unit]:
    """Yield villages until their cadres are enough."""
    on, have = china_day(app.parts.clock()), 0
    for town in towns:
        with app.parts.sessions.begin() as session:
            villages = [one.code for one in query.children(session, town, on)]
        for village in villages:
            if have >= signers:
                return
            with app.parts.sessions.begin() as session:
                cadres = tuple(
                    one.cadre
                    for one in query.cadres(session, village, on)
                    if query.cadre_rows(session, one.cadre, on)
                )
            have += len(cadres)
            yield Unit(village, town, cadres)


def enrol(app: App, units: Iterable[Unit]) -> None:
    """Make keys and certificates for everybody who signs and countersigns."""
    on = china_day(app.parts.clock())
    found: dict[str, None] = {}
    with app.parts.sessions.begin() as session:
        for unit in units:
            for cadre in unit.cadres:
                found |= {cadre: None, query.counterpart(session, cadre, on).cadre: None}
    for person in found:
        enrolment.enrol_person(app.parts, person, PIN)


def finished(home: Path, count: int) -> list[bytes]:
    """Return `count` finished letters of a new deployment, each another; the deployment is closed again."""
    app, units = prepare(home, count)
    enrol(app, units)
    on = china_day(app.parts.clock())
    with app.parts.sessions.begin() as session:
        leaders = {query.counterpart(session, one, on).cadre for unit in units for one in unit.cadres}
    for people in ([one for unit in units for one in unit.cadres], list(leaders)):
        for person in people:
            if signing.waiting_for(app.parts, person):
                signing.sign_letters(app.parts, person, PIN, device="bench")
        app.drain()
    with app.parts.sessions.begin() as session:
        heads = session.scalars(select(Letter.head).where(Letter.state == "completed").limit(count)).all()
    found = [app.parts.store.get(Sha256Hex(str(head))) for head in heads]
    app.parts.sessions.kw["bind"].dispose()
    if len(found) < count:
        raise SystemExit(f"only {len(found)} letters were finished")
    return found


def copy(home: Path, to: Path) -> Path:
    """Copy a deployment."""
    shutil.copytree(home, to)
    return to
