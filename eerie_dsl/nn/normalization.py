"""Layers that bring features to mean 0 and variance 1. float16 and bfloat16 are computed in float32."""

from __future__ import annotations

import math
from collections.abc import Sequence

import eerie_dsl as eerie
from eerie_dsl import Array, DType
from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.nn.checks import describe, positive, trailing
from eerie_dsl.nn.module import module
from eerie_dsl.tree import static


@module
class LayerNorm:
    """Mean 0 and variance 1 over the last axes, then a scale and an offset for each feature.

    Ba, Kiros and Hinton, Layer normalization, 2016; see `eerie.layer_norm`.

    Attributes:
        weight: the sizes of the last axes, nearly always ``(features,)``.
        bias: the same, or None.
        eps: keeps the root away from zero.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.LayerNorm.init(2, eps=0.0)(eerie.asarray([1.0, 3.0]))
    Array([-1.,  1.], dtype=float32, device=cpu)
    """

    weight: Array
    bias: Array | None = None
    eps: float = static(default=1e-5)

    @classmethod
    def init(
        cls, features: int | Sequence[int], *, bias: bool = True, eps: float = 1e-5, dtype: DType = eerie.float32
    ) -> LayerNorm:
        """A new layer: weights of one, biases of zero.

        Raises:
            ArgumentError: a size that is not an integer above 0.

        >>> from eerie_dsl import nn
        >>> nn.LayerNorm.init(256)
        LayerNorm(weight=f32[256], bias=f32[256], eps=1e-05)
        """
        shape = (features,) if isinstance(features, int) else tuple(features)
        for size in shape:
            positive(features=size)
        return cls(eerie.ones(shape, dtype=dtype), eerie.zeros(shape, dtype=dtype) if bias else None, eps)

    def __call__(self, x: Array) -> Array:
        """``(..., features)`` to the same.

        Raises:
            ShapeError: ``x`` does not end with the features of the layer.
        """
        trailing(x, self.weight.shape)
        axes = tuple(range(-self.weight.ndim, 0))
        return eerie.layer_norm(x, self.weight, self.bias, axis=axes, eps=self.eps)


@module
class RMSNorm:
    """A mean square of 1 over the last axis, then a scale for each feature.

    Zhang and Sennrich, Root mean square layer normalization, 2019; see `eerie.rms_norm`.

    Attributes:
        weight: ``(features,)``.
        eps: keeps the root away from zero.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.RMSNorm.init(2, eps=0.0)(eerie.asarray([2.0, -2.0]))
    Array([ 1., -1.], dtype=float32, device=cpu)
    """

    weight: Array
    eps: float = static(default=1e-6)

    @classmethod
    def init(cls, features: int, *, eps: float = 1e-6, dtype: DType = eerie.float32) -> RMSNorm:
        """A new layer: weights of one.

        Raises:
            ArgumentError: a size that is not an integer above 0.

        >>> from eerie_dsl import nn
        >>> nn.RMSNorm.init(256)
        RMSNorm(weight=f32[256], eps=1e-06)
        """
        positive(features=features)
        return cls(eerie.ones(features, dtype=dtype), eps)

    def __call__(self, x: Array) -> Array:
        """``(..., features)`` to the same.

        Raises:
            ShapeError: ``x`` does not end with the features of the layer.
        """
        trailing(x, self.weight.shape)
        return eerie.rms_norm(x, self.weight, eps=self.eps)


@module
class GroupNorm:
    """Mean 0 and variance 1 of each example over all positions and a group of channels.

    Wu and He, Group normalization, 2018. One group is layer normalisation of the whole example; as many groups as
    channels are instance normalisation.

    Attributes:
        weight: ``(channels,)``.
        bias: ``(channels,)``.
        groups: neighbouring channels fall into so many groups.
        eps: keeps the root away from zero.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> nn.GroupNorm.init(4, 2, eps=0.0)(eerie.asarray([[1.0, 3.0, 10.0, 30.0]]))
    Array([[-1.,  1., -1.,  1.]], dtype=float32, device=cpu)
    """

    weight: Array
    bias: Array
    groups: int = static()
    eps: float = static(default=1e-5)

    @classmethod
    def init(cls, channels: int, groups: int, *, eps: float = 1e-5, dtype: DType = eerie.float32) -> GroupNorm:
        """A new layer: weights of one, biases of zero.

        Raises:
            ArgumentError: sizes that are not integers above 0, or channels that do not fall into the groups.

        >>> from eerie_dsl import nn
        >>> nn.GroupNorm.init(32, 8)
        GroupNorm(weight=f32[32], bias=f32[32], groups=8, eps=1e-05)
        """
        positive(channels=channels, groups=groups)
        if channels % groups:
            raise ArgumentError(f"GroupNorm: {channels} channels do not fall into {groups} equal groups")
        return cls(eerie.ones(channels, dtype=dtype), eerie.zeros(channels, dtype=dtype), groups, eps)

    def __call__(self, x: Array) -> Array:
        """``(batch, *spatial, channels)`` to the same.

        Raises:
            ShapeError: ``x`` has no batch axis, or does not end with the channels of the layer.
        """
        trailing(x, self.weight.shape)
        if x.ndim < 2:
            raise ShapeError(f"x of {describe(x)} has no batch axis", hint="shape it (batch, *spatial, channels)")
        parts = (self.groups, self.weight.shape[0] // self.groups)
        weight, bias = (eerie.reshape(p, parts) for p in (self.weight, self.bias))
        grouped = eerie.reshape(x, (*x.shape[:-1], *parts))
        axes = (*range(1, x.ndim - 1), x.ndim)
        return eerie.reshape(eerie.layer_norm(grouped, weight, bias, axis=axes, eps=self.eps), x.shape)


@module
class BatchNormState:
    """What a `BatchNorm` knows of the data it was trained on.

    Attributes:
        mean: ``(channels,)``.
        variance: ``(channels,)``.
    """

    mean: Array
    variance: Array


@module
class BatchNorm:
    """Mean 0 and variance 1 of each channel over the batch and all positions.

    Ioffe and Szegedy, Batch normalization, 2015. In training the statistics are those of the batch, and running
    averages of them go into a state, which is used afterwards. The state is not a part of the layer: it comes from
    `state`, goes into each call and comes back from it.

    Attributes:
        weight: ``(channels,)``.
        bias: ``(channels,)``.
        eps: keeps the root away from zero.
        momentum: share of the newest batch in the running averages.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> norm = nn.BatchNorm.init(1, eps=0.0)
    >>> state = norm.state()
    >>> y, state = norm(eerie.asarray([[1.0], [3.0]]), state, training=True)
    >>> y.tolist()
    [[-1.0], [1.0]]
    >>> state.mean
    Array([0.2], dtype=float32, device=cpu)
    """

    weight: Array
    bias: Array
    eps: float = static(default=1e-5)
    momentum: float = static(default=0.1)

    @classmethod
    def init(
        cls, channels: int, *, eps: float = 1e-5, momentum: float = 0.1, dtype: DType = eerie.float32
    ) -> BatchNorm:
        """A new layer: weights of one, biases of zero.

        Raises:
            ArgumentError: a size that is not an integer above 0.

        >>> from eerie_dsl import nn
        >>> nn.BatchNorm.init(32)
        BatchNorm(weight=f32[32], bias=f32[32], eps=1e-05, momentum=0.1)
        """
        positive(channels=channels)
        return cls(eerie.ones(channels, dtype=dtype), eerie.zeros(channels, dtype=dtype), eps, momentum)

    def state(self) -> BatchNormState:
        """The state before the first batch: means of zero, variances of one; float32, or float64 as the weights."""
        dtype = eerie.result_type(self.weight.dtype, eerie.float32)
        shape = self.weight.shape
        return BatchNormState(eerie.zeros(shape, dtype=dtype), eerie.ones(shape, dtype=dtype))

    def __call__(
        self, x: Array, state: BatchNormState | None = None, *, training: bool = False
    ) -> tuple[Array, BatchNormState]:
        """``(batch, *spatial, channels)`` to the same, and the next state.

        Args:
            x: the batch.
            state: from `state`, or from the call before. The next one carries no gradient.
            training: normalise by the batch, and take its statistics up into the state; else normalise by the state,
                and give it back as it is. The running variance is the one without bias, as in PyTorch.

        Raises:
            ArgumentError: no state.
            ShapeError: ``x`` does not end with the channels of the layer, or training on one element of each.
        """
        trailing(x, self.weight.shape)
        if state is None:
            raise ArgumentError(
                "a BatchNorm takes its state, and gives the next one",
                hint="state = norm.state(), then y, state = norm(x, state, training=True)",
            )
        values = eerie.astype(x, eerie.result_type(x.dtype, eerie.float32))
        mean, variance = state.mean, state.variance
        if training:
            count = math.prod(x.shape[:-1])
            if count < 2:
                raise ShapeError(f"training on x of {describe(x)}: one element of a channel has no variance")
            axes = tuple(range(x.ndim - 1))
            mean = eerie.mean(values, axis=axes)
            variance = eerie.mean(eerie.square(values - mean), axis=axes)
            unbiased = variance * count / (count - 1)
            state = BatchNormState(self._moved(state.mean, mean), self._moved(state.variance, unbiased))
        scale = eerie.rsqrt(variance + self.eps) * self.weight
        return eerie.astype((values - mean) * scale + self.bias, x.dtype), state

    def _moved(self, old: Array, new: Array) -> Array:
        return eerie.astype(eerie.stop_gradient(old + self.momentum * (new - old)), old.dtype)
