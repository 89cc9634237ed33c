"""Linear layers."""

from __future__ import annotations

import eerie_dsl as eerie
from eerie_dsl import Array, DType
from eerie_dsl.nn.checks import positive, trailing
from eerie_dsl.nn.initializers import Initializer, lecun_normal, zeros
from eerie_dsl.nn.module import module


@module
class Linear:
    """``x @ weight.mT + bias``.

    Attributes:
        weight: ``(out, in)``.
        bias: ``(out,)``, or None.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.Linear(eerie.asarray([[1.0, 2.0], [3.0, 4.0]]), eerie.asarray([0.0, 1.0]))
    >>> layer(eerie.ones(2))
    Array([3., 8.], dtype=float32, device=cpu)
    """

    weight: Array
    bias: Array | None = None

    @classmethod
    def init(
        cls,
        key: Array,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        dtype: DType = eerie.float32,
        weight_init: Initializer = lecun_normal,
        bias_init: Initializer = zeros,
    ) -> Linear:
        """A new layer.

        Args:
            key: of `eerie.random`.
            inputs: features of the input.
            outputs: features of the result.
            bias: whether to have one.
            dtype: of the parameters.
            weight_init: gives the weight.
            bias_init: gives the bias.

        Raises:
            ArgumentError: a size that is not an integer above 0.

        >>> import eerie_dsl as eerie
        >>> from eerie_dsl import nn
        >>> nn.Linear.init(eerie.random.key(0), 784, 512)
        Linear(weight=f32[512,784], bias=f32[512])
        """
        positive(inputs=inputs, outputs=outputs)
        first, second = eerie.random.split(key)
        weight = weight_init(first, (outputs, inputs), dtype)
        return cls(weight, bias_init(second, (outputs,), dtype) if bias else None)

    def __call__(self, x: Array) -> Array:
        """``(..., in)`` to ``(..., out)``.

        Raises:
            ShapeError: ``x`` does not end with the features of the layer.
        """
        trailing(x, self.weight.shape[1:])
        result = eerie.matmul(x, self.weight.mT)
        return result if self.bias is None else result + self.bias
