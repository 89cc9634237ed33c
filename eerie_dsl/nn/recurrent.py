"""Recurrent layers: their state goes from each step of a sequence to the next."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, ClassVar, Self

import eerie_dsl as eerie
from eerie_dsl import Array, DType
from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.nn.checks import describe, positive, trailing
from eerie_dsl.nn.initializers import Initializer, lecun_normal, zeros
from eerie_dsl.nn.module import module
from eerie_dsl.tree import static

State = Any
"""The state of an LSTM is a pair of arrays, that of a GRU an array."""


@module
class _Cell:
    """One step. Rows of the weights are grouped by gate, in the order and under the names that PyTorch has."""

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array | None = None
    bias_hh: Array | None = None

    GATES: ClassVar[int]

    @classmethod
    def init(
        cls,
        key: Array,
        inputs: int,
        hidden: int,
        *,
        bias: bool = True,
        dtype: DType = eerie.float32,
        weight_init: Initializer = lecun_normal,
        bias_init: Initializer = zeros,
    ) -> Self:
        """A new cell.

        Args:
            key: of `eerie.random`.
            inputs: features of the input.
            hidden: features of the state.
            bias: whether to have biases.
            dtype: of the parameters.
            weight_init: gives the weights.
            bias_init: gives the biases.

        Raises:
            ArgumentError: a size that is not an integer above 0.
        """
        positive(inputs=inputs, hidden=hidden)
        keys = eerie.random.split(key, 4)
        rows = cls.GATES * hidden
        return cls(
            weight_init(keys[0], (rows, inputs), dtype),
            weight_init(keys[1], (rows, hidden), dtype),
            bias_init(keys[2], (rows,), dtype) if bias else None,
            bias_init(keys[3], (rows,), dtype) if bias else None,
        )

    def _project(self, x: Array) -> Array:
        """What the gates take from the input, for any number of steps at once."""
        return _affine(x, self.weight_ih, self.bias_ih)


@module
class LSTMCell(_Cell):
    """A step of an LSTM: of gates ``i, f, g, o``, ``c`` becomes ``f c + i g`` and ``h`` becomes ``o tanh(c)``.

    Hochreiter and Schmidhuber, Long short-term memory, 1997, with the forget gate of Gers et al., 2000.

    Attributes:
        weight_ih: ``(4 * hidden, in)``.
        weight_hh: ``(4 * hidden, hidden)``.
        bias_ih: ``(4 * hidden,)``, or None.
        bias_hh: the same, or None.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> cell = nn.LSTMCell.init(eerie.random.key(0), 8, 16)
    >>> h, c = cell(eerie.ones((32, 8)))
    >>> h.shape, c.shape
    ((32, 16), (32, 16))
    """

    GATES = 4

    def __call__(self, x: Array, state: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
        """``(..., in)``, and ``(h, c)``, each ``(..., hidden)``, zeros if None; the next ``(h, c)``.

        Raises:
            ShapeError: shapes that do not fit.
        """
        return _stepped(self, x, state)  # type: ignore[no-any-return]

    def _start(self, shape: tuple[int, ...], dtype: DType) -> State:
        return eerie.zeros(shape, dtype=dtype), eerie.zeros(shape, dtype=dtype)

    def _step(self, projected: Array, state: State) -> tuple[State, Array]:
        h, c = state
        i, f, g, o = _gates(projected + _affine(h, self.weight_hh, self.bias_hh), 4)
        c = eerie.sigmoid(f) * c + eerie.sigmoid(i) * eerie.tanh(g)
        h = eerie.sigmoid(o) * eerie.tanh(c)
        return (h, c), h


@module
class GRUCell(_Cell):
    """A step of a GRU: of gates ``r, z`` and ``n = tanh(W x + r (U h + b))``, ``h`` becomes ``(1 - z) n + z h``.

    Cho et al., Learning phrase representations using RNN encoder-decoder, 2014; the reset gate comes after the
    product, as in PyTorch and cuDNN.

    Attributes:
        weight_ih: ``(3 * hidden, in)``.
        weight_hh: ``(3 * hidden, hidden)``.
        bias_ih: ``(3 * hidden,)``, or None.
        bias_hh: the same, or None.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> cell = nn.GRUCell.init(eerie.random.key(0), 8, 16)
    >>> cell(eerie.ones((32, 8))).shape
    (32, 16)
    """

    GATES = 3

    def __call__(self, x: Array, state: Array | None = None) -> Array:
        """``(..., in)``, and ``(..., hidden)``, zeros if None; the next state.

        Raises:
            ShapeError: shapes that do not fit.
        """
        return _stepped(self, x, state)  # type: ignore[no-any-return]

    def _start(self, shape: tuple[int, ...], dtype: DType) -> State:
        return eerie.zeros(shape, dtype=dtype)

    def _step(self, projected: Array, state: State) -> tuple[State, Array]:
        r, z, n = _gates(projected, 3)
        hr, hz, hn = _gates(_affine(state, self.weight_hh, self.bias_hh), 3)
        n = eerie.tanh(n + eerie.sigmoid(r + hr) * hn)
        z = eerie.sigmoid(z + hz)
        h = n + z * (state - n)
        return h, h


@module
class _Recurrent:
    """Layers of cells over the steps of a sequence."""

    layers: tuple[Any, ...]
    backward: tuple[Any, ...] = ()
    reverse: bool = static(default=False)

    CELL: ClassVar[type[Any]]

    @classmethod
    def init(
        cls,
        key: Array,
        inputs: int,
        hidden: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        reverse: bool = False,
        bias: bool = True,
        dtype: DType = eerie.float32,
        weight_init: Initializer = lecun_normal,
        bias_init: Initializer = zeros,
    ) -> Self:
        """A new layer.

        Args:
            key: of `eerie.random`.
            inputs: features of the input.
            hidden: features of the state.
            layers: each reads what the one before gave.
            bidirectional: read each layer's input also from its end, with other weights.
            reverse: read from the end.
            bias: whether to have biases.
            dtype: of the parameters.
            weight_init: gives the weights.
            bias_init: gives the biases.

        Raises:
            ArgumentError: a size that is not an integer above 0, or ``reverse`` of both directions.
        """
        positive(layers=layers)
        if bidirectional and reverse:
            raise ArgumentError(f"{cls.__name__} that is bidirectional and reverse", hint="both directions are read")
        directions = 2 if bidirectional else 1
        keys = eerie.random.split(key, layers * directions)
        cells = [
            cls.CELL.init(
                keys[k],
                inputs if k < directions else directions * hidden,
                hidden,
                bias=bias,
                dtype=dtype,
                weight_init=weight_init,
                bias_init=bias_init,
            )
            for k in range(layers * directions)
        ]
        return cls(tuple(cells[::directions]), tuple(cells[1::2]) if bidirectional else (), reverse)

    def _run(self, x: Array, state: State) -> tuple[Array, State]:
        first: Any = self.layers[0]
        if x.ndim != 3:
            raise ShapeError(f"x of {describe(x)} is not (batch, steps, features)", hint="give one sequence as x[None]")
        trailing(x, first.weight_ih.shape[1:])
        count = len(self.layers) + len(self.backward)
        wanted = (count, x.shape[0], first.weight_hh.shape[-1])
        if state is None:
            state = first._start(wanted, eerie.result_type(x.dtype, first.weight_hh.dtype))
        for part in eerie.tree.leaves(state):
            if tuple(part.shape) != wanted:
                raise ShapeError(
                    f"a state of {describe(part)} for x of {describe(x)} and {count} cells",
                    hint=f"it is (layers * directions, batch, hidden): {wanted}",
                )
        rows = eerie.moveaxis(x, 1, 0)  # steps first, as scan reads them
        ends: list[State] = []
        for k, cell in enumerate(self.layers):
            ways = [(cell, self.reverse)]
            if self.backward:
                ways.append((self.backward[k], True))
            outputs = []
            for way, reverse in ways:
                begin = eerie.tree.map(itemgetter(len(ends)), state)
                end, output = eerie.scan(_body(way), begin, way._project(rows), reverse=reverse)
                ends.append(end)
                outputs.append(output)
            rows = eerie.concat(outputs, axis=-1) if self.backward else outputs[0]
        return eerie.moveaxis(rows, 0, 1), eerie.tree.map(lambda *parts: eerie.stack(parts), *ends)


@module
class LSTM(_Recurrent):
    """An LSTM over sequences; see `LSTMCell`.

    Attributes:
        layers: an `LSTMCell` for each layer.
        backward: for each layer the cell that reads from the end, where the layer is bidirectional.
        reverse: whether ``layers`` read from the end; outputs stay beside the steps that they are from.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.LSTM.init(eerie.random.key(0), 8, 16, layers=2, bidirectional=True)
    >>> outputs, (h, c) = layer(eerie.ones((32, 10, 8)))
    >>> outputs.shape, h.shape
    ((32, 10, 32), (4, 32, 16))
    """

    CELL = LSTMCell

    def __call__(self, x: Array, state: tuple[Array, Array] | None = None) -> tuple[Array, tuple[Array, Array]]:
        """Outputs of the last layer and the state after all steps.

        Args:
            x: ``(batch, steps, in)``.
            state: ``(h, c)`` to begin with, each ``(layers * directions, batch, hidden)``, both directions of a layer
                beside each other; zeros if None.

        Returns:
            ``(batch, steps, directions * hidden)``, and ``(h, c)`` like ``state``.

        Raises:
            ShapeError: shapes that do not fit.
        """
        return self._run(x, state)


@module
class GRU(_Recurrent):
    """A GRU over sequences; see `GRUCell`.

    Attributes:
        layers: a `GRUCell` for each layer.
        backward: for each layer the cell that reads from the end, where the layer is bidirectional.
        reverse: whether ``layers`` read from the end; outputs stay beside the steps that they are from.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.GRU.init(eerie.random.key(0), 8, 16)
    >>> outputs, h = layer(eerie.ones((32, 10, 8)))
    >>> outputs.shape, h.shape
    ((32, 10, 16), (1, 32, 16))
    """

    CELL = GRUCell

    def __call__(self, x: Array, state: Array | None = None) -> tuple[Array, Array]:
        """Outputs of the last layer and the state after all steps.

        Args:
            x: ``(batch, steps, in)``.
            state: to begin with, ``(layers * directions, batch, hidden)``, both directions of a layer beside each
                other; zeros if None.

        Returns:
            ``(batch, steps, directions * hidden)``, and a state like ``state``.

        Raises:
            ShapeError: shapes that do not fit.
        """
        return self._run(x, state)


def _body(cell: Any) -> Callable[[State, Array], tuple[State, Array]]:
    return lambda state, projected: cell._step(projected, state)


def _stepped(cell: Any, x: Array, state: State) -> State:
    trailing(x, cell.weight_ih.shape[1:])
    wanted = (*x.shape[:-1], cell.weight_hh.shape[-1])
    if state is None:
        state = cell._start(wanted, eerie.result_type(x.dtype, cell.weight_hh.dtype))
    for part in eerie.tree.leaves(state):
        if tuple(part.shape) != wanted:
            raise ShapeError(f"a state of {describe(part)} for x of {describe(x)}", hint=f"it is of shape {wanted}")
    return cell._step(cell._project(x), state)[0]


def _affine(x: Array, weight: Array, bias: Array | None) -> Array:
    product = eerie.matmul(x, weight.mT)
    return product if bias is None else product + bias


def _gates(x: Array, count: int) -> list[Array]:
    return eerie.split(x, count, axis=-1)
