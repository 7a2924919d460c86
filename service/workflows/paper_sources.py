"""What a batch can make of any kind, and the content of each paper: from the registry, the lists or the letters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import select

from service.core import LetterId, sha256_hex
from service.db.tables import Letter, ListVersion
from service.documents.content import Content
from service.errors import InputError
from service.workflows import letters, lists, papers
from service.workflows.papers.desk import Desk, Target, file_name
from service.workflows.papers.notice_board import HOTLINE

POSTED = "posted_list"
"""食品安全包保责任清单（公示）: the kind by which an approved list is posted."""
_HEAD = ("unit_name", "tier", "year", "version", "compiled_by", "approved_by", "approved_on")
_SHOWN = ("no", "entity", "uscc", "format", "tier", "address", "cadre", "cadre_post", "station")
_TIER_OF = {letters.LEVEL_NAMES[level]: tier for level, tier in letters.TIERS.items()}


@dataclass(frozen=True, slots=True)
class _Source:
    targets: Callable[[Desk, str | None, str | None], Sequence[Target]]
    content: Callable[[Desk, str], Content]


class Source(Protocol):
    """Where a batch has its papers from."""

    def targets(self, desk: Desk, unit: str | None, tier: str | None) -> list[Target]:
        """Return what can be made in a scope."""

    def content(self, desk: Desk, target: str) -> Content:
        """Return the content of one of them."""

    def about(self, target: Target, content: Content) -> str:
        """Return what a paper is about within its kind: issued anew it is the same."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The papers of a kind that the registry, the lists and the letters give."""

    kind: str

    def targets(self, desk: Desk, unit: str | None, tier: str | None) -> list[Target]:
        """Return what can be made in a scope, by file name."""
        return targets(desk, self.kind, unit, tier)

    def content(self, desk: Desk, target: str) -> Content:
        """Return the content of one paper."""
        return content(desk, self.kind, target)

    def about(self, target: Target, _content: Content) -> str:
        """Return the record that the paper is made from."""
        return target.id


def kinds() -> list[str]:
    """Return the kinds that can be made by the batch."""
    return sorted([*_OWN, *papers.KINDS])


def targets(desk: Desk, kind: str, unit: str | None, tier: str | None) -> list[Target]:
    """Return what can be made of `kind`, by file name; raise InputError for a kind whose words only people know."""
    if kind in _OWN:
        return sorted(_OWN[kind].targets(desk, unit, tier), key=lambda target: target.file_name)
    if kind not in papers.KINDS:
        raise InputError(
            "E-DOC-103",
            f"“{kind}”的内容要由人写：先运行 liangze kinds {kind} > 内容.toml，改好后加 --content 内容.toml。"
            f"可以由登记簿批量生成的有：{'、'.join(kinds())}。",
        )
    return papers.targets(desk, kind, unit=unit, tier=tier)


def content(desk: Desk, kind: str, target: str) -> Content:
    """Return the content of one paper; raise what its source raises."""
    return _OWN[kind].content(desk, target) if kind in _OWN else papers.build(desk, kind, target)


def _list_targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the newest version of each list in the scope."""
    return _newest_lists(desk, unit, tier, "责任清单")


def _newest_lists(
    desk: Desk, unit: str | None, tier: str | None, title: str, *, approved: bool = False
) -> list[Target]:
    codes = desk.codes(unit)
    newest: dict[tuple[str, str], ListVersion] = {}
    for row in desk.session.scalars(select(ListVersion).order_by(ListVersion.version)):
        if row.unit in codes and tier in (None, row.tier) and (row.approved_on or not approved):
            newest[row.unit, row.tier] = row
    return [
        Target(
            row.id,
            file_name(row.unit, row.tier, f"{row.version:03d}", desk.unit(row.unit).name, title),
            row.unit,
        )
        for row in newest.values()
    ]


def _list_content(desk: Desk, target: str) -> Content:
    return lists.content_of(desk.session, lists.get(desk.session, target))


def _letter_targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the letters in the scope that are neither void nor superseded, as they were drawn up."""
    codes = desk.codes(unit)
    rows = desk.session.scalars(
        select(Letter)
        .where(Letter.kind == letters.KIND, Letter.state.not_in(letters.OVER))
        .order_by(Letter.id)
    )
    return [
        Target(row.id, file_name(row.unit, row.number.partition("〕")[2].rjust(6, "0"), row.number), row.unit)
        for row in rows
        if row.unit in codes and tier in (None, _tier(row))
    ]


def _tier(row: Letter) -> str | None:
    return _TIER_OF.get(str(letters.content_of(row).fields["level"]))


def _letter_content(desk: Desk, target: str) -> Content:
    return letters.content_of(letters.get(desk.session, target))


def _posted_targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the newest version of each list in the scope that a committee has approved: no draft is posted."""
    return _newest_lists(desk, unit, tier, "责任清单公示", approved=True)


def _posted_content(desk: Desk, target: str) -> Content:
    """Return a list as the public sees it: the words of the version, without anybody's own number."""
    whole = lists.content_of(desk.session, lists.get(desk.session, target))
    rows = whole.fields["rows"] if isinstance(whole.fields["rows"], list) else []
    shown = [{key: row[key] for key in _SHOWN} for row in rows if isinstance(row, dict)]
    fields = {**{key: whole.fields[key] for key in _HEAD}, "rows": shown, "hotline": HOTLINE}
    title = f"{fields['unit_name']}{fields['year']}年度食品安全包保责任清单（公示）"
    about = sha256_hex(f"{POSTED}/{target}/{desk.on.isoformat()}".encode())
    envelope = replace(
        whole.envelope, kind=POSTED, letter=LetterId(about[:32]), title=title, date=desk.on.isoformat()
    )
    return Content(envelope, fields)


_OWN: Mapping[str, _Source] = {
    POSTED: _Source(_posted_targets, _posted_content),
    lists.KIND: _Source(_list_targets, _list_content),
    letters.KIND: _Source(_letter_targets, _letter_content),
}
