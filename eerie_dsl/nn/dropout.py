"""Dropout."""

from __future__ import annotations

import eerie_dsl as eerie
from eerie_dsl import Array
from eerie_dsl.errors import InvalidValueError
from eerie_dsl.nn.module import module
from eerie_dsl.tree import static


@module
class Dropout:
    """Sets elements to zero at random and makes up for it with the others; without a key, the identity.

    Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014.

    Attributes:
        rate: the share of elements that become zero, from 0 to below 1.

    Raises:
        InvalidValueError: another rate.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> dropout = nn.Dropout(0.5)
    >>> dropout(eerie.ones(4))
    Array([1., 1., 1., 1.], dtype=float32, device=cpu)
    >>> dropout(eerie.ones(4), key=eerie.random.key(1))
    Array([0., 2., 0., 0.], dtype=float32, device=cpu)
    """

    rate: float = static()

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise InvalidValueError(
                f"Dropout({self.rate!r}): the rate is the share of elements that become zero",
                hint="give a number from 0 to below 1",
            )

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        """``x``, of any shape, with elements set to zero where a key is given.

        Use a key of its own for each layer and each step: `eerie.random.split` and `eerie.random.fold_in` make them.

        Raises:
            DTypeError, ShapeError: not a key.
        """
        if key is None or self.rate == 0:
            return x
        kept = eerie.random.bernoulli(x.shape, p=1 - self.rate, key=key)
        return eerie.where(kept, x * (1 / (1 - self.rate)), 0)
