"""Tables of vectors."""

from __future__ import annotations

import math

import eerie_dsl as eerie
from eerie_dsl import Array, DType
from eerie_dsl.nn.checks import positive, trailing
from eerie_dsl.nn.initializers import Initializer, normal
from eerie_dsl.nn.module import module


@module
class Embedding:
    """A vector for each of ``count`` tokens.

    Attributes:
        weight: ``(count, features)``.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> table = nn.Embedding(eerie.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> table(eerie.asarray([1, 1, 0]))
    Array([[3., 4.],
           [3., 4.],
           [1., 2.]], dtype=float32, device=cpu)
    """

    weight: Array

    @classmethod
    def init(
        cls,
        key: Array,
        count: int,
        features: int,
        *,
        dtype: DType = eerie.float32,
        weight_init: Initializer | None = None,
    ) -> Embedding:
        """A new table.

        Args:
            key: of `eerie.random`.
            count: of tokens.
            features: of a vector.
            dtype: of the table.
            weight_init: gives the table; default: normal of variance ``1 / features``, of vectors about one long.

        Raises:
            ArgumentError: a size that is not an integer above 0.

        >>> import eerie_dsl as eerie
        >>> from eerie_dsl import nn
        >>> nn.Embedding.init(eerie.random.key(0), 1000, 64)
        Embedding(weight=f32[1000,64])
        """
        positive(count=count, features=features)
        if weight_init is None:
            return cls(normal(key, (count, features), dtype, std=1 / math.sqrt(features)))
        return cls(weight_init(key, (count, features), dtype))

    def __call__(self, tokens: Array) -> Array:
        """Integers ``(...)`` to vectors ``(..., features)``.

        Raises:
            IndexingError: not integers, or a token out of range whose value is known. A computed one, as inside
                `eerie.jit`, gives the nearest vector.
        """
        return eerie.take(self.weight, tokens, axis=0)

    def attend(self, x: Array) -> Array:
        """The product of ``x`` with each vector, ``(..., features)`` to ``(..., count)``: logits by the same table.

        Press and Wolf, Using the output embedding to improve language models, 2017.

        Raises:
            ShapeError: ``x`` does not end with the features of the table.
        """
        trailing(x, self.weight.shape[1:])
        return eerie.matmul(x, self.weight.mT)
