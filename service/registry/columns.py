"""The columns of the 包保相关数据收集表: headings, their synonyms, and how each cell is read."""

import re
import unicodedata
from dataclasses import dataclass, field

from service.registry import cells, scopes
from service.registry.cells import Parser

_LEVELS = {
    **dict.fromkeys(("市", "市级", "地市", "设区市"), "city"),
    **dict.fromkeys(("区县", "区", "县", "区级", "县级", "县(市、区)"), "district"),
    **dict.fromkeys(("街镇", "街道", "镇", "乡", "乡级", "乡镇", "乡镇街道", "镇街"), "town"),
    **dict.fromkeys(("村社区", "村", "社区", "村级", "村(社区)", "村居"), "village"),
}
_CADRE_KINDS = {
    name: name for name in ("班子成员", "相应职级", "委托授权", "两委成员", "社区工作者", "网格员", "其他")
} | {"村(居)两委": "两委成员", "两委": "两委成员"}
_CADRE_STATUS = {name: name for name in ("在任", "调整中", "离任")}
_SECTORS = {
    name: name for name in ("生产", "销售", "餐饮", "小作坊", "小餐饮", "摊贩", "市场", "网络平台", "仓储")
} | {
    "食品生产": "生产",
    "食品销售": "销售",
    "餐饮服务": "餐饮",
    "食品摊贩": "摊贩",
    "流通": "销售",
}
_ENTITY_KINDS = {
    name: name for name in ("企业", "个体户", "小作坊", "小餐饮", "摊贩", "食堂", "市场", "事业单位", "其他")
} | {"个体工商户": "个体户"}
_ENTITY_STATUS = {name: name for name in ("在营", "停业", "季节性停业", "注销", "失联")} | {"营业": "在营"}
_RISKS = {letter: letter for letter in "ABCD"} | {f"{letter}级": letter for letter in "ABCD"}
_FLAGS = {"是": True, "否": False, "Y": True, "N": False, "1": True, "0": False, "√": True}

IGNORED = {"序号", "备注", "编号", "填表人", "联络员", "联络员电话"}
"""Headings a form may carry that the registry does not keep."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the record's field, its heading, how a cell is read, and what may be left out."""

    name: str
    heading: str
    parse: Parser
    needed: bool = False
    default: object = None
    also: tuple[str, ...] = ()
    spread: bool = False
    """Whether a merged cell's value stands for every row it covers."""
    instead_of: str = ""
    """The field this column gives where that field's own column is missing."""


@dataclass(frozen=True, slots=True)
class Form:
    """One sheet of the collection form."""

    sheet: str
    also: tuple[str, ...]
    columns: tuple[Column, ...]
    by_key: dict[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column in self.columns:
            for name in (column.heading, *column.also):
                self.by_key[heading_key(name)] = column


def heading_key(heading: str) -> str:
    """Return the form under which headings are compared: half-width, no spaces, marks or trailing unit."""
    key = re.sub(r"[\s*:★_-]", "", unicodedata.normalize("NFKC", heading))
    return re.sub(r"\((?:万元|人|级|必填|选填|可选|是/否)\)$", "", key)


UNITS = Form(
    "机构",
    ("机构信息", "单位", "单位信息", "机构表"),
    (
        Column(
            "code", "机构代码", cells.area_code, needed=True, also=("行政区划代码", "区划代码", "单位代码")
        ),
        Column("name", "机构名称", cells.text(60), needed=True, also=("单位名称", "名称", "机构全称")),
        Column("level", "层级", cells.choice(_LEVELS, "层级"), needed=True, also=("级别",), spread=True),
        Column("parent", "上级代码", cells.area_code, also=("上级机构代码", "上级行政区划代码"), spread=True),
        Column("committee", "食（药）安委全称", cells.text(60), also=("食安委全称", "食药安委全称")),
        Column("committee_short", "食（药）安委简称", cells.text(30), also=("食安委简称", "食药安委简称")),
        Column("office", "食（药）安办全称", cells.text(60), also=("食安办全称", "食药安办全称")),
        Column("office_short", "食（药）安办简称", cells.text(30), also=("食安办简称", "食药安办简称")),
        Column("leader", "主要负责人", cells.person, also=("食安委主要负责人", "两委主要负责人")),
        Column("stand_in", "负责人承诺书监督方", cells.person, also=("负责人本人承诺书监督方", "监督方")),
        Column("stand_in_unit", "监督方单位代码", cells.area_code, also=("监督方机构代码",)),
        Column("predecessor", "撤并前机构代码", cells.area_code, also=("前身代码", "原机构代码")),
        Column("successor", "撤并后机构代码", cells.area_code, also=("并入机构代码", "去向代码")),
    ),
)

CADRES = Form(
    "包保干部",
    ("干部", "包保干部信息", "包保干部名册"),
    (
        Column(
            "unit",
            "单位",
            cells.text(60),
            needed=True,
            also=("单位代码", "所在单位", "机构代码"),
            spread=True,
        ),
        Column("unit_name", "单位名称", cells.text(60), also=("机构名称",), spread=True, instead_of="unit"),
        Column("name", "姓名", cells.person, needed=True, also=("干部姓名", "包保干部姓名", "包保干部")),
        Column("post", "职务", cells.text(60), needed=True, also=("包保干部职务", "现任职务")),
        Column(
            "kind", "类别", cells.choice(_CADRE_KINDS, "干部类别"), needed=True, also=("干部类别", "人员类别")
        ),
        Column("mobile", "联系电话", cells.phone, also=("手机", "手机号", "手机号码", "电话", "联系方式")),
        Column("sector", "分管领域", cells.text(60), also=("分管工作", "分工")),
        Column(
            "areas", "片区", scopes.words(scopes.AREAS_MAX), also=("联片", "包片", "联系片区", "联系村社区")
        ),
        Column("grids", "网格", scopes.words(scopes.GRIDS_MAX), also=("负责网格", "联系网格", "所辖网格")),
        Column("since", "任职日期", cells.day, also=("任职时间", "任期开始")),
        Column("status", "状态", cells.choice(_CADRE_STATUS, "任职状态"), default="在任", also=("任职状态",)),
    ),
)

ENTITIES = Form(
    "包保主体",
    ("主体", "包保主体信息", "食品生产经营主体"),
    (
        Column("name", "主体名称", cells.text(120), needed=True, also=("名称", "企业名称", "单位名称")),
        Column("uscc", "统一社会信用代码", cells.credit_code, also=("信用代码", "社会信用代码")),
        Column(
            "licence",
            "许可证或登记证编号",
            cells.licence,
            also=("许可证编号", "许可证号", "食品经营许可证编号", "登记证编号", "登记卡编号"),
        ),
        Column("licence_until", "许可证有效期至", cells.day, also=("有效期至", "许可证有效期")),
        Column("kind", "主体类型", cells.choice(_ENTITY_KINDS, "主体类型"), needed=True, also=("类型",)),
        Column("sector", "环节", cells.choice(_SECTORS, "环节"), needed=True, also=("行业", "业态环节")),
        Column("format", "业态", cells.text(30), also=("具体业态",)),
        Column(
            "address", "地址", cells.text(200), needed=True, also=("经营地址", "生产经营地址"), spread=True
        ),
        Column(
            "town",
            "所属街镇",
            cells.text(60),
            also=("所属街道", "街道", "所属乡镇", "所属镇街", "街镇"),
            spread=True,
        ),
        Column(
            "unit",
            "所属村社区",
            cells.text(60),
            needed=True,
            also=("所属村（社区）", "村社区", "所属社区", "所属村居"),
            spread=True,
        ),
        Column("grid", "网格", cells.text(40), also=("所属网格", "网格编号", "所在网格"), spread=True),
        Column("person", "主体负责人", cells.person, also=("负责人", "法定代表人", "法定代表人（负责人）")),
        Column("mobile", "负责人电话", cells.phone, also=("联系电话", "电话", "主体负责人电话")),
        Column("director", "食品安全总监", cells.person, also=("总监",)),
        Column("officer", "食品安全员", cells.text(80), also=("安全员",)),
        Column("station", "属地监管所", cells.text(40), also=("监管所", "市场监管所"), spread=True),
        Column(
            "employees", "从业人数", cells.number(whole=True), also=("从业人员数", "从业人员", "员工人数")
        ),
        Column("revenue", "年营业收入（万元）", cells.number(whole=False), also=("营业收入", "年营收")),
        Column("diners", "每餐用餐人数", cells.number(whole=True), also=("用餐人数", "供餐人数")),
        Column("risk", "风险等级", cells.choice(_RISKS, "风险等级"), also=("食品安全风险等级",)),
        Column("high_risk", "是否高风险", cells.choice(_FLAGS, "选项"), default=False, also=("高风险",)),
        Column(
            "status", "经营状态", cells.choice(_ENTITY_STATUS, "经营状态"), default="在营", also=("状态",)
        ),
    ),
)

FORMS = (UNITS, CADRES, ENTITIES)
