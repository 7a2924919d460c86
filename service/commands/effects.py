"""How commands say what an act leads to."""

from service import console
from service.workflows.effects import Effect

SHOWN = 20  # lines of a list without --all


def show(effect: Effect, *, plan: bool, every: bool = False) -> None:
    """Say which bonds the act moves, what could not be heeded, and what to do next."""
    will = "将" if plan else "须"
    console.say(f"{will}变动包保关系 {len(effect.moves)} 条{'：' if effect.moves else '。'}")
    show_lines(effect.moves, every=every)
    for note in effect.notes:
        console.say(f"提醒：{note}")
    if plan:
        console.say("以上只是预览，没有登记；去掉 --plan 即登记。")
    elif effect.moves:
        console.say("包保关系还没有变：请用 change draft 编制清单调整单，或用 change reassign 直接落实。")


def show_lines(lines: tuple[str, ...], *, every: bool) -> None:
    """Say the lines, only the first ones unless `every`."""
    for line in lines if every else lines[:SHOWN]:
        console.say(f"  {line}")
    if len(lines) > SHOWN and not every:
        console.say(f"  ……共 {len(lines)} 条，用 --all 全部列出。")
