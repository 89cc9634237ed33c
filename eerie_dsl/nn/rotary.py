"""Positions as angles."""

from __future__ import annotations

import eerie_dsl as eerie
from eerie_dsl import Array
from eerie_dsl.errors import ShapeError
from eerie_dsl.nn.checks import describe
from eerie_dsl.nn.module import module
from eerie_dsl.tree import static


@module
class RotaryEmbedding:
    """Turns pairs of features by angles that grow with the position, so that products depend on distances.

    Su et al., RoFormer, 2021. Pair ``i`` of ``n / 2`` turns by ``position / base ** (2 * i / n)``.

    Attributes:
        base: sets the slowest turn, once in about ``6 * base`` positions.
        interleaved: whether neighbours are a pair, as in GPT-J, instead of ``i`` and ``i + n / 2``, as in Llama.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.RotaryEmbedding()(eerie.asarray([[1.0, 0.0], [1.0, 0.0]]))
    Array([[1.       , 0.       ],
           [0.5403023, 0.841471 ]], dtype=float32, device=cpu)
    """

    base: float = static(default=10000.0)
    interleaved: bool = static(default=False)

    def __call__(self, x: Array, positions: Array | None = None) -> Array:
        """``(..., length, features)`` to the same.

        Args:
            x: queries or keys.
            positions: ``(length,)`` integers, or more axes in front that broadcast; default: 0, 1, 2, ...

        Raises:
            ShapeError: fewer than two axes, an odd number of features, or positions that do not fit.
        """
        if x.ndim < 2 or x.shape[-1] % 2:
            raise ShapeError(
                f"x of {describe(x)} has no pairs of features to turn",
                hint="shape it (..., length, features), with an even number of features",
            )
        length, features = x.shape[-2:]
        wide = eerie.result_type(x.dtype, eerie.float32)
        if positions is None:
            positions = eerie.arange(length)
        elif not positions.ndim or positions.shape[-1] not in (1, length):
            raise ShapeError(f"positions of {describe(positions)} for x of {describe(x)}, of length {length}")
        half = features // 2
        speeds = self.base ** (eerie.arange(half, dtype=wide) * (-2.0 / features))
        angles = eerie.astype(positions, wide)[..., None] * speeds
        # An axis for the two of a pair: the last one where they are neighbours.
        axis, pair = (-1, (half, 2)) if self.interleaved else (-2, (2, half))
        cos, sin = (eerie.expand_dims(f(angles), axis=axis) for f in (eerie.cos, eerie.sin))
        signs = eerie.reshape(eerie.asarray([-1.0, 1.0], dtype=wide), (2, 1) if axis == -2 else (2,))
        pairs = eerie.reshape(eerie.astype(x, wide), (*x.shape[:-1], *pair))
        turned = pairs * cos + eerie.flip(pairs, axis=axis) * (sin * signs)
        return eerie.astype(eerie.reshape(turned, x.shape), x.dtype)
