"""What captured arrays are called in a file of weights: the way to them, as the program writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from eerie_dsl import tree


def weight_names(function: Any, captured: Sequence[Any]) -> list[str]:
    """A name for each captured array, all different: ``blocks.0.weight`` for one of a model that is called,
    ``model.blocks.0.weight`` for one of a model that a variable holds, ``weight_3`` for one that is found nowhere.
    """
    ways: dict[int, str] = {}
    for root, value in _reachable(function):
        try:
            leaves, found = tree.leaves(value), tree.paths(value, "")
        except (TypeError, ValueError):  # nodes of a dict that cannot be sorted, and the like
            continue
        for leaf, path in zip(leaves, found, strict=True):
            ways.setdefault(id(leaf), _dotted(root, path))
    names: list[str] = []
    for i, array in enumerate(captured):
        name = ways.get(id(array), f"weight_{i}")
        names.append(name if name not in names else f"{name}_{i}")
    return names


def _reachable(function: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """What a function reads from outside, with names."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    if isinstance(function, partial):
        code = getattr(function.func, "__code__", None)
        names = code.co_varnames if code is not None else ()
        yield from ((names[i] if i < len(names) else f"arg{i}", a) for i, a in enumerate(function.args))
        yield from function.keywords.items()
        yield from _reachable(function.func, depth)
        return
    if hasattr(function, "__func__"):
        yield "", function.__self__
        function = function.__func__
    code = getattr(function, "__code__", None)
    if code is None:
        yield "", function
        return
    held = [(n, c) for n, c in zip(code.co_freevars, function.__closure__ or (), strict=True)]
    found = []
    for name, cell in held:
        try:
            found.append((name, cell.cell_contents))
        except ValueError:  # not bound yet
            continue
    found += [(n, function.__globals__[n]) for n in code.co_names if n in function.__globals__]
    yield from found
    for _, value in found:
        if depth < 3 and (hasattr(value, "__code__") or hasattr(value, "__wrapped__")):
            yield from _reachable(value, depth + 1)


def _dotted(root: str, path: str) -> str:
    """``root`` and a path such as ``.blocks[0]['w']`` as ``root.blocks.0.w``."""
    words = path.replace("['", ".").replace("']", "").replace("[", ".").replace("]", "")
    return (root + words).strip(".") or root or "weight"
