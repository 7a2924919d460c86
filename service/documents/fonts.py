"""The fonts of GB/T 9704 pages: which file serves which role, and whether every character can be printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont, TTLibError

from service.documents import ticks
from service.errors import InputError, SetupError

_SYSTEM = (
    Path("/usr/share/fonts/truetype/lxgw-wenkai"),
    Path("/usr/share/fonts/opentype/noto"),
    Path("/usr/share/fonts/truetype/noto"),
    Path("/usr/local/share/fonts"),
)
# CSS family → file. Read by path, so that no other font of the machine can take its place.
FACES = {
    "GFang": "FandolFang-Regular.otf",
    "GSong": "FandolSong-Regular.otf",
    "GBiaoSong": "FandolSong-Bold.otf",
    "GHei": "FandolHei-Regular.otf",
    "GKai": "LXGWWenKai-Light.ttf",
    "GMono": "LXGWWenKaiMono-Regular.ttf",
}
# The last resort of every chain. Collections (.ttc) can only be named by family: a CSS url() reads their first face.
_COLLECTIONS = {
    "Noto Serif CJK SC": "NotoSerifCJK-Regular.ttc",
    "Noto Sans CJK SC": "NotoSansCJK-Regular.ttc",
}
# A licensed font of the unit's own, put into the fonts folder under its role's name, takes the free one's place.
ROLES = {
    "GFang": "仿宋",
    "GSong": "宋体",
    "GBiaoSong": "小标宋",
    "GHei": "黑体",
    "GKai": "楷体",
    "GMono": "等宽",
}
_SUFFIXES = (".otf", ".ttf")
_SHIPPED = Path(__file__).parents[2] / ".fonts"  # where `make setup` puts the free ones
CHAIN = ("GFang", "GKai", "Noto Serif CJK SC")  # 仿宋, then characters 仿宋 lacks


State = tuple[tuple[str, str, int, int], ...]
"""The name, file, size and time of change of each font: what is made of the same is the same."""


@dataclass(frozen=True, slots=True)
class Fonts:
    """The font files found; which characters they have is read when first asked, of as few fonts as need be."""

    files: dict[str, Path]

    def css(self) -> str:
        """Return the @font-face rules of the faces read by path."""
        rule = '@font-face{{font-family:{};src:url("{}")}}'
        return "\n".join(rule.format(name, self.files[name].as_uri()) for name in FACES)

    def state(self) -> State:
        """Return what tells these fonts from others, and from the same files changed."""
        found = ((name, path, path.stat()) for name, path in sorted(self.files.items()))
        return tuple((name, str(path), stat.st_size, stat.st_mtime_ns) for name, path, stat in found)

    def require(self, text: str) -> None:
        """Raise InputError naming the first character of `text` that no font of the chain has."""
        missing = {code for code in map(ord, set(text)) if code >= 0x20} - {ord(ticks.TICKED)}
        for characters in self._chain():
            missing -= characters
            if not missing:
                return
        code = min(missing)
        raise InputError(
            "E-DOC-004",
            f"字符“{chr(code)}”（U+{code:04X}）在现有字库中没有字形，无法印制；请核对用字，或增加字库。",
        )

    def _chain(self) -> Iterator[frozenset[int]]:
        return (_characters(self.files[name], name) for name in CHAIN)


def load_fonts(folder: Path) -> Fonts:
    """Find every font file in `folder` or where the system keeps it; raise SetupError naming a missing one."""
    files = {name: _find(folder, file) for name, file in (FACES | _COLLECTIONS).items()}
    own = {
        face: path.resolve()
        for face, role in ROLES.items()
        for suffix in _SUFFIXES
        if (path := folder / f"{role}{suffix}").is_file()
    }
    return Fonts(files | own)


@cache
def known(folder: Path = _SHIPPED) -> Fonts:
    """Return the fonts of a deployment's folder, found once; by default the free ones that come with the program."""
    return load_fonts(folder)


def _find(folder: Path, name: str) -> Path:
    for place in (folder, _SHIPPED, *_SYSTEM):
        if (place / name).is_file():
            return (place / name).resolve()
    raise SetupError("E-DOC-005", f"缺少字体文件 {name}，请运行 make setup 安装字体。")


@cache
def _characters(path: Path, family: str) -> frozenset[int]:
    try:
        if path.suffix != ".ttc":
            with TTFont(path, lazy=True) as font:
                return frozenset(font.getBestCmap())
        with TTCollection(path, lazy=True) as collection:
            faces = [face for face in collection if face["name"].getDebugName(1) == family]
            return frozenset(code for face in faces[:1] for code in face.getBestCmap())
    except (TTLibError, OSError) as exc:
        raise SetupError("E-DOC-005", f"字体文件 {path.name} 已损坏，请运行 make setup 重新安装。") from exc
