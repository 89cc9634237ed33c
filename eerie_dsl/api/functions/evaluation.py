"""When pending values are computed."""

from __future__ import annotations

from typing import Any

from eerie_dsl import tree
from eerie_dsl.api import evaluation
from eerie_dsl.api.array import Array
from eerie_dsl.errors import TracerError
from eerie_dsl.ir.scope import state


def eval(*values: Any) -> None:
    """Compute what is pending in arrays now, all of them as one program.

    Reading an array does that for the one that is read. Ask for several together where they share work, and at the
    end of a step of a loop that reads nothing.

    Args:
        values: arrays, and trees of them; anything else in them is left alone.

    Raises:
        TracerError: a function is being traced.

    >>> x = eerie.asarray([1.0, 4.0])
    >>> total, roots = eerie.sum(x), eerie.sqrt(x)
    >>> eerie.eval(total, roots)
    """
    if state.scope is not None:
        raise TracerError(
            f"eval: {state.scope.name} is being traced and has no values yet", hint="call it outside the function"
        )
    # The tree library takes a while to load: most calls do not need it.
    flat = [v for value in values for v in (value if type(value) in (list, tuple) else (value,))]
    leaves = flat if all(type(v) is Array for v in flat) else tree.leaves(values)
    pending = [leaf.node for leaf in leaves if isinstance(leaf, Array)]
    if pending:
        evaluation.evaluate(pending)
