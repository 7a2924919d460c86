"""The shipped sample workbooks: reproducible, true to size, and with the 20 faults they promise."""

import json
import re
import zipfile
from io import BytesIO
from pathlib import Path
from types import ModuleType

from service.registry import intake
from service.registry.records import Workbook

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_generator_makes_the_same_bytes_each_time(maker: ModuleType) -> None:
    assert maker.messy_workbook()[0] == maker.messy_workbook()[0]


def test_the_shipped_workbooks_are_what_the_generator_makes(maker: ModuleType) -> None:
    # Members, not the archive: another build of zlib may compress differently.
    messy, _ = maker.messy_workbook()
    assert members((SAMPLES / "lucheng.xlsx").read_bytes()) == members(maker.clean_workbook())
    assert members((SAMPLES / "lucheng_messy.xlsx").read_bytes()) == members(messy)


def test_the_clean_workbook_is_a_whole_district_without_faults(lucheng: Workbook) -> None:
    assert (lucheng.faults, lucheng.hints) == ((), ())
    assert [
        sum(unit.level == level for unit in lucheng.units) for level in ("district", "town", "village")
    ] == [*(1, 14, 56)]
    assert 280 <= len(lucheng.cadres) <= 320
    assert len(lucheng.entities) == 3000
    assert {entity.sector for entity in lucheng.entities} == {
        *("生产", "销售", "餐饮", "小作坊", "小餐饮", "摊贩", "市场", "网络平台", "仓储")
    }
    formats = {entity.format for entity in lucheng.entities}
    assert formats >= {"学校食堂", "托幼机构食堂", "养老机构食堂", "中央厨房", "集体用餐配送", "连锁总部"}


def test_every_person_and_firm_of_the_sample_is_visibly_invented(lucheng: Workbook) -> None:
    assert all("样" in cadre.name and len(cadre.name) in (2, 3) for cadre in lucheng.cadres)
    assert all("样例" in entity.name for entity in lucheng.entities)
    assert all(entity.uscc is None or entity.uscc[8:10] == "YL" for entity in lucheng.entities)
    names = "".join(cadre.name for cadre in lucheng.cadres)
    assert all(char in names for char in "䶮𠮷堃喆〇")


def test_each_planted_fault_is_named_by_sheet_row_column_and_code_and_nothing_else_is() -> None:
    planted = json.loads((SAMPLES / "lucheng_messy.json").read_text(encoding="utf-8"))
    workbook = intake.read_workbook(SAMPLES / "lucheng_messy.xlsx")
    found = [(fault, False) for fault in workbook.faults] + [(hint, True) for hint in workbook.hints]
    keys = ("code", "sheet", "row", "column", "cell")
    assert {(*(getattr(fault, key) for key in keys), hint) for fault, hint in found} == {
        (*(one[key] for key in keys), one["hint"]) for one in planted
    }
    assert len(found) == len(planted) == 20


def test_each_fault_is_a_different_kind_of_trouble_and_tells_what_to_do() -> None:
    workbook = intake.read_workbook(SAMPLES / "lucheng_messy.xlsx")
    for fault in (*workbook.faults, *workbook.hints):
        assert re.fullmatch(r"E-REG-1\d\d 工作表“.+”第\d+行“.+”列.*：.*；.+。", str(fault))


def test_the_readme_lists_the_planted_faults(maker: ModuleType) -> None:
    _, planted = maker.messy_workbook()
    assert maker.table_of(planted) in (SAMPLES / "README.md").read_text(encoding="utf-8")
