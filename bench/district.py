"""A deployment for the benchmarks of the web part: a street, in one of its villages as many signers as are wanted."""

import itertools
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
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
from service.registry import persons  # noqa: E402
from service.settings import Settings  # noqa: E402
from service.workflows import enrolment, intake, letters, lists, signing  # noqa: E402

PIN = "806317"
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = "安保昌成诚达德东方飞丰福刚高光广贵国海汉航和恒弘华辉惠吉继佳建健江杰金锦经景静军"
GIVEN += "君俊凯康克坤兰乐立利良林龙明宁平朴奇启强青清庆仁荣瑞山善胜世书顺思泰天"


@dataclass(frozen=True, slots=True)
class Village:
    """Where the signers are: the village, its leader, and everybody else with a letter."""

    code: str
    leader: str
    cadres: tuple[str, ...]


class Many(make_lucheng.Maker):
    """Makes names and numbers for more people than the samples have."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._number = itertools.count(1)

    def person(self) -> str:
        """Return an invented name; numbers tell its bearers apart."""
        return f"样例{next(self._number):05d}"

    def phone(self) -> str:
        """Return a mobile number that begins with 199."""
        return f"199{next(self._number):08d}"


def prepare(home: Path, signers: int) -> tuple[App, Village]:
    """Make a deployment where the letters of `signers` cadres of one village are issued; nobody has a key yet."""
    logging.getLogger("huey").setLevel(logging.ERROR)
    settings = Settings(home=home, workers=2)
    composition.initialise(settings)
    app = composition.build(settings)
    town = make_lucheng.lucheng()[0]
    intake.take_in(app.parts, intake.read(_workbook(home, town, signers)), who="录入员", why="导入")
    intake.assign(app.parts, who="录入员")
    seal = enrolment.register_seal(app.parts, town.code, "食品安全委员会印章（演示）", "DEMO001", None)
    enrolment.enrol_seal(app.parts, seal, PIN)
    village = town.villages[0][0]
    lists.compile_list(app.parts, village, "D", who="录入员")
    letters.plan_letters(app.parts, village, who="录入员")
    app.drain()
    signing.seal_letters(app.parts, village, PIN, device="bench")
    app.drain()
    return app, _village(app, village, signers)


def _workbook(home: Path, town: make_lucheng.Town, signers: int) -> Path:
    """Write the street's workbook: more cadres in its first village, and entities for each of them."""
    maker = Many(7)
    book = make_lucheng.build(maker, [town], 12 * signers + 60)
    code, name = town.villages[0]
    names = [f"{one}样{other}" for other in GIVEN for one in SURNAMES][:signers]
    for person in names:
        book.cadres.append(
            [code, name, person, "专职网格员", "网格员", maker.phone(), None, date(2024, 3, 1), "在任"]
        )
    path = home.parent / "street.xlsx"
    path.write_bytes(make_lucheng.workbook_bytes(book))
    return path


def _village(app: App, code: str, signers: int) -> Village:
    with app.parts.sessions.begin() as session:
        leader = persons.leader(session, code, china_day(app.parts.clock())).cadre
        rows = session.scalars(
            select(Letter.cadre).where(Letter.unit == code, Letter.cadre != leader).order_by(Letter.number)
        ).all()
    if len(rows) < signers:
        raise SystemExit(f"only {len(rows)} letters were issued")
    return Village(code, leader, tuple(rows[:signers]))


def finished(home: Path, count: int) -> list[bytes]:
    """Return `count` finished letters of a new deployment, each another; the deployment is closed again."""
    app, village = prepare(home, count)
    sign(app, village.cadres)
    sign(app, [village.leader])
    with app.parts.sessions.begin() as session:
        heads = session.scalars(select(Letter.head).where(Letter.state == "completed").limit(count)).all()
    found = [app.parts.store.get(Sha256Hex(str(head))) for head in heads]
    close(app)
    if len(found) < count:
        raise SystemExit(f"only {len(found)} letters were finished")
    return found


def sign(app: App, people: Sequence[str]) -> None:
    """Enrol people and have each sign what waits for them."""
    for person in people:
        enrolment.enrol_person(app.parts, person, PIN)
        signing.sign_letters(app.parts, person, PIN, device="bench")
    app.drain()


def close(app: App) -> None:
    """Give the connections back."""
    app.parts.close()
