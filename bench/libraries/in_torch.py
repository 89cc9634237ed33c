"""Kernels in PyTorch: images are NCHW with channels last in memory, weights of linear layers ``(out, in)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from bench.inputs import Input

linear, avg_pool, attention = F.linear, F.avg_pool2d, F.scaled_dot_product_attention


def __getattr__(name: str) -> Any:
    return getattr(torch, name)


def cast(x: Any, dtype: str) -> Any:
    return x.to(getattr(torch, dtype))


def var(x: Any, axis: int) -> Any:
    return torch.var(x, axis, correction=0)


def max(x: Any) -> Any:
    return x.amax()


def gelu(x: Any) -> Any:
    return F.gelu(x)


def gelu_tanh(x: Any) -> Any:
    return F.gelu(x, approximate="tanh")


def softmax(x: Any) -> Any:
    return torch.softmax(x, -1)


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    return F.layer_norm(x, weight.shape, weight, bias)


def rms_norm(x: Any, weight: Any) -> Any:
    return F.rms_norm(x, weight.shape, weight, 1e-6)


def integer_matmul(a: Any, b: Any) -> Any:
    return torch._int_mm(a, b)


def causal_attention(query: Any, keys: Any, values: Any) -> Any:
    return F.scaled_dot_product_attention(query, keys, values, is_causal=True)


def cached_attention(query: Any, keys: Any, values: Any, length: Any) -> Any:
    visible = torch.arange(keys.shape[2]) < length
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=visible[None, None, None])


def convolution(x: Any, kernel: Any, stride: int = 1, padding: int = 0, groups: int = 1) -> Any:
    return F.conv2d(x, kernel, None, stride, padding, 1, groups)


def max_pool(x: Any, window: int, stride: int, padding: int = 0) -> Any:
    return F.max_pool2d(x, window, stride, padding)


def global_avg_pool(x: Any) -> Any:
    return x.mean((2, 3))


def rows(table: Any, places: Any) -> Any:
    return F.embedding(places, table)


def scatter_add(x: Any, places: Any, updates: Any) -> Any:
    return x.index_add(0, places, updates)


def sort(x: Any) -> Any:
    return torch.sort(x)[0]


def largest(x: Any, count: int) -> Any:
    return torch.topk(x, count)[0]


def repeated(steps: int, body: Callable[[Any], Any], start: Any) -> Any:
    for _ in range(steps):
        start = body(start)
    return start


def rnn(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    start = torch.zeros(1, x.shape[0], bias.shape[0])
    parameters = [weight_ih, weight_hh, bias, torch.zeros_like(bias)]
    return torch.rnn_tanh(x, start, parameters, True, 1, 0.0, False, False, True)[0]


def lstm(x: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    start = torch.zeros(1, x.shape[0], weight_hh.shape[1])
    parameters = [weight_ih, weight_hh, bias, torch.zeros_like(bias)]
    return torch.lstm(x, (start, start), parameters, True, 1, 0.0, False, False, True)[0]


def program(function: Callable[..., Any], inputs: Sequence[Input], arrays: Sequence[NDArray[Any]]) -> Callable[[], Any]:
    """See the package."""
    torch.set_grad_enabled(False)
    return partial(function, *map(_held, inputs, arrays))


def compiled(
    function: Callable[..., Any], inputs: Sequence[Input], arrays: Sequence[NDArray[Any]]
) -> Callable[[], Any]:
    """As ``program``, after ``torch.compile``."""
    torch.set_grad_enabled(False)
    torch.compiler.reset()  # it gives up on a function that it has compiled for several others
    return partial(torch.compile(function, dynamic=False), *map(_held, inputs, arrays))


def value(result: Any, image: bool) -> NDArray[Any]:
    """See the package."""
    if image and result.ndim == 4:
        result = result.permute(0, 2, 3, 1)
    return np.asarray(result.float() if result.dtype is torch.bfloat16 else result)


def _held(given: Input, array: NDArray[Any]) -> torch.Tensor:
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    tensor = torch.from_numpy(array)
    if given.role == "image":
        return tensor.permute(0, 3, 1, 2)
    if given.role == "kernel":
        return tensor.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    if given.role == "linear":
        return tensor.T.contiguous()
    return tensor
