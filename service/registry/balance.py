"""Even sharing of classes of alike things among those who may take them: loads as even, then moves as few, as can be.

A minimum-cost flow with convex costs: negative cycles are cancelled until none is left, so the result is optimal.
See Harvey, Ladner, Lovász, Tamir: Semi-matchings for bipartite graphs and load balancing (2006).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_Node = tuple[int, str | int]  # (0, "") the sink, (1, person) a person, (2, number) a class
_SINK: _Node = (0, "")


@dataclass(frozen=True, slots=True)
class Class:
    """`size` alike things that any of `people` may take; `held` says how many each has already."""

    people: tuple[str, ...]
    size: int
    held: Mapping[str, int]


def share(classes: Sequence[Class]) -> list[dict[str, int]]:
    """Return for each class how many of it each person takes.

    The sum of the squares of the loads is the least possible (no load could be evened out further), and of
    all such sharings this one keeps the most things with those who have them. The order in which classes
    and people are given decides only between equals; what they are called decides nothing.
    """
    result: list[dict[str, int]] = [{} for _ in classes]
    for numbers in _components(classes):
        part = [classes[number] for number in numbers]
        if len(part) == 1:
            result[numbers[0]] = _quotas(part[0])
            continue
        for number, quotas in zip(numbers, _Flow(part).solve(), strict=True):
            result[number] = quotas
    return result


def _components(classes: Sequence[Class]) -> list[list[int]]:
    """Group the classes that share people, directly or through others."""
    holder: dict[str, int] = {}
    root = list(range(len(classes)))

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    for number, one in enumerate(classes):
        for person in one.people:
            root[find(number)] = find(holder.setdefault(person, number))
    groups: dict[int, list[int]] = defaultdict(list)
    for number in range(len(classes)):
        groups[find(number)].append(number)
    return list(groups.values())


def _quotas(one: Class) -> dict[str, int]:
    """Return size//n or one more for each; who already has most gets the one more."""
    base, extra = divmod(one.size, len(one.people))
    heaviest = sorted(one.people, key=lambda person: -one.held.get(person, 0))
    return {person: base + (place < extra) for place, person in enumerate(heaviest)}


class _Flow:
    """Classes that share people: an even start, then cheaper cycles until there are none."""

    def __init__(self, classes: Sequence[Class]) -> None:
        self._classes = classes
        self._load: dict[str, int] = defaultdict(int)
        self._taken: list[dict[str, int]] = [dict.fromkeys(one.people, 0) for one in classes]
        # Evenness before moves: one step of evenness outweighs every move there could be.
        self._weight = 2 * sum(one.size for one in classes) + 1

    def solve(self) -> list[dict[str, int]]:
        self._start()
        while cycle := self._cheaper_cycle():
            self._turn(cycle)
        return self._taken

    def _start(self) -> None:
        """Keep what is held; give the rest, the least free class first, to who has least."""
        for one, taken in zip(self._classes, self._taken, strict=True):
            for person in one.people:
                taken[person] = one.held.get(person, 0)
                self._load[person] += taken[person]
        for number in sorted(
            range(len(self._classes)), key=lambda number: (len(self._classes[number].people), number)
        ):
            one, taken = self._classes[number], self._taken[number]
            for _ in range(one.size - sum(taken.values())):
                person = min(one.people, key=lambda person: self._load[person])
                taken[person] += 1
                self._load[person] += 1

    def _arcs(self) -> list[tuple[_Node, _Node, int]]:
        """Return the residual arcs: one thing less here, one more there, and what it costs."""
        arcs: list[tuple[_Node, _Node, int]] = []
        for number, (one, taken) in enumerate(zip(self._classes, self._taken, strict=True)):
            for person in one.people:
                held = one.held.get(person, 0)
                arcs.append(((2, number), (1, person), 0 if taken[person] < held else 1))
                if taken[person]:
                    arcs.append(((1, person), (2, number), -1 if taken[person] > held else 0))
        for person, load in self._load.items():
            arcs.append(((1, person), _SINK, self._weight * (2 * load + 1)))
            if load:
                arcs.append((_SINK, (1, person), -self._weight * (2 * load - 1)))
        return arcs

    def _cheaper_cycle(self) -> list[_Node]:
        """Return the nodes of a cycle of negative cost, in order, or nothing (Bellman-Ford)."""
        arcs = self._arcs()
        nodes = {node for arc in arcs for node in arc[:2]}
        cost = dict.fromkeys(nodes, 0)
        before: dict[_Node, _Node] = {}
        while True:
            changed = False
            for start, end, price in arcs:
                if cost[start] + price < cost[end]:
                    cost[end] = cost[start] + price
                    before[end] = start
                    changed = True
            if not changed:
                return []
            # A circle of "cheapest way here" exists as soon as a negative cycle has been gone round.
            if cycle := _circle(before):
                return cycle

    def _turn(self, cycle: Sequence[_Node]) -> None:
        """Carry one thing along the cycle."""
        for start, end in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            if start[0] == 2:
                self._taken[int(start[1])][str(end[1])] += 1
            elif end[0] == 2:
                self._taken[int(end[1])][str(start[1])] -= 1
            elif end == _SINK:
                self._load[str(start[1])] += 1
            else:
                self._load[str(end[1])] -= 1


def _circle(before: Mapping[_Node, _Node]) -> list[_Node]:
    """Return the nodes of a circle in `before`, in the direction of the arcs, or nothing."""
    seen: dict[_Node, _Node] = {}
    for first in before:
        node: _Node | None = first
        while node is not None and node not in seen:
            seen[node] = first
            node = before.get(node)
        if node is not None and seen[node] == first:
            cycle = [node]
            while (node := before[node]) != cycle[0]:
                cycle.append(node)
            return cycle[::-1]
    return []
