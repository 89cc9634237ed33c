"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import eerie_dsl as eerie
from eerie_dsl import Array
from eerie_dsl.errors import ArgumentError
from eerie_dsl.nn.module import module
from eerie_dsl.tree import static


@module
class Function:
    """A function among modules: a part of the structure, as a function is no parameter.

    Attributes:
        function: takes an array and gives one.

    >>> import eerie_dsl as eerie
    >>> Function(eerie.relu)(eerie.asarray([-1.0, 1.0]))
    Array([0., 1.], dtype=float32, device=cpu)
    """

    function: Callable[[Array], Array] = static()

    def __call__(self, x: Array) -> Array:
        """What the function gives."""
        return self.function(x)


@module
class Sequential:
    """Each layer takes what the one before gives.

    A lambda that is made anew is another function, and makes `eerie.jit` trace anew: make a model once.

    Attributes:
        layers: modules. Given as arguments one by one; functions among them are wrapped.

    Raises:
        ArgumentError: something that cannot be called.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> keys = eerie.random.split(eerie.random.key(0))
    >>> model = nn.Sequential(nn.Linear.init(keys[0], 784, 512), eerie.relu, nn.Linear.init(keys[1], 512, 10))
    >>> model(eerie.ones((32, 784))).shape
    (32, 10)
    >>> model[0]
    Linear(weight=f32[512,784], bias=f32[512])
    """

    layers: tuple[Any, ...]

    def __init__(self, *layers: Callable[..., Array]) -> None:
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise ArgumentError(
                    f"Sequential: argument {i}, a {type(layer).__name__}, is not a module or a function",
                    hint="pass the layers one by one, Sequential(a, b)",
                )
        wrapped = tuple(a if hasattr(type(a), "__dataclass_fields__") else Function(a) for a in layers)
        object.__setattr__(self, "layers", wrapped)

    def __call__(self, x: Array, *, key: Array | None = None) -> Array:
        """The result of the last layer.

        Args:
            x: what the first layer takes.
            key: each layer whose call has a ``key``, such as `Dropout`, gets one that is made from it; without it,
                none does.
        """
        for i, layer in enumerate(self.layers):
            own = {"key": eerie.random.fold_in(key, i)} if key is not None and _takes_key(layer) else {}
            x = layer(x, **own)
        return x

    def __getitem__(self, index: int) -> Any:
        """One of the layers."""
        return self.layers[index]

    def __iter__(self) -> Iterator[Any]:
        """The layers."""
        return iter(self.layers)

    def __len__(self) -> int:
        """How many layers there are."""
        return len(self.layers)


def _takes_key(layer: Any) -> bool:
    import inspect

    return "key" in inspect.signature(layer).parameters
