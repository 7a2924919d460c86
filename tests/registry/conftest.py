"""The sample workbooks, a real SQLite registry, and a small workbook to spoil."""

import importlib.util
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openpyxl import Workbook as Xlsx

from service.core import Entropy
from service.db import tables
from service.db.engine import Sessions, open_engine, sessions_of
from service.registry import apply, bonds, intake, rules
from service.registry.records import Workbook
from tests.conftest import DATABASES
from tests.once import once
from tests.postgresql import Server

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ON = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

SheetRows = dict[str, list[list[Any]]]


def seeded(seed: int = 1) -> Entropy:
    """Return repeatable chance."""
    return random.Random(seed).randbytes


@pytest.fixture(scope="session")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_lucheng", SAMPLES / "make_lucheng.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    import sys  # noqa: PLC0415 - dataclasses look their module up

    sys.modules["make_lucheng"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def lucheng() -> Workbook:
    return intake.read_workbook(SAMPLES / "lucheng.xlsx")


def _take_in(lucheng: Workbook, url: str) -> None:
    engine = open_engine(url)
    tables.Base.metadata.create_all(engine)
    with sessions_of(engine).begin() as session:
        apply.apply(
            session,
            lucheng,
            who="clerk",
            why="首次导入",
            on=ON,
            now=NOW,
            entropy=seeded(),
            rules=rules.shipped().grading,
        )
    with sessions_of(engine).begin() as session:
        assigned = bonds.propose(session, ON, rules.shipped())
        bonds.apply_assignments(session, assigned, who="clerk", why="首次分配", on=ON, now=NOW)
    engine.dispose()


@pytest.fixture(scope="session")
def imported(lucheng: Workbook) -> Path:
    """A database with the sample district imported and assigned, to be copied."""
    name = "imported.sqlite3"
    return once("registry", lambda folder: _take_in(lucheng, f"sqlite:///{folder / name}")) / name


@pytest.fixture(scope="session")
def imported_on_postgresql(lucheng: Workbook, postgresql: Server) -> str:
    """The same on PostgreSQL: the name of a database to be copied."""
    _take_in(lucheng, postgresql.create("imported"))
    return "imported"


@pytest.fixture(scope="session")
def blank_on_postgresql(postgresql: Server) -> str:
    """A PostgreSQL database with all tables and no rows, to be copied."""
    engine = open_engine(postgresql.create("blank"))
    tables.Base.metadata.create_all(engine)
    engine.dispose()
    return "blank"


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """The name of the database that the test runs on; each such test runs on both."""
    return str(request.param)


@contextmanager
def _copied(request: pytest.FixtureRequest, template: str) -> Iterator[Sessions]:
    """Lend a copy of a PostgreSQL database."""
    server: Server = request.getfixturevalue("postgresql")
    url = request.getfixturevalue("new_database")(request.getfixturevalue(template))
    engine = open_engine(url)
    yield sessions_of(engine)
    engine.dispose()
    server.drop(url.rpartition("/")[2])


@pytest.fixture
def empty(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sessions]:
    """All tables and no rows."""
    if database == "postgresql":
        with _copied(request, "blank_on_postgresql") as sessions:
            yield sessions
        return
    engine = open_engine(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    tables.Base.metadata.create_all(engine)
    yield sessions_of(engine)
    engine.dispose()


@pytest.fixture
def chance() -> Entropy:
    return seeded(2)


@pytest.fixture
def district(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sessions]:
    """The sample district, imported and assigned."""
    if database == "postgresql":
        with _copied(request, "imported_on_postgresql") as sessions:
            yield sessions
        return
    shutil.copy(request.getfixturevalue("imported"), tmp_path / "district.sqlite3")
    engine = open_engine(f"sqlite:///{tmp_path / 'district.sqlite3'}")
    yield sessions_of(engine)
    engine.dispose()


@pytest.fixture
def form() -> SheetRows:
    """A tiny sound collection form, to spoil."""
    return tiny_form()


def tiny_form() -> SheetRows:
    """Return a tiny sound collection form: one street, one village, two cadres each."""
    return {
        "机构": [
            [
                "机构代码",
                "机构名称",
                "层级",
                "上级代码",
                "主要负责人",
                "负责人承诺书监督方",
                "监督方单位代码",
            ],
            ["330302", "鹿城区", "区县", None, "区样一", "区样二", None],
            ["330302001", "五马街道", "街镇", "330302", "街样一", "区样一", "330302"],
            ["330302001001", "五马一社区", "村社区", "330302001", "村样一", "街样一", "330302001"],
        ],
        "包保干部": [
            ["单位", "姓名", "职务", "类别", "联系电话"],
            ["330302", "区样一", "区长", "班子成员", "19900000001"],
            ["330302", "区样二", "副区长", "班子成员", "19900000002"],
            ["五马街道", "街样一", "党工委书记", "班子成员", "19900000003"],
            ["五马街道", "街样二", "副主任", "班子成员", 19900000004],
            ["鹿城区/五马街道/五马一社区", "村样一", "书记", "两委成员", "19900000005"],
            ["330302001001", "村样二", "网格员", "网格员", "19900000006"],
        ],
        "包保主体": [
            [
                *("主体名称", "统一社会信用代码", "许可证或登记证编号", "主体类型", "环节", "业态", "地址"),
                *("所属街镇", "所属村社区", "从业人数", "年营业收入（万元）", "每餐用餐人数"),
            ],
            [
                *(
                    "温州样例一餐饮有限公司",
                    "91330302YL00000188",
                    "JY23303020000001",
                    "企业",
                    "餐饮",
                    "中型餐馆",
                ),
                *("样例路1号", "五马街道", "五马一社区", 120, 3000, None),
            ],
            [
                *("五马样例小吃店", None, "小餐饮登330302000001", "小餐饮", "小餐饮", None),
                *("样例路2号", "五马街道", "五马一社区", 2, 10, None),
            ],
        ],
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[SheetRows], Path]:
    """Return a function that writes sheets to a real .xlsx."""

    def write(sheets: SheetRows) -> Path:
        book = Xlsx()
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        del book["Sheet"]
        path = tmp_path / "form.xlsx"
        book.save(path)
        return path

    return write
