"""The repository's own promises: its documents, lists and commands agree with its code."""

import re
import runpy
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from service import cli
from service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
READMES = ["README.md", "README.zh-CN.md"]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LOCKS = [
    "requirements.lock",
    "requirements-test.lock",
    "requirements-build.lock",
    "requirements-conformance.lock",
]
FONTS = [
    "FandolFang",
    "FandolSong",
    "FandolHei",
    "FandolKai",
    "Noto Serif CJK",
    "Noto Sans CJK",
    "LXGW WenKai",
]
ABOVE = {"workflows", "tasks", "app", "console", "cli"}
MADE = re.compile(r"\.(?!ci$|importlinter$|gitignore$).*|var|out|build|__pycache__|.*\.egg-info")
# Whoever installs this has their own mirror: no registry is named. Written in two halves, or this file would name them.
HOSTS = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "deb." + "debian.org",
    "npmjs" + ".org",
    "tuna.tsinghua" + ".edu.cn",
]


@pytest.mark.parametrize("lock", LOCKS)
def test_the_licence_page_names_every_locked_package(lock: str) -> None:
    named = set(re.findall(r"^\| ([a-z0-9._-]+) \|", _read("docs/licences.md"), re.MULTILINE))
    assert set(_locked(lock)) <= named


def test_the_licence_page_names_no_package_that_is_not_locked() -> None:
    table = re.search(r"## Python packages of the program.*", _read("docs/licences.md"), re.DOTALL)
    assert table
    named = set(re.findall(r"^\| ([a-z0-9._-]+) \|", table[0], re.MULTILINE)) - {"package", "---"}
    assert named <= {name for lock in LOCKS for name in _locked(lock)}


def test_the_licence_page_names_every_font() -> None:
    page = _read("docs/licences.md")
    assert [font for font in FONTS if font not in page] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", _read(lock), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_error_page_is_up_to_date() -> None:
    result = subprocess.run(
        [sys.executable, "scripts/errors_doc.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_every_error_code_belongs_to_one_package() -> None:
    packages: dict[str, set[str]] = defaultdict(set)
    for item in runpy.run_path(str(ROOT / "scripts/errors_doc.py"))["raised"](ROOT / "service"):
        packages[item.code].add("workflows and above" if item.package in ABOVE else item.package)
    assert {code: sorted(names) for code, names in packages.items() if len(names) > 1} == {}


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_names_every_command(readme: str) -> None:
    text = _read(readme)
    commands = sorted(_commands(typer.main.get_command(cli.cli)))
    assert commands
    assert [name for name in commands if f"liangze {name}" not in text] == []


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_names_every_setting(readme: str) -> None:
    text = _read(readme)
    names = [f"LIANGZE_{name.upper()}" for name in Settings.model_fields]
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_mention_only_targets_that_make_has(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", _read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", _read(page))) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_pages_link_only_to_files_that_exist(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", _read(page))
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_security_page_points_only_to_files_that_exist() -> None:
    named = re.findall(r"`((?:service|tests|docs|scripts)/[\w./-]+)`", _read("SECURITY.md"))
    assert len(named) > 60
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_no_file_names_a_package_registry_or_a_folder_of_one_machine() -> None:
    words = [*HOSTS, "/work" + "/"]
    found = [
        (path.relative_to(ROOT).as_posix(), word) for path, text in _texts() for word in words if word in text
    ]
    assert found == []


def _read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _locked(lock: str) -> list[str]:
    return re.findall(r"^([a-z0-9._-]+)==", _read(lock), re.MULTILINE)


def _commands(command: object, prefix: str = "") -> Iterator[str]:
    """Yield the full name of every command that is no group."""
    if not isinstance(command, TyperGroup):
        yield prefix.strip()
        return
    for name, child in command.commands.items():
        yield from _commands(child, f"{prefix} {name}")


def _texts(folder: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield every text file of the repository; what is made by running it is left out."""
    for path in sorted(folder.iterdir()):
        if MADE.fullmatch(path.name):
            continue
        if path.is_dir():
            yield from _texts(path)
            continue
        try:
            yield path, path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
