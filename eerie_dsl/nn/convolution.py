"""Convolutions over one, two or three spatial axes, and the transposed ones that go back.

Channels are the last axis of images and kernels. That is the order in which the compiled loops run; in any other one
arrays are transposed at each call, or the loops are not vectorised.
"""

from __future__ import annotations

from typing import ClassVar, Self

import eerie_dsl as eerie
from eerie_dsl import Array, DType
from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.nn.checks import describe, positive
from eerie_dsl.nn.initializers import Initializer, lecun_normal, zeros
from eerie_dsl.nn.module import module
from eerie_dsl.nn.windows import Padding, Steps, fixed, pairs, per_axis
from eerie_dsl.tree import static


@module
class _Convolution:
    """What all of them share: parameters, options and how they are made."""

    weight: Array
    bias: Array | None = None
    stride: Steps = static(default=1)
    padding: Padding = static(default="valid")
    dilation: Steps = static(default=1)
    groups: int = static(default=1)

    AXES: ClassVar[int]

    @classmethod
    def init(
        cls,
        key: Array,
        inputs: int,
        outputs: int,
        kernel_size: Steps,
        *,
        stride: Steps = 1,
        padding: Padding = "valid",
        dilation: Steps = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: DType = eerie.float32,
        weight_init: Initializer = lecun_normal,
        bias_init: Initializer = zeros,
    ) -> Self:
        """A new layer. Sizes and steps are one number, or one for each spatial axis.

        Args:
            key: of `eerie.random`.
            inputs: channels of the input.
            outputs: channels of the result.
            kernel_size: of the window.
            stride: see the class.
            padding: see the class.
            dilation: distance of neighbouring elements of the kernel.
            groups: channels fall into so many groups, each convolved on its own: as many as ``inputs`` for a
                depthwise convolution.
            bias: whether to have one.
            dtype: of the parameters.
            weight_init: gives the weight.
            bias_init: gives the bias.

        Raises:
            ArgumentError: an option that does not fit, or channels that are no multiples of ``groups``.
        """
        positive(inputs=inputs, outputs=outputs, groups=groups)
        if inputs % groups or outputs % groups:
            raise ArgumentError(
                f"{cls.__name__}: {inputs} channels in and {outputs} out do not fall into {groups} groups",
                hint="both are multiples of groups",
            )
        window = per_axis("kernel_size", kernel_size, cls.AXES)
        per_axis("stride", stride, cls.AXES)
        per_axis("dilation", dilation, cls.AXES)
        pairs(padding, cls.AXES, (0,) * cls.AXES)
        first, second = eerie.random.split(key)
        return cls(
            weight=weight_init(first, (*window, inputs // groups, outputs), dtype),
            bias=bias_init(second, (outputs,), dtype) if bias else None,
            stride=fixed(stride),
            padding=fixed(padding),
            dilation=fixed(dilation),
            groups=groups,
        )

    def _check(self, x: Array) -> None:
        axes, weight = self.AXES, self.weight
        channels = weight.shape[-2] * self.groups
        if weight.ndim != axes + 2:
            raise ShapeError(f"a weight of {describe(weight)} is not (*window, in / groups, out) over {axes} axes")
        if x.ndim != axes + 2:
            raise ShapeError(
                f"x of {describe(x)} is not (batch, *spatial, channels) with {axes} spatial axes",
                hint="give one example as x[None]",
            )
        if x.shape[-1] != channels:
            raise ShapeError(
                f"x of {describe(x)} does not end with the {channels} channels of this layer",
                hint="channels are the last axis: from PyTorch's order, eerie.moveaxis(x, 1, -1)",
            )

    def _biased(self, y: Array) -> Array:
        return y if self.bias is None else y + self.bias


@module
class _Convolved(_Convolution):
    def __call__(self, x: Array) -> Array:
        """``(batch, *spatial, in)`` to ``(batch, *spatial, out)``.

        Raises:
            ShapeError: ``x`` has other axes or channels, or is smaller than the window.
        """
        self._check(x)
        return self._biased(
            eerie.convolution(
                x,
                self.weight,
                stride=self.stride,
                padding=fixed(self.padding),
                dilation=self.dilation,
                groups=self.groups,
            )
        )


@module
class Conv1d(_Convolved):
    """Convolution over one axis, such as time: ``(batch, length, in)`` to ``(batch, length, out)``; see `Conv2d`.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> differences = nn.Conv1d(eerie.asarray([[[-1.0]], [[1.0]]]))
    >>> differences(eerie.asarray([[[1.0], [4.0], [9.0]]]))[0, :, 0]
    Array([3., 5.], dtype=float32, device=cpu)
    """

    AXES = 1


@module
class Conv2d(_Convolved):
    """Convolution of images: ``(batch, height, width, in)`` to ``(batch, height, width, out)``.

    The kernel is not flipped. PyTorch's weights, ``(out, in / groups, *window)``, are ``moveaxis(w, (0, 1), (-1, -2))``
    here.

    Attributes:
        weight: ``(*window, in / groups, out)``.
        bias: ``(out,)``, or None.
        stride: step of the window.
        padding: zeros around: ``valid`` adds none, ``same`` as many as keep the size at stride 1, the odd one behind;
            or a count, or for each axis a count or a pair (before, behind).
        dilation: distance of neighbouring elements of the kernel.
        groups: channels fall into so many groups, each convolved on its own.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.Conv2d.init(eerie.random.key(0), 3, 16, 3, stride=2, padding="same")
    >>> layer
    Conv2d(weight=f32[3,3,3,16], bias=f32[16], stride=2, padding='same', dilation=1, groups=1)
    >>> layer(eerie.zeros((8, 32, 32, 3))).shape
    (8, 16, 16, 16)
    """

    AXES = 2


@module
class Conv3d(_Convolved):
    """Convolution over three axes: ``(batch, depth, height, width, in)`` to the same with ``out``; see `Conv2d`.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.Conv3d.init(eerie.random.key(0), 1, 4, (1, 3, 3), bias=False)
    >>> layer(eerie.zeros((2, 5, 8, 8, 1))).shape
    (2, 5, 6, 6, 4)
    """

    AXES = 3


@module
class _Transposed(_Convolution):
    def __call__(self, x: Array) -> Array:
        """``(batch, *spatial, in)`` to ``(batch, *spatial, out)``.

        Raises:
            ShapeError: ``x`` has other axes or channels, or less than nothing is left of the result.
            ArgumentError: padding of a form that does not fit.
        """
        self._check(x)
        strides = per_axis("stride", self.stride, self.AXES)
        dilation = per_axis("dilation", self.dilation, self.AXES)
        windows = [(k - 1) * d + 1 for k, d in zip(self.weight.shape, dilation, strict=False)]
        cut = pairs(self.padding, self.AXES, [max(k - s, 0) for k, s in zip(windows, strides, strict=True)])
        added = [max(s - k, 0) if self.padding == "same" else 0 for k, s in zip(windows, strides, strict=True)]
        return self._biased(
            eerie.convolution(
                x,
                self.weight,
                padding=[
                    (k - 1 - low, k - 1 - high + more) for k, (low, high), more in zip(windows, cut, added, strict=True)
                ],
                dilation=dilation,
                input_dilation=strides,
                groups=self.groups,
            )
        )


@module
class ConvTranspose1d(_Transposed):
    """Transposed convolution over one axis; see `ConvTranspose2d`.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.ConvTranspose1d(eerie.ones((2, 1, 1)), stride=2)
    >>> layer(eerie.asarray([[[1.0], [2.0]]]))[0, :, 0]
    Array([1., 1., 2., 2.], dtype=float32, device=cpu)
    """

    AXES = 1


@module
class ConvTranspose2d(_Transposed):
    """Transposed convolution: each pixel spreads a kernel over the result, ``stride`` from one to the next.

    It is `Conv2d`'s way back: of a size that that layer, with the same options, makes of the result. The kernel is read
    as by `Conv2d`, on pixels with zeros between them. PyTorch's weights, ``(in, out / groups, *window)``, are that back
    to front: with one group ``moveaxis(flip(w, (2, 3)), (0, 1), (-2, -1))``.

    Attributes:
        weight: ``(*window, in / groups, out)``.
        bias: ``(out,)``, or None.
        stride: how far the kernels of neighbouring pixels are apart in the result.
        padding: taken away around: ``valid`` takes nothing, ``same`` so much that the result has ``stride`` times the
            size; or a count, or for each axis a count or a pair (before, behind). To take less behind, which PyTorch
            calls output_padding, give a pair.
        dilation: distance of neighbouring elements of the kernel.
        groups: channels fall into so many groups, each on its own.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.ConvTranspose2d.init(eerie.random.key(0), 16, 3, 4, stride=2, padding="same")
    >>> layer(eerie.zeros((8, 16, 16, 16))).shape
    (8, 32, 32, 3)
    """

    AXES = 2


@module
class ConvTranspose3d(_Transposed):
    """Transposed convolution over three axes; see `ConvTranspose2d`.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.ConvTranspose3d.init(eerie.random.key(0), 4, 1, 2, stride=2)
    >>> layer(eerie.zeros((1, 3, 3, 3, 4))).shape
    (1, 6, 6, 6, 1)
    """

    AXES = 3
