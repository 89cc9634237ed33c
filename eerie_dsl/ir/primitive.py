"""The contract of a primitive: one class holds every rule of an operation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, ClassVar, Literal, Self

from eerie_dsl.errors import EerieError, LeakedTracerError, MissingRuleError, user_source
from eerie_dsl.ir.aval import Aval, TupleAval, Type
from eerie_dsl.ir.graph import NO_PARAMS, Graph, Node, Params, StaticParams
from eerie_dsl.ir.scope import Scope, state

__all__ = ["Absorbs", "Cotangents", "Primitive", "Project", "leaked", "primitive_at", "project"]

Cotangents = tuple[Node | None, ...]
Absorbs = Literal["nothing", "views", "elements"]

_TYPED = 4096
"""Operand types whose result a primitive remembers."""


class Primitive:
    """An operation with all of its rules; an instance is called on nodes and records a node.

    A primitive lives at module level under its own name (``add`` in ``eerie_dsl.ops.arithmetic``); graphs
    refer to it by that path, so no registry exists that it would have to join.

    Rules receive nodes or values first and the static parameters as keywords. A rule that is missing raises
    `MissingRuleError` with the primitive's name.
    """

    name: ClassVar[str]
    elementwise: ClassVar[bool] = False
    """Each result element depends on the operands' elements at its own place."""
    moves: ClassVar[bool] = False
    """Result elements are operand elements at other places; the result may share the operand's memory."""
    repeats: ClassVar[bool] = False
    """Every result element is an element of the one operand; takes ``shape`` and ``axes`` as `broadcast` does."""
    absorbs: ClassVar[Absorbs] = "nothing"
    """Which operands the lowering builds into its own kernel: none, broadcasts and transposes, or these and
    elementwise work too (right where each operand element is read about once)."""
    literal: ClassVar[bool] = False
    """A value written in the graph itself; has no operands."""
    commutative: ClassVar[bool] = False
    differentiable: ClassVar[bool] = True
    sequential: ClassVar[bool] = False
    """The graphs among its parameters are run many times, one run after the other."""
    _typed: dict[Any, tuple[Type, Params]]

    @property
    def path(self) -> str:
        """``module:name``, by which `primitive_at` finds this instance again."""
        return f"{type(self).__module__}:{self.name}"

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        """Record the operation on ``inputs``; its type is inferred at once.

        Raises:
            ShapeError, DTypeError: the operands do not fit, at the user's own line.
            LeakedTracerError: an operand belongs to a trace that has ended.
        """
        avals = tuple([i.aval for i in inputs])
        typed = self._typed.get((avals, *params.items()) if params else avals)
        aval, known = typed if typed is not None else self._type(avals, params)
        depth = 0
        for i in inputs:
            if i.depth > depth:
                depth = i.depth
            if i.scope is not None and not i.scope.active:
                raise leaked(self.name, i.scope)
        return Node(self, inputs, known, aval, state.source or user_source(), state.scope, None, depth + 1)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = object.__new__(cls)
        self._typed = {}
        return self

    def _type(self, avals: tuple[Any, ...], params: dict[str, Any]) -> tuple[Type, Params]:
        """The result's type, and the parameters as one object for all nodes that have the same."""
        aval = self.infer(*avals, **params)
        known = (aval, StaticParams(params) if params else NO_PARAMS)
        # 0.0 == -0.0 and 1 == 1.0: numbers that are equal but not the same must not stand for each other.
        if not any(isinstance(v, (float, complex, Graph)) for v in params.values()):
            if len(self._typed) >= _TYPED:
                self._typed.clear()
            self._typed[(avals, *params.items()) if params else avals] = known
        return known

    def infer(self, *avals: Any, **params: Any) -> Type:
        """Type of the result for operand types; raises ShapeError or DTypeError."""
        raise self._missing("type")

    def reference(self, *arrays: Any, **params: Any) -> Any:
        """The result in NumPy: the meaning of the operation, against which all else is tested."""
        raise self._missing("NumPy reference")

    # The rules are declared open, so that a primitive can name its own operands and parameters.

    def lower(self, *args: Any, **params: Any) -> Any:
        """``lower(b, *values, out, **params)``: emit it through the builder ``b``; ``out`` is the inferred type."""
        raise self._missing("lowering")

    def decompose(self, *args: Any, **params: Any) -> Any:
        """``decompose(*inputs, **params)``: the result recorded as other operations, a tuple of nodes for several.

        A primitive gives this instead of `lower` when it has a name and a NumPy reference of its own but no kernel:
        it is one node while a program is recorded, and what it stands for when that is lowered."""
        raise self._missing("lowering")

    def vjp(self, *args: Any, **params: Any) -> Cotangents:
        """``vjp(ct, out, *inputs, **params)``: cotangents of the operands for that of the result; None for none."""
        raise self._missing("vjp")

    def jvp(self, *args: Any, **params: Any) -> Any:
        """``jvp(tangents, out, *inputs, **params)``: the tangent of the result for those of the operands, None for
        zero; a list of them for several results. Only for what should not be done by transposing the vjp."""
        raise self._missing("jvp")

    def batch(self, *args: Any, **params: Any) -> tuple[Node, int | None] | list[tuple[Node, int | None]]:
        """``batch(inputs, dims, **params)``: over operands with an extra axis at ``dims`` (None where there is
        none); gives the result and where the axis is in it, a list of these for several results."""
        raise self._missing("batching")

    def passthrough(self, *args: Any, **params: Any) -> Node | None:
        """``passthrough(*inputs, **params)``: the operand that the operation would give back unchanged, if any."""
        return None

    def extends(self, *args: Any, **params: Any) -> Params | None:
        """The parameters with which the operation gives only the first of the results that it gives with these."""
        return None

    def rowwise(self, rows: Sequence[int | None], row: int, *avals: Any, **params: Any) -> bool:
        """Whether the result at a place along its axis ``row`` depends on the operands at that place along their axes
        ``rows`` only; None where an operand has no such axis."""
        return self.elementwise

    def literal_of(self, array: Any, aval: Aval) -> Node:
        """For a literal primitive: the node that stands for ``array``."""
        raise self._missing("literal")

    def flops(self, *args: Any, **params: Any) -> int:
        """``flops(*avals, out, **params)``: arithmetic operations of one evaluation, an estimate for reports and
        scheduling."""
        return 0

    def evaluate(self, aval: Type, arrays: Sequence[Any], params: Params) -> Any:
        """`reference` on arrays, its results held to the inferred type."""
        result = self.reference(*arrays, **params)
        if isinstance(aval, TupleAval):
            return tuple(_conform(self, r, a) for r, a in zip(result, aval.elements, strict=True))
        return _conform(self, result, aval)

    def _missing(self, rule: str) -> MissingRuleError:
        return MissingRuleError(f"primitive {self.name} has no {rule} rule")

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


class Project(Primitive):
    """One result of a primitive that has several."""

    name = "project"

    def infer(self, operand: TupleAval, *, index: int) -> Aval:
        return operand.elements[index]

    def reference(self, operand: tuple[Any, ...], *, index: int) -> Any:
        return operand[index]

    def lower(self, b: Any, operand: Any, *, out: Any, index: int) -> Any:
        return operand[index]


project = Project()


def primitive_at(path: str) -> Primitive:
    """The primitive at ``module:name``."""
    module, _, name = path.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, Primitive)
    return found


def _conform(op: Primitive, array: Any, aval: Aval) -> Any:
    # NumPy gives scalars for 0-d results, and its own idea of the result dtype for a few operations.
    if array.dtype != aval.dtype.numpy or array.shape != aval.shape:
        raise EerieError(f"the reference of {op.name} gave {array.dtype}{list(array.shape)} for {aval}")
    return array


def leaked(use: str, scope: Scope) -> LeakedTracerError:
    """The error for a value whose trace has ended."""
    return LeakedTracerError(
        f"{use} uses a value of {scope.name}, whose tracing has ended",
        hint=f"return the value from {scope.name} instead of keeping it in a variable outside",
    )
