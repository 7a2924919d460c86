"""四性检测 of a batch as a whole: what no single document can show (numbers, surplus files, the package's form)."""

from collections import Counter
from collections.abc import Iterator, Sequence

from service.archive.inspection import Dossier, Inspected, Surroundings, answer


def inspect_batch(dossiers: Sequence[Dossier], around: Surroundings) -> Inspected:
    """Return the report on the batch."""
    codes = Counter(str(one.metadata.get("code")) for one in dossiers)
    files = Counter(str(one.metadata.get("sha256")) for one in dossiers)
    twice = [name for counts in (codes, files) for name, count in counts.items() if count > 1]
    count, gaps = around.expected, list(_item_gaps(dossiers, around.disposed))
    wrong_count = [] if count in (None, len(dossiers)) else [f"登记 {count} 件，实有 {len(dossiers)} 件"]
    packed = around.package_faults
    compressed = None if packed is None else [one for one in packed if "压缩" in one]
    surplus = None if around.surplus is None else [f"多余文件 {name}" for name in around.surplus]
    items = (
        answer("1.8", "元数据不重复（档号、摘要）", [f"重复：{'、'.join(twice)}"] if twice else []),
        answer("1.9", "信息包结构规范", packed, "尚未打包"),
        answer("2.5", "文件数量与登记一致", None if count is None else wrong_count, "没有登记数可比"),
        answer("2.6", "件号连续", gaps if around.expected is not None else None, "只检测了部分文件"),
        answer("3.5", "压缩算法符合要求", compressed, "尚未打包"),
        answer("3.6", "备份可恢复", _restored(around.restored), "本次没有做恢复演练"),
        answer("4.3", "载体中没有多余文件", surplus, "没有检查载体"),
        answer("4.4", "载体介质合格", None, "需由人工或专用设备检测"),
    )
    return Inspected("本批", f"共 {len(dossiers)} 件", items)


def _restored(done: bool | None) -> list[str] | None:
    if done is None:
        return None
    return [] if done else ["恢复后核查未通过"]


def _item_gaps(dossiers: Sequence[Dossier], disposed: Sequence[str]) -> Iterator[str]:
    """Yield the 件号 that are missing within each series."""
    series: dict[str, set[int]] = {}
    for code in (*(str(one.metadata.get("code", "")) for one in dossiers), *disposed):
        name, _, item = code.rpartition("-")
        if item.isdecimal():
            series.setdefault(name, set()).add(int(item))
    for name, items in sorted(series.items()):
        if absent := sorted(set(range(1, max(items) + 1)) - items):
            yield f"{name} 缺少件号 {'、'.join(map(str, absent[:20]))}"
