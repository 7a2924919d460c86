"""Breaks a long title into lines of like length, between words (GB/T 9704-2012: 词意完整、排列对称、长短适宜)."""

import re
from functools import lru_cache
from itertools import combinations, pairwise

LINE = 20  # characters of 2号 in the width of the page
_BEFORE = re.compile(
    r"关于|食品|包保|属地|督导|督查|责任|情况|工作|清单|承诺|开展|做好|加强|印发|[和及与]|的(?:通知|通报|报告|请示|函|意见|决定)$"
)
_AFTER = re.compile(r"(?:委员会|办公室|年度|季度|月份|街道|镇|乡|村|社区|、)$")
_LOOSE = 8  # characters of unevenness that a break inside a word counts for
_MOST = 3  # lines; a longer title is cut where it stands


@lru_cache(maxsize=512)
def title_lines(title: str) -> tuple[str, ...]:
    """Return the lines of a title: one where it fits, else the most even ones that break between words."""
    count = -(-_width(title) // (2 * LINE))
    places = [at for at in range(1, len(title)) if _may_break(title, at)]
    if count < 2 or len(places) < count - 1:
        return (title,)
    count = min(count, _MOST)
    return min((_cut(title, at) for at in combinations(places, count - 1)), key=_cost)


def _cut(title: str, at: tuple[int, ...]) -> tuple[str, ...]:
    edges = (0, *at, len(title))
    return tuple(title[start:end] for start, end in pairwise(edges))


def _cost(lines: tuple[str, ...]) -> tuple[int, int]:
    """Return what is wrong with the lines: too wide first, then uneven or broken inside a word."""
    widths = [_width(line) for line in lines]
    wide = sum(max(0, width - 2 * LINE) for width in widths)
    inside = sum(
        before.endswith("关于") or not (_BEFORE.match(after) or _AFTER.search(before))
        for before, after in pairwise(lines)
    )
    return wide, max(widths) - min(widths) + 2 * _LOOSE * inside


def _may_break(title: str, at: int) -> bool:
    """Say whether a line may end before this place: not inside a number, a bracket or before what closes."""
    before, after = title[at - 1], title[at]
    return (
        not (before.isascii() and after.isascii())
        and after not in "，。、；：》）〕”"
        and before not in "《（〔“"
    )


def _width(text: str) -> int:
    """Return how many half characters a text takes."""
    return sum(1 if one.isascii() else 2 for one in text)
