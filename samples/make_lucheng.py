"""Makes the sample workbooks: lucheng.xlsx (clean) and lucheng_messy.xlsx (one street, 20 planted faults).

Streets and towns are Lucheng's own; every village, person and firm is invented: persons bear 样 in their
name, firms 样例, credit codes YL, telephones 199 0000. The same seed gives the same bytes.
"""

import json
import random
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from itertools import count, product
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from service.registry import uscc

HERE = Path(__file__).resolve().parent
SEED = 20221110
STAMP = "2026-11-24T00:00:00Z"
ZIP_DATE = (2026, 11, 24, 0, 0, 0)

CITY, DISTRICT = "330300", "330302"
STREETS = (
    *("五马街道", "七都街道", "滨江街道", "南汇街道", "双屿街道", "仰义街道", "松台街道", "大南街道"),
    *("蒲鞋市街道", "南郊街道", "丰门街道", "广化街道"),
)
TOWNS = ("藤桥镇", "山福镇")
VILLAGES = 4  # per street or town
CADRES_PER_TOWN = 7
ENTITIES = 3000

UNIT_HEADINGS = (
    *("机构代码", "机构名称", "层级", "上级代码", "食（药）安委全称", "食（药）安委简称", "食（药）安办全称"),
    *("食（药）安办简称", "主要负责人", "负责人承诺书监督方", "监督方单位代码"),
)
CADRE_HEADINGS = ("单位代码", "单位名称", "姓名", "职务", "类别", "联系电话", "分管领域", "任职日期", "状态")
ENTITY_HEADINGS = (
    *(
        "主体名称",
        "统一社会信用代码",
        "许可证或登记证编号",
        "许可证有效期至",
        "主体类型",
        "环节",
        "业态",
        "地址",
    ),
    *("所属街镇", "所属村社区", "主体负责人", "负责人电话", "食品安全总监", "食品安全员", "属地监管所"),
    *("从业人数", "年营业收入（万元）", "每餐用餐人数", "风险等级", "是否高风险", "经营状态"),
)

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁"
    "沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史陶贺顾毛郝龚邵万覃武钱戚"
)
GIVEN = (
    "龢翀彧昇璟宏瑞嘉敏静强磊洋勇艳杰娟涛明超霞平刚桂文辉玲燕鹏华"
    "飞兰丹萍鑫波斌莉欣晨宇浩凯健俊帆雪慧婷颖琳岩峰松柏楠桐"
)
RARE = ("陈样䶮", "王样𠮷", "李样堃", "周样〇", "吴样喆")
TRADE = tuple(a + b for a, b in product("鼎瑞祥盛和福丰泰顺兴", "源隆记味香园佳达康诚"))


@dataclass
class Town:
    """A street or town under construction."""

    code: str
    name: str
    villages: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Book:
    """Rows of the three sheets."""

    units: list[list[Any]] = field(default_factory=list)
    cadres: list[list[Any]] = field(default_factory=list)
    entities: list[list[Any]] = field(default_factory=list)


class Maker:
    """Draws names, codes and numbers, none of them twice, from one seeded source."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        names = [f"{surname}样{given}" for surname in SURNAMES for given in GIVEN]
        names += [f"{surname}样" for surname in SURNAMES]
        self.random.shuffle(names)
        # Early ones go to cadres of the first street: its letters show rare characters.
        front = dict(zip((15, 17, 20, 22, 24), RARE, strict=True))
        self._names = (name for place, drawn in enumerate(names) for name in (front.get(place, drawn),))
        self._serial = count(1)
        self._phone = count(1)
        self._trade: dict[str, Iterator[str]] = {}

    def person(self) -> str:
        """Return a person's name that nobody else bears."""
        return next(self._names)

    def phone(self) -> str:
        """Return a mobile number that begins with 199 0000."""
        return f"1990000{next(self._phone):04d}"

    def credit_code(self, kind: str) -> str:
        """Return a valid credit code whose organisation part begins with YL."""
        organisation = f"YL{next(self._serial):06d}"
        weights = (3, 7, 9, 10, 5, 8, 4, 2)  # GB 11714
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        total = sum(digits.index(char) * weight for char, weight in zip(organisation, weights, strict=True))
        body = f"{kind}{DISTRICT}{organisation}{'0123456789X0'[(11 - total % 11) % 11]}"
        return body + uscc.check_character(body)

    def licence(self, prefix: str) -> str:
        """Return a licence number: `prefix` (JY1, JY2, JY3, SC), region and serial, 14 digits in all."""
        if prefix == "SC":
            return f"SC101{DISTRICT}{next(self._serial):05d}"
        return f"{prefix}{DISTRICT}{next(self._serial):07d}"

    def trade_name(self, place: str) -> str:
        """Return a shop sign that is new in this place."""
        signs = self._trade.setdefault(place, self._signs())
        return next(signs)

    def _signs(self) -> Iterator[str]:
        signs = list(TRADE)
        self.random.shuffle(signs)
        yield from signs
        yield from (f"{sign}{second}" for second in "新老大小东西" for sign in signs)
        yield from (f"{sign}{second}" for sign in signs for second in signs if second != sign)


def build(maker: Maker, towns: Sequence[Town], entities: int) -> Book:
    """Return a whole district: units, cadres and about `entities` entities."""
    book = Book()
    city = _city(maker, book)
    head = _district(maker, book, city)
    for town in towns:
        town_head = _town(maker, book, town, head)
        for village in town.villages:
            _village(maker, book, town, village, town_head)
    _entities(maker, book, towns, entities)
    return book


def _city(maker: Maker, book: Book) -> str:
    leader = maker.person()
    committee = ("温州市食品药品安全委员会", "市食药安委", "温州市食品药品安全委员会办公室", "市食药安办")
    book.units.append([CITY, "温州市", "市", None, *committee, leader, None, None])
    book.cadres.append(_cadre(maker, CITY, "温州市", leader, "市食品药品安全委员会主任", "班子成员", None))
    return leader


def _district(maker: Maker, book: Book, above: str) -> str:
    posts = (
        *("区委书记", "区委副书记、区长", "区委副书记", "区委常委、常务副区长", "区委常委、组织部部长"),
        *("区委常委、宣传部部长", "区委常委、政法委书记", "区人大常委会主任", "区政协主席"),
        *("副区长（分管市场监管）", "副区长（分管教育）", "副区长（分管农业农村）"),
    )
    names = [maker.person() for _ in posts]
    committee = ("鹿城区食品药品安全委员会", "区食药安委", "鹿城区食品药品安全委员会办公室", "区食药安办")
    book.units.append([DISTRICT, "鹿城区", "区县", CITY, *committee, names[0], above, CITY])
    for name, post in zip(names, posts, strict=True):
        book.cadres.append(_cadre(maker, DISTRICT, "鹿城区", name, post, "班子成员", None))
    return names[0]


def _town(maker: Maker, book: Book, town: Town, above: str) -> str:
    party = "街道党工委" if town.name.endswith("街道") else "镇党委"
    office = "街道办事处" if town.name.endswith("街道") else "镇人民政府"
    posts = (
        (f"{party}书记", "全面工作"),
        (f"{party}副书记、{'主任' if '办事处' in office else '镇长'}", "行政工作"),
        (f"{party}副书记、政法委员", "平安综治"),
        (f"{party}委员、副{'主任' if '办事处' in office else '镇长'}", "食品安全"),
        (f"{party}委员、组织委员", "党建组织"),
        (f"{office}副{'主任' if '办事处' in office else '镇长'}", "教育卫生"),
        (f"{office}副{'主任' if '办事处' in office else '镇长'}", "经济发展"),
    )[:CADRES_PER_TOWN]
    names = [maker.person() for _ in posts]
    full = f"{town.name}食品安全委员会"
    book.units.append(
        [
            town.code,
            town.name,
            "街镇",
            DISTRICT,
            full,
            "食安委",
            f"{full}办公室",
            "食安办",
            names[0],
            above,
            DISTRICT,
        ]
    )
    for name, (post, sector) in zip(names, posts, strict=True):
        book.cadres.append(_cadre(maker, town.code, town.name, name, post, "班子成员", sector))
    return names[0]


def _village(maker: Maker, book: Book, town: Town, village: tuple[str, str], above: str) -> None:
    code, name = village
    community = name.endswith("社区")
    body = "社区“两委”" if community else "村“两委”"
    posts = [
        ("社区党委书记、居委会主任" if community else "村党总支书记、村委会主任", "两委成员"),
        ("社区党委副书记" if community else "村党总支副书记", "两委成员"),
        ("专职社区工作者" if community else "村委会委员", "社区工作者" if community else "两委成员"),
        ("专职网格员", "网格员"),
    ][: maker.random.choice((3, 3, 4))]
    names = [maker.person() for _ in posts]
    book.units.append(
        [
            code,
            name,
            "村社区",
            town.code,
            f"{name[:-2] if community else name[:-1]}{body}",
            "“两委”",
            None,
            None,
            names[0],
            above,
            town.code,
        ]
    )
    for person, (post, kind) in zip(names, posts, strict=True):
        book.cadres.append(_cadre(maker, code, name, person, post, kind, None))


def _cadre(
    maker: Maker, unit: str, unit_name: str, name: str, post: str, kind: str, sector: str | None
) -> list[Any]:
    since = date(maker.random.randint(2021, 2025), maker.random.randint(1, 12), maker.random.randint(1, 28))
    return [unit, unit_name, name, post, kind, maker.phone(), sector, since, "在任"]


# 份额‰|环节|业态|主体类型|名称|登记类别|许可证|从业人数|年营收万元|每餐人数|高风险
SORTS = """
# 包保A级
0.7|生产|乳制品|企业|温州样例{sign}乳业股份有限公司|91|SC|1000-1600|42000-90000||
0.7|销售|连锁总部|企业|温州样例{sign}连锁超市有限公司|91|JY1|320-900|21000-60000||
# 包保B级
1|生产|特殊食品|企业|温州样例{sign}营养食品有限公司|91|SC|40-200|800-9000||高
2|生产|肉制品|企业|温州样例{sign}食品有限公司|91|SC|300-700|2200-30000||高
2|餐饮|大型餐馆|企业|温州样例{sign}大酒店有限公司|91|JY2|100-260|2000-9000||
1|餐饮|中央厨房|企业|温州样例{sign}中央厨房有限公司|91|JY2|60-180|900-6000||高
1|餐饮|集体用餐配送|企业|温州样例{sign}餐饮配送有限公司|91|JY2|50-180|900-5000|1000-6000|高
1|餐饮|连锁餐饮总部|企业|温州样例{sign}餐饮管理有限公司|91|JY2|30-90|600-1900||
3|销售|商超|企业|温州样例{sign}购物中心有限公司|91|JY1|50-180|600-12000||
1|市场|农产品批发市场|市场|鹿城样例{sign}农产品批发市场|91||30-90|900-5000||
5|餐饮|学校食堂|食堂|鹿城区样例{sign}中学食堂|12|JY3|12-40|100-900|500-2400|高
2|餐饮|托幼机构食堂|食堂|鹿城区样例{sign}中心幼儿园食堂|12|JY3|6-16|40-180|300-520|高
# 包保C级
12|餐饮|学校食堂|食堂|鹿城区样例{sign}小学食堂|12|JY3|6-18|40-190|120-499|高
18|餐饮|托幼机构食堂|食堂|鹿城区样例{sign}幼儿园食堂|52|JY3|3-10|20-90|60-299|高
5|餐饮|养老机构食堂|食堂|鹿城区样例{sign}养老院食堂|52|JY3|3-12|20-95|40-260|高
8|餐饮|单位食堂|食堂|温州样例{sign}集团职工食堂|91|JY3|4-16|30-190|80-800|
2|餐饮|集体用餐配送|企业|温州样例{sign}团膳有限公司|91|JY2|12-60|120-900|200-990|高
15|生产|糕点|企业|温州样例{sign}糕点厂|91|SC|20-120|300-1800||
80|餐饮|中型餐馆|企业|温州样例{sign}餐饮有限公司|91|JY2|10-90|100-1800||
60|销售|商超|企业|温州样例{sign}超市有限公司|91|JY1|10-45|100-480||
50|销售|批发|企业|温州样例{sign}食品贸易有限公司|91|JY1|5-19|1000-4800||
25|餐饮|快餐店|企业|温州样例{sign}快餐有限公司|91|JY2|10-40|100-900||
10|市场|农贸市场|市场|鹿城样例{sign}农贸市场|91||6-20|60-500||
6|仓储|食品冷库|企业|温州样例{sign}冷链仓储有限公司|91||20-90|100-900||
3|网络平台|网络餐饮平台|企业|温州样例{sign}网络科技有限公司|91||10-90|100-900||
# 包保D级
30|小作坊|豆制品作坊|小作坊|鹿城区{place}样例{sign}豆腐坊|92|小作坊|2-6|8-60||
130|小餐饮|小吃店|小餐饮|鹿城区{place}样例{sign}小吃店|92|小餐饮|1-5|6-60||
60|摊贩|食品摊|摊贩|{place}样例{sign}糯米饭摊||摊贩|1-2|3-20||
180|销售|食品店|个体户|鹿城区{place}样例{sign}食品店|92|JY1|1-8|8-95||
125|餐饮|小型餐馆|个体户|鹿城区{place}样例{sign}面馆|92|JY2|2-9|10-98||
90|餐饮|饮品店|个体户|鹿城区{place}样例{sign}茶饮店|92|JY2|2-7|12-90||
50|销售|水果店|个体户|鹿城区{place}样例{sign}果品店|92|JY1||||
10|生产|茶叶分装|企业|温州样例{sign}茶业有限公司|91|SC|4-18|40-280||
"""


@dataclass(frozen=True)
class Sort:
    """One sort of entity: how many in a thousand, and how its row is filled."""

    share: float
    sector: str
    format: str
    kind: str
    name: str
    code: str
    licence: str
    high_risk: bool
    spans: tuple[tuple[int, int] | None, ...]
    """Persons, revenue and diners: from and to."""


def sorts() -> list[Sort]:
    """Return the sorts of the table above."""
    found = []
    for line in SORTS.strip().splitlines():
        if not line.startswith("#"):
            share, sector, form, kind, name, code, licence, *spans, high = line.split("|")
            ranges = tuple(_span(text) for text in spans)
            found.append(Sort(float(share), sector, form, kind, name, code, licence, bool(high), ranges))
    return found


def _span(text: str) -> tuple[int, int] | None:
    low, _, high = text.partition("-")
    return (int(low), int(high)) if high else None


def _entities(maker: Maker, book: Book, towns: Sequence[Town], total: int) -> None:
    places = [(town, village) for town in towns for village in town.villages]
    kinds = sorts()
    scale = total / sum(sort.share for sort in kinds)
    plan = [sort for sort in kinds for _ in range(max(1, round(sort.share * scale)))][:total]
    plan += [next(sort for sort in kinds if sort.format == "食品店")] * (total - len(plan))
    maker.random.shuffle(plan)
    for number, sort in enumerate(plan):
        town, village = places[number % len(places)]
        book.entities.append(_entity(maker, sort, town, village, number))
    book.entities.sort(key=lambda row: (row[8], row[9], row[7]))


def _entity(maker: Maker, sort: Sort, town: Town, village: tuple[str, str], number: int) -> list[Any]:
    place = town.name.removesuffix("街道").removesuffix("镇")
    name = sort.name.format(sign=maker.trade_name(sort.name + place * ("{place}" in sort.name)), place=place)
    licence = (
        f"{sort.licence}登{DISTRICT}{number + 1:06d}" if sort.licence in ("小作坊", "小餐饮", "摊贩") else ""
    )
    if sort.licence[:2] in ("JY", "SC"):
        licence = maker.licence(sort.licence)
    drawn = [maker.random.randint(*span) if span else None for span in sort.spans]
    big = sort.kind in ("企业", "食堂") and (drawn[0] or 0) >= 20
    until = date(2027 + number % 4, number % 12 + 1, number % 28 + 1) if licence else None
    return [
        name,
        maker.credit_code(sort.code) if sort.code else None,
        licence or None,
        until,
        sort.kind,
        sort.sector,
        sort.format,
        f"鹿城区{town.name}{village[1]}样例路{number // 4 + 1}号",
        town.name,
        village[1],
        person := maker.person(),
        maker.phone(),
        maker.random.choice(OFFICERS) if big else None,
        maker.random.choice(OFFICERS) if big else person,
        f"{place}市场监督管理所",
        *drawn,
        "C" if sort.high_risk else maker.random.choice("AABBBC"),
        "是" if sort.high_risk else "否",
        "停业" if number % 97 == 96 else "在营",
    ]


OFFICERS = tuple(f"{surname}样安" for surname in SURNAMES[:30])


def lucheng() -> tuple[Town, ...]:
    """Return Lucheng's streets and towns with invented villages."""
    towns = [Town(f"{DISTRICT}{number:03d}", name) for number, name in enumerate(STREETS, start=1)]
    towns += [Town(f"{DISTRICT}{number}", name) for number, name in enumerate(TOWNS, start=100)]
    for town in towns:
        place = town.name.removesuffix("街道").removesuffix("镇")
        rural = town.name in TOWNS
        for number, ordinal in enumerate("一二三四"[:VILLAGES], start=1):
            code = f"{town.code}{number + 200 if rural else number:03d}"
            town.villages.append((code, f"{place}{ordinal}{'村' if rural else '社区'}"))
    return tuple(towns)


@dataclass(frozen=True)
class Planted:
    """One planted fault: the finding it must give, where, and what was done."""

    code: str
    hint: bool
    sheet: str
    row: int
    column: str
    cell: str
    what: str


class Planter:
    """Spoils cells of a sound book and remembers where."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.planted: list[Planted] = []
        self.merged: list[tuple[str, str]] = []

    def spoil(
        self, code: str, sheet: str, row: int, column: str, value: Any, what: str, *, hint: bool = False
    ) -> None:
        """Put `value` where it doesn't belong."""
        headings, rows = self._sheet(sheet)
        index = headings.index(column)
        rows[row - 2][index] = value
        self.note(code, sheet, row, column, what, hint=hint)

    def note(self, code: str, sheet: str, row: int, column: str, what: str, *, hint: bool = False) -> None:
        """Remember a fault that was made by other means."""
        cell = f"{get_column_letter(self._sheet(sheet)[0].index(column) + 1)}{row}"
        self.planted.append(Planted(code, hint, sheet, row, column, cell, what))

    def _sheet(self, sheet: str) -> tuple[Sequence[str], list[list[Any]]]:
        return {
            "机构": (UNIT_HEADINGS, self.book.units),
            "包保干部": (CADRE_HEADINGS, self.book.cadres),
            "包保主体": (ENTITY_HEADINGS, self.book.entities),
        }[sheet]


def plant(book: Book) -> Planter:
    """Spoil `book` in 20 different ways."""
    planter = Planter(book)
    spoil = planter.spoil
    unit, cadre, entity = "机构", "包保干部", "包保主体"
    book.units.append([*book.units[-1][:1], "五马样例社区", *book.units[-1][2:8], None, None, None])
    planter.note("E-REG-131", unit, len(book.units) + 1, "机构代码", "机构代码与上一行重复")
    spoil("E-REG-134", unit, 5, "主要负责人", "查无样人", "主要负责人不在包保干部表中")
    spoil("E-REG-135", unit, 4, "负责人承诺书监督方", book.units[2][8], "负责人监督自己的承诺书")
    book.units[2][10] = book.units[2][0]
    planter.planted.append(Planted("E-REG-102", False, cadre, 1, "职务", "", "缺少“职务”列（标题被清空）"))
    spoil("E-REG-111", cadre, 9, "姓名", None, "缺干部姓名")
    spoil("E-REG-118", cadre, 11, "联系电话", "1990000123", "手机号少一位")
    book.cadres.append(list(book.cadres[-1]))
    planter.note("E-REG-142", cadre, len(book.cadres) + 1, "姓名", "干部重复登记")
    name = book.cadres[11][2]
    spoil("E-REG-152", cadre, 13, "姓名", f"{name[0]}　{name[1:]}", "姓名中间有全角空格", hint=True)
    spoil("E-REG-116", cadre, 15, "任职日期", "2022年13月1日", "没有这一天")
    code = book.entities[2][1]
    licensed = next(place for place, row in enumerate(book.entities[:6]) if row[2])
    wrong = next(char for char in "0123456789" if char != code[-1])
    spoil("E-REG-119", entity, 4, "统一社会信用代码", code[:-1] + wrong, "校验位错误")
    spoil("E-REG-143", entity, 8, "许可证或登记证编号", book.entities[licensed][2], "许可证编号重复")
    spoil("E-REG-141", entity, 10, "所属街镇", "六马街道", "没有这个街道")
    spoil("E-REG-111", entity, 12, "所属村社区", None, "没有填所属村社区")
    spoil("E-REG-114", entity, 14, "从业人数", "十几个人", "数字列里是文字")
    spoil("E-REG-115", entity, 16, "年营业收入（万元）", -50, "负数")
    spoil("E-REG-117", entity, 18, "环节", "饭馆", "没有这种环节")
    spoil("E-REG-112", entity, 20, "每餐用餐人数", "#REF!", "公式出错")
    spoil("E-REG-113", entity, 22, "负责人电话", "1.99E+10", "科学记数法")
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    spoil("E-REG-151", entity, 24, "负责人电话", book.entities[22][11].translate(wide), "全角数字", hint=True)
    book.entities[25][7] = None
    planter.note("E-REG-153", entity, 27, "地址", "地址与上一行合并为一格", hint=True)
    planter.merged.append((entity, "H26:H27"))
    return planter


def workbook_bytes(
    book: Book, *, merged: Iterable[tuple[str, str]] = (), blank: Iterable[tuple[str, str]] = ()
) -> bytes:
    """Return the .xlsx of `book`, the same bytes for the same rows."""
    workbook = Workbook()
    workbook.remove(workbook.active)  # type: ignore[arg-type]
    for title, headings, rows in (
        ("机构", UNIT_HEADINGS, book.units),
        ("包保干部", CADRE_HEADINGS, book.cadres),
        ("包保主体", ENTITY_HEADINGS, book.entities),
    ):
        sheet = workbook.create_sheet(title)
        sheet.append([None if (title, heading) in set(blank) else heading for heading in headings])
        for row in rows:
            sheet.append(row)
        _dress(sheet, headings, rows)
        for where, ref in merged:
            if where == title:
                sheet.merge_cells(ref)
    workbook.properties.creator = "liangze samples"
    buffer = BytesIO()
    workbook.save(buffer)
    return _fixed(buffer.getvalue())


def _dress(sheet: Any, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(headings))}{len(rows) + 1}"
    for index, heading in enumerate(headings):
        cell = sheet.cell(1, index + 1)
        cell.font = Font(name="黑体", bold=True)
        cell.fill = PatternFill("solid", fgColor="DDE8F3")
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        longest = max((len(str(row[index] or "")) for row in rows[:200]), default=0)
        sheet.column_dimensions[get_column_letter(index + 1)].width = min(
            46, max(10, longest * 1.6, len(heading) * 2)
        )


def _fixed(data: bytes) -> bytes:
    """Return the archive with fixed dates, inside and out: openpyxl writes the time of saving."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in sorted(source.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb">[\d-]{10}T[\d:]{8}Z<", f">{STAMP}<".encode(), content)
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            target.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def clean_workbook() -> bytes:
    """Return lucheng.xlsx."""
    return workbook_bytes(build(Maker(SEED), lucheng(), ENTITIES))


def messy_workbook() -> tuple[bytes, list[Planted]]:
    """Return lucheng_messy.xlsx and what was planted in it."""
    book = build(Maker(SEED + 1), lucheng()[:1], 60)
    planter = plant(book)
    return workbook_bytes(book, merged=planter.merged, blank=[("包保干部", "职务")]), planter.planted


def table_of(planted: Sequence[Planted]) -> str:
    """Return the Markdown table that README.md shows."""
    lines = [
        "| # | 工作表 | 行 | 列 | 单元格 | 埋设的问题 | 应报 | 类别 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, one in enumerate(planted, start=1):
        kind = "提醒" if one.hint else "错误"
        lines.append(
            f"| {number} | {one.sheet} | {one.row} | {one.column} | {one.cell or '—'} | {one.what} "
            f"| {one.code} | {kind} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Write both workbooks and the list of planted faults beside this script."""
    messy, planted = messy_workbook()
    (HERE / "lucheng.xlsx").write_bytes(clean_workbook())
    (HERE / "lucheng_messy.xlsx").write_bytes(messy)
    listed = [{name: getattr(one, name) for name in Planted.__dataclass_fields__} for one in planted]
    (HERE / "lucheng_messy.json").write_text(
        json.dumps(listed, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    print(table_of(planted))


if __name__ == "__main__":
    main()
