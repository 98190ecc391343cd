"""Arguments that belong together: the same parameter in every layer, moments of the same parameter.

Tying repeated layers keeps the number of decisions independent of depth; a group is one pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

from autopart.graph import Graph
from autopart.patterns import cover, starify

PARAMETER, MOMENT, INPUT = "parameter", "moment", "input"


@dataclass(frozen=True)
class Group:
    """Arguments of one shape that are decided together.

    Attributes:
        pattern: matches exactly ``names``.
        names: arguments, in tree order.
        shape: their common shape.
        role: ``parameter``, ``moment`` (optimizer state that mirrors parameters) or ``input``.
    """

    pattern: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    role: str


def groups_of(graph: Graph) -> tuple[Group, ...]:
    """The groups of the graph's arguments with at least one dimension, in tree order."""
    roles = argument_roles(graph)
    everything = [a.name for a in graph.arguments]
    rows: dict[tuple[object, ...], list[str]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for argument in graph.arguments:
        value = graph.values[argument.value]
        if not value.shape or argument.constant is not None:
            continue
        role, tail = roles[argument.name]
        shapes[argument.name] = value.shape
        key = (role, starify(tail if role == MOMENT else argument.name), value.shape, value.dtype)
        rows.setdefault(key, []).append(argument.name)
    out: list[Group] = []
    for key, names in rows.items():
        pattern = cover(names, everything)
        parts = [(pattern, tuple(names))] if pattern else [(name, (name,)) for name in names]
        out.extend(Group(p, n, shapes[n[0]], str(key[0])) for p, n in parts)
    return tuple(out)


def argument_roles(graph: Graph) -> dict[str, tuple[str, str]]:
    """Argument name -> (role, path below the tree that it mirrors).

    Carried arguments are state. A carried argument whose path ends in the whole path (below its own root)
    of another, of the same shape, is a moment of it. Everything that is not carried is an input; if
    nothing is carried, arguments of the first position are parameters and all others inputs.
    """
    carried = {graph.arguments[o.carried].name for o in graph.outputs if o.carried >= 0}
    shape = {a.name: graph.values[a.value].shape for a in graph.arguments}
    if not carried and graph.arguments:
        first = graph.arguments[0].name.partition("/")[0]
        several = len({a.name.partition("/")[0] for a in graph.arguments}) > 1
        return {
            a.name: (PARAMETER if several and a.name.partition("/")[0] == first else INPUT, a.name)
            for a in graph.arguments
        }
    tails = {name.partition("/")[2]: name for name in reversed(list(shape)) if name in carried and "/" in name}
    roles: dict[str, tuple[str, str]] = {}
    for argument in graph.arguments:
        name = argument.name
        if name not in carried:
            roles[name] = (INPUT, name)
            continue
        mirrored = _mirrored(name, tails, shape)
        roles[name] = (MOMENT, mirrored) if mirrored else (PARAMETER, name)
    return roles


def _mirrored(name: str, tails: dict[str, str], shape: dict[str, tuple[int, ...]]) -> str | None:
    """The path of the parameter that ``name`` mirrors, or ``None``."""
    parts = name.split("/")
    for start in range(2, len(parts)):
        tail = "/".join(parts[start:])
        other = tails.get(tail)
        if other is not None and other != name and shape[other] == shape[name]:
            return tail
    return None
