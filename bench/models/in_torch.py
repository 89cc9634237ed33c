"""With torch.nn, fused attention and the optimisers' `foreach` form; the models that all parameters come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.sizes import HEADS, LAYERS, LEARNING_RATE, ROOM, VOCABULARY, WEIGHT_DECAY, WIDTH

Arrays = Mapping[str, NDArray[np.float32]]
Caches = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]


class Perceptron(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(784, 512), nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))


class Convolutional(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.out = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        # The same features in the same order as where channels are last.
        return self.out(F.max_pool2d(x, 2).permute(0, 2, 3, 1).reshape(len(x), -1))


class Block(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.output = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.expand, self.contract = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, cache: tuple[Tensor, Tensor] | None = None, place: Tensor | None = None) -> Tensor:
        y = self.attention_norm(x)
        query, key, value = (
            layer(y).view(*y.shape[:2], HEADS, -1).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        if cache is None:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            keys, values = cache
            keys.index_copy_(2, place, key)
            values.index_copy_(2, place, value)
            visible = torch.arange(ROOM) <= place
            mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=visible[None, None, None])
        x = x + self.output(mixed.transpose(1, 2).reshape(x.shape))
        return x + self.contract(F.gelu(self.expand(self.norm(x)), approximate="tanh"))


class Transformer(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(ROOM, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.out(self.norm(x))

    def decode(self, token: Tensor, caches: Sequence[tuple[Tensor, Tensor]], place: Tensor) -> tuple[Tensor, Tensor]:
        x = (self.tokens(token) + self.places(place))[:, None]
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, cache, place)
        logits = self.out(self.norm(x))[:, 0]
        return torch.argmax(logits, -1), logits


_MODELS: dict[str, type[nn.Module]] = {
    "perceptron": Perceptron,
    "convolutional": Convolutional,
    "transformer": Transformer,
}


def parameters(model: str) -> dict[str, NDArray[np.float32]]:
    """New ones, the same ones at each call."""
    torch.manual_seed(0)
    return {name: tensor.numpy() for name, tensor in _MODELS[model]().state_dict().items()}


def trainer(
    model: str,
    arrays: Arrays,
    inputs: NDArray[Any],
    labels: NDArray[Any],
    *,
    compiled: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Callable[[], Tensor]:
    """See the package. Images and kernels are channels last, which is faster here."""
    module = _loaded(model, arrays, dtype)
    x, y = torch.from_numpy(inputs), torch.from_numpy(labels).flatten()
    if x.is_floating_point():
        x = x.to(dtype)
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2)
        module = module.to(memory_format=torch.channels_last)
    if model == "transformer":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            module.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, foreach=True
        )
    else:
        optimizer = torch.optim.Adam(module.parameters(), LEARNING_RATE, foreach=True)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        scores = module(x)
        return F.cross_entropy(scores.view(-1, scores.shape[-1]), y)

    update: Callable[[], Any] = optimizer.step
    if compiled:
        loss, update = torch.compile(loss), torch.compile(optimizer.step)

    def call() -> Tensor:
        optimizer.zero_grad()
        value = loss(x, y)
        value.backward()
        update()
        return value.detach()

    return call


def decoder(
    arrays: Arrays,
    caches: Caches,
    *,
    compiled: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Callable[[Any, int], tuple[Any, Any]]:
    """See the package."""
    module = _loaded("transformer", arrays, dtype)
    held = [tuple(torch.from_numpy(a.copy()).to(dtype) for a in pair) for pair in caches]
    step: Callable[..., Any] = torch.compile(module.decode) if compiled else module.decode

    def call(token: Any, place: int) -> tuple[Any, Any]:
        with torch.inference_mode():
            found: tuple[Any, Any] = step(token, held, torch.tensor([place]))
            return found

    return call


def token(number: int) -> Tensor:
    """A batch of one token."""
    return torch.tensor([number])


def _loaded(model: str, arrays: Arrays, dtype: torch.dtype) -> nn.Module:
    module = _MODELS[model]()
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    return module.to(dtype)
