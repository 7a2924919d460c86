"""The command line's own words in Chinese: help headings and usage errors, which Typer 0.29 has in English only."""

import re
from typing import Any

import typer
from typer import rich_utils
from typer._click.core import Context
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.DEFAULT_STRING = "[默认：{}]"
rich_utils.REQUIRED_LONG_STRING = "[必填]"
rich_utils.ENVVAR_STRING = "[环境变量：{}]"

HELP = "显示帮助并退出。"
_USAGE = (("Usage: ", "用法："), ("[OPTIONS]", "[选项]"), ("COMMAND [ARGS]...", "命令 [参数]..."))

_ERRORS = (
    (r"No such command ['\"](.+)['\"]\.", r"没有“\1”这个命令，请用 --help 查看全部命令。"),
    (r"No such option: (\S+).*", r"没有“\1”这个选项，请用 --help 查看全部选项。"),
    (r"Missing argument ['\"](.+?)['\"]\.?.*", r"缺少参数 \1。"),
    (r"Missing option ['\"](.+?)['\"]\.?.*", r"缺少选项 \1。"),
    (r"Missing command\.", "没有写命令，请用 --help 查看全部命令。"),
    (r"Got unexpected extra arguments?.*\((.+)\)", r"多余的参数：\1。"),
    (r"Option ['\"]?(\S+?)['\"]? requires .*", r"选项 \1 后面缺少值。"),
    (r"Invalid value for ['\"](.+?)['\"]:.*", r"\1 的值不合规定。"),
    (r"Invalid value.*", "有一个值不合规定。"),
)


_KINDS = (
    (r"<bool>", ""),
    (r"<%Y-%m-%d>", "日期"),
    (r"<(path|file|directory|Path)>", "路径"),
    (r"<list\[(path|Path)\]>", "路径…"),
    (r"<int>|<int range>", "整数"),
    (r"<list\[int\]>", "整数…"),
    (r"<str>", "文字"),
    (r"<list\[str\]>", "文字…"),
    (r"<list\[(.+)\]>", r"\1…"),
)


def kind(shown: str) -> str:
    """Return what kind of value Typer says an option takes, in Chinese; an on-off option takes none."""
    for pattern, chinese in _KINDS:
        if re.fullmatch(pattern, shown):
            return re.sub(pattern, chinese, shown)
    return shown


class Command(TyperCommand):
    """A command whose help is Chinese."""

    def get_help_option(self, ctx: Context) -> TyperOption | None:
        """Return the help option with a Chinese sentence."""
        return _chinese_help(super().get_help_option(ctx))

    def get_usage(self, ctx: Context) -> str:
        """Return the usage line with Chinese headings."""
        return _chinese_usage(super().get_usage(ctx))


class Group(TyperGroup):
    """A group of commands whose help is Chinese."""

    def get_help_option(self, ctx: Context) -> TyperOption | None:
        """Return the help option with a Chinese sentence."""
        return _chinese_help(super().get_help_option(ctx))

    def get_usage(self, ctx: Context) -> str:
        """Return the usage line with Chinese headings."""
        return _chinese_usage(super().get_usage(ctx))


def _chinese_help(option: TyperOption | None) -> TyperOption | None:
    if option is not None:
        option.help = HELP
    return option


def _chinese_usage(usage: str) -> str:
    for english, chinese in _USAGE:
        usage = usage.replace(english, chinese)
    return usage


def usage_error(message: str) -> str:
    """Return Typer's usage error in Chinese; what is not in the table says where help is."""
    for pattern, chinese in _ERRORS:
        if re.fullmatch(pattern, message, re.DOTALL):
            return re.sub(pattern, chinese, message, flags=re.DOTALL)
    return "请用 --help 查看用法。"


def _show_kinds() -> None:
    """Let options and arguments show the kinds of their values in Chinese."""
    for part in (TyperOption, TyperArgument):
        english = part.display_type

        def display_type(self: Any, ctx: Context, english: Any = english) -> str:
            return kind(english(self, ctx))

        part.display_type = display_type  # type: ignore[method-assign]


_show_kinds()


def speak(cli: typer.Typer) -> None:
    """Let every command and group of `cli`, however deep, speak Chinese of itself."""
    cli.info.cls = Group
    for command in cli.registered_commands:
        command.cls = Command
    for group in cli.registered_groups:
        group.cls = Group
        if group.typer_instance is not None:
            speak(group.typer_instance)
