"""Derivatives of Python functions of arrays: grad and its relatives, over trees, inside and outside `jit`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eerie_dsl import tree
from eerie_dsl.api.array import Array
from eerie_dsl.api.callables import argument_names, name_of, parameter_names
from eerie_dsl.api.leaves import function_of, lifted
from eerie_dsl.errors import ArgumentError, DTypeError, ShapeError
from eerie_dsl.ir.graph import Node, placeholder, rebuild
from eerie_dsl.ir.scope import state, taping
from eerie_dsl.ops.cast import cast
from eerie_dsl.ops.composite.promotion import strong
from eerie_dsl.ops.constant import like
from eerie_dsl.ops.identity import alias
from eerie_dsl.transforms.forward import pushforward
from eerie_dsl.transforms.paths import between
from eerie_dsl.transforms.reverse import pullback

Function = Callable[..., Any]


class Aliased:
    """Arguments of a function whose derivative is taken, under names of their own.

    Attributes:
        nodes: what the derivative is taken by, one for each leaf.
        paths: what the arguments are called.
        structures: how the arguments are put together.
        values: the arguments, with the leaves replaced by arrays on ``nodes``.
    """

    def __init__(
        self, what: str, function: Function, values: Sequence[Any], places: Sequence[int] | None = None
    ) -> None:
        function_of(what, function)
        self.nodes: list[Node] = []
        self.values: list[Any] = []
        self.structures: list[Any] = []
        self.paths = argument_names(function, range(len(values)) if places is None else places)
        without = "leave it out of argnums" if what in ("grad", "jacobian") else "let the function have it from outside"
        for value, path in zip(values, self.paths, strict=True):
            leaves, structure = tree.flatten(value)
            aliases = []
            for leaf, where in zip(leaves, tree.paths(value, path), strict=True):
                node = strong(lifted(leaf, f"{what} of {name_of(function)} by {where}"))
                if not node.dtype.is_inexact:
                    raise DTypeError(
                        f"{what} of {name_of(function)} by {where}, which is {node.aval}: only floating point can move",
                        hint=f"cast it with astype(eerie.float32), or {without}",
                    )
                aliases.append(alias(node))
            self.nodes += aliases
            self.structures.append(structure)
            self.values.append(tree.unflatten(structure, map(Array.of, aliases)))

    def build(self, nodes: Sequence[Node]) -> list[Any]:
        """Trees like the arguments, with these nodes for leaves."""
        rest = iter(nodes)
        return [tree.unflatten(s, [Array.of(next(rest)) for _ in range(s.num_leaves)]) for s in self.structures]


def value_and_grad(function: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Function:
    """A function that gives the value of ``function`` and its gradient.

    The gradient is taken by reverse accumulation: it costs a small multiple of the function, however many arguments.

    Args:
        function: gives a 0-d real array; with ``has_aux`` a pair of that and anything else.
        argnums: which positional arguments to differentiate by; trees of floating point arrays.
        has_aux: the function gives something beside the value, which is passed on.

    Returns:
        A function of the same arguments: ``(value, gradient)``, or ``((value, aux), gradient)``. The gradient is a
        tree like the argument; a tuple of them when ``argnums`` is a sequence. Of a complex argument it is
        dL/d(Re z) - i dL/d(Im z).

    Raises:
        ShapeError: the value is not 0-d.
        DTypeError: the value is not real floating point, or an argument is not floating point.
        ArgumentError: ``argnums`` names an argument that is not there.

    >>> x = eerie.asarray([1.0, 2.0])
    >>> value, gradient = eerie.value_and_grad(lambda x: eerie.sum(x**2))(x)
    >>> gradient
    Array([2., 4.], dtype=float32, device=cpu)
    """
    name = name_of(function_of("grad", function))
    numbers = numbers_of("grad", argnums)

    @functools.wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        chosen = chosen_of("grad", function, numbers, args)
        aliased = Aliased("grad", function, [args[i] for i in chosen], chosen)
        with taping(aliased.nodes):
            result = function(*_replaced(args, chosen, aliased.values), **kwargs)
            value, aux = _pair(name, result) if has_aux else (result, None)
            node = _loss(name, value)
            if node.shape:
                raise ShapeError(
                    f"grad of {name}, which gives {node.aval}", hint="reduce it to a number, with sum or mean"
                )
            if node.dtype.kind != "float":
                raise DTypeError(f"grad of {name}, which gives {node.aval}: the value must be a real number")
            found = pullback(aliased.nodes, [node], [like(node, 1)])
            gradients = aliased.build(
                [like(n, 0) if g is None else g for n, g in zip(aliased.nodes, found, strict=True)]
            )
        gradient = gradients[0] if isinstance(argnums, int | np.integer) else tuple(gradients)
        value = Array.of(node)
        return ((value, aux) if has_aux else value), gradient

    return differentiated


def grad(function: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Function:
    """A function that gives the gradient of ``function``; see `value_and_grad`.

    Returns:
        A function of the same arguments; with ``has_aux`` it gives ``(gradient, aux)``.

    >>> eerie.grad(eerie.sin)(0.0)
    Array(1., dtype=float32, device=cpu)
    """
    both = value_and_grad(function, argnums, has_aux=has_aux)

    @functools.wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return differentiated


def vjp(function: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of a function at ``primals``, and the function that takes cotangents of the value back to them.

    Args:
        function: of arrays and trees of them, giving the like.
        primals: its arguments.

    Returns:
        The value, and a function of one tree like the value that gives a tuple of trees like the primals.

    Raises:
        DTypeError: a primal is not floating point.
        MissingRuleError: a primitive has no derivative.

    >>> value, back = eerie.vjp(lambda x: x * x, eerie.asarray([1.0, 3.0]))
    >>> back(eerie.asarray([1.0, 1.0]))
    (Array([2., 6.], dtype=float32, device=cpu),)
    """
    name = name_of(function)
    aliased = Aliased("vjp", function, primals)
    with taping(aliased.nodes):
        nodes, structure = _results(name, function(*aliased.values))
        # The backward pass is recorded now, on stand-ins: the nodes on the way may be evaluated before it is called.
        given = [placeholder(n.aval, scope=state.scope) for n in nodes]
        found = pullback(aliased.nodes, nodes, given)
    cotangents = [like(n, 0) if g is None else g for n, g in zip(aliased.nodes, found, strict=True)]

    def back(cotangent: Any) -> Any:
        leaves = leaves_like("the cotangent", f"the value of {name}", cotangent, structure, nodes)
        return tuple(aliased.build(_substituted(given, cotangents, leaves)))

    return _built(structure, nodes), back


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of a function at ``primals``, and its derivative in the direction ``tangents``.

    Args:
        function: of arrays and trees of them, giving the like.
        primals: a tuple of its arguments.
        tangents: a tuple of trees like them.

    Returns:
        The value and its tangent, a tree like the value; of integers it is zero.

    Raises:
        ArgumentError: the tangents are not like the primals.

    >>> eerie.jvp(eerie.sin, (0.0,), (2.0,))
    (Array(0., dtype=float32, device=cpu), Array(2., dtype=float32, device=cpu))
    """
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise ArgumentError(f"jvp with {what} of type {type(given).__name__}", hint=f"give a tuple: ({what[:-1]},)")
    value, push = linearize(function, *primals)
    if len(tangents) != len(primals):
        raise ArgumentError(f"jvp of {name_of(function)}: {len(primals)} primals and {len(tangents)} tangents")
    return value, push(*tangents)


def linearize(function: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of a function at ``primals``, and its derivative there as a function of tangents.

    Returns:
        The value, and a function of trees like the primals that gives a tree like the value.

    >>> value, push = eerie.linearize(eerie.exp, 0.0)
    >>> push(3.0)
    Array(3., dtype=float32, device=cpu)
    """
    name = name_of(function)
    aliased = Aliased("jvp", function, primals)
    with taping(aliased.nodes):
        nodes, structure = _results(name, function(*aliased.values))
        given = [placeholder(n.aval, scope=state.scope) for n in aliased.nodes]
        found = pushforward(aliased.nodes, nodes, given)
    pushed = [like(n, 0) if t is None else t for n, t in zip(nodes, found, strict=True)]

    def push(*tangents: Any) -> Any:
        if len(tangents) != len(primals):
            raise ArgumentError(f"the derivative of {name} takes {len(primals)} tangents, got {len(tangents)}")
        leaves: list[Node] = []
        for path, tangent, of in zip(aliased.paths, tangents, aliased.structures, strict=True):
            primal = aliased.nodes[len(leaves) : len(leaves) + of.num_leaves]
            leaves += leaves_like(f"the tangent of {path}", f"{path} of {name}", tangent, of, primal)
        return _built(structure, _substituted(given, pushed, leaves))

    return _built(structure, nodes), push


def _substituted(given: Sequence[Node], outputs: Sequence[Node], values: Sequence[Node]) -> list[Node]:
    """The outputs recorded anew with values for the stand-ins that they were recorded on."""
    new = dict(zip(given, values, strict=True))
    for node in between(given, outputs):
        new[node] = rebuild(node, tuple(new.get(i, i) for i in node.inputs))
    return [new.get(n, n) for n in outputs]


def numbers_of(what: str, argnums: Any) -> list[int]:
    """What ``argnums`` says, as a list.

    Raises:
        ArgumentError: it is no integer, nor a sequence of them.
    """
    numbers = list(argnums) if isinstance(argnums, Sequence) and not isinstance(argnums, str) else [argnums]
    if any(isinstance(i, bool) or not isinstance(i, int | np.integer) for i in numbers):
        raise ArgumentError(f"{what} with argnums={argnums!r}", hint="give the place of an argument, or several")
    return [int(i) for i in numbers]


def chosen_of(what: str, function: Function, numbers: Sequence[int], args: Sequence[Any]) -> list[int]:
    """Places of arguments, counted from the front.

    Args:
        what: is done by these arguments, for messages.
        function: that was called.
        numbers: their places; negative ones count from the end.
        args: that it was called with.

    Raises:
        ArgumentError: there is no such argument, or one is named twice.
    """
    for i in numbers:
        if not -len(args) <= i < len(args):
            names = parameter_names(function)
            called = f" ({names[i]})" if -len(names) <= i < len(names) else ""
            raise ArgumentError(
                f"{what} of {name_of(function)} by argument {i}{called}, and it was called with {len(args)} positional "
                "ones",
                hint="pass it by position, not by keyword" if called else None,
            )
    places = [i % len(args) for i in numbers]
    if len(set(places)) < len(places):
        raise ArgumentError(f"{what} of {name_of(function)} by the same argument twice: {', '.join(map(str, numbers))}")
    return places


def _loss(name: str, value: Any) -> Node:
    if value is None or isinstance(value, str | bytes | dict | list | tuple):
        raise ArgumentError(
            f"grad of {name}, which gives a {type(value).__name__}",
            hint="return one number; with has_aux=True, a pair of it and anything else",
        )
    return strong(lifted(value, f"grad of {name}"))


def _replaced(args: Sequence[Any], chosen: Sequence[int], values: Sequence[Any]) -> list[Any]:
    new = list(args)
    for i, value in zip(chosen, values, strict=True):
        new[i] = value
    return new


def _pair(name: str, result: Any) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise ArgumentError(f"{name} with has_aux gives a pair of the value and the rest, got {type(result).__name__}")
    return result


def _results(name: str, result: Any) -> tuple[list[Node], Any]:
    if isinstance(result, Array):
        return [strong(result.node)], None
    leaves, structure = tree.flatten(result)
    where = tree.paths(result, "result")
    return [strong(lifted(leaf, f"{path} of {name}")) for leaf, path in zip(leaves, where, strict=True)], structure


def _built(structure: Any, nodes: Sequence[Node]) -> Any:
    arrays = [Array.of(n) for n in nodes]
    return arrays[0] if structure is None else tree.unflatten(structure, arrays)


def leaves_like(what: str, of: str, value: Any, structure: Any, nodes: Sequence[Node]) -> list[Node]:
    """The leaves of a tree that must have the structure and shapes of another one, cast to its dtypes.

    Args:
        what: the tree, for messages.
        of: the other one.
        value: the tree.
        structure: of the other one; None for a single array.
        nodes: the leaves of the other one.
    """
    leaves, found = tree.flatten(value)
    if (found.num_nodes, found.num_leaves) != (1, 1) if structure is None else found != structure:
        wanted = ["itself"] if structure is None else _places(tree.unflatten(structure, range(structure.num_leaves)))
        raise ArgumentError(
            f"{what} has another structure than {of}: arrays at {', '.join(_places(value)) or 'no place'} "
            f"instead of {', '.join(wanted) or 'none'}"
        )
    result = []
    for leaf, node, path in zip(leaves, nodes, tree.paths(value), strict=True):
        given = strong(lifted(leaf, f"{what}{f' at {path}' if path else ''}"))
        if given.shape != node.shape:
            raise ShapeError(f"{what}{f' at {path}' if path else ''} is {given.aval} where {of} is {node.aval}")
        if given.dtype.kind == "complex" and node.dtype.kind == "float":
            raise DTypeError(f"{what}{f' at {path}' if path else ''} is {given.aval} where {of} is {node.aval}")
        result.append(given if given.dtype is node.dtype else cast(given, dtype=node.dtype))
    return result


def _places(value: Any) -> list[str]:
    return [path or "itself" for path in tree.paths(value)]
