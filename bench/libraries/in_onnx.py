"""Kernels as ONNX graphs, run by ONNX Runtime: images are NCHW, parameters are part of the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from bench.inputs import PARAMETERS, Input
from bench.process import THREADS

_OPSET = 23


class _Graph:
    """A graph being written."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, array: NDArray[Any]) -> Value:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return Value(self, name)

    def model(self, arguments: Sequence[tuple[str, NDArray[Any]]], result: str) -> ModelProto:
        inputs = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for name, a in arguments
        ]
        graph = helper.make_graph(self.nodes, "kernel", inputs, [ValueInfoProto(name=result)], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)


class Value:
    """An array of the graph."""

    def __init__(self, graph: _Graph, name: str) -> None:
        self.graph = graph
        self.name = name

    def __add__(self, other: Any) -> Value:
        return _node("Add", self, other)

    def __mul__(self, other: Any) -> Value:
        return _node("Mul", self, other)

    def __matmul__(self, other: Any) -> Value:
        return _node("MatMul", self, other)

    @property
    def T(self) -> Value:
        return _node("Transpose", self)


def _node(kind: str, x: Value, *others: Any, outputs: int = 1, **attributes: Any) -> Value:
    """A node's first result; numbers among its arguments become constants."""
    graph = x.graph
    arguments = [x, *(o if isinstance(o, Value) else graph.constant(np.asarray(o)) for o in others)]
    results = [f"v{len(graph.nodes)}_{k}" for k in range(outputs)]
    graph.nodes.append(helper.make_node(kind, [a.name for a in arguments], results, **attributes))
    return Value(graph, results[0])


def relu(x: Value) -> Value:
    return _node("Relu", x)


def gelu(x: Value) -> Value:
    return _node("Gelu", x)


def gelu_tanh(x: Value) -> Value:
    return _node("Gelu", x, approximate="tanh")


def softmax(x: Value) -> Value:
    return _node("Softmax", x)


def layer_norm(x: Value, weight: Value, bias: Value) -> Value:
    return _node("LayerNormalization", x, weight, bias, epsilon=1e-5)


def rms_norm(x: Value, weight: Value) -> Value:
    return _node("RMSNormalization", x, weight, epsilon=1e-6)


def linear(x: Value, weight: Value, bias: Value) -> Value:
    return _node("Gemm", x, weight, bias)


def integer_matmul(a: Value, b: Value) -> Value:
    return _node("MatMulInteger", a, b)


def attention(query: Value, keys: Value, values: Value) -> Value:
    # Twice as fast at 128 tokens as the operator, and as fast at 1024.
    turned = _node("Transpose", keys, perm=[0, 1, 3, 2])
    size = _node("Gather", _node("Shape", query), -1)
    scores = _node("Div", query @ turned, _node("Sqrt", _node("Cast", size, to=TensorProto.FLOAT)))
    return softmax(scores) @ values


def causal_attention(query: Value, keys: Value, values: Value) -> Value:
    return _node("Attention", query, keys, values, is_causal=1)


def convolution(x: Value, kernel: Value, stride: int = 1, padding: int = 0, groups: int = 1) -> Value:
    return _node("Conv", x, kernel, strides=[stride] * 2, pads=[padding] * 4, group=groups)


def max_pool(x: Value, window: int, stride: int, padding: int = 0) -> Value:
    return _node("MaxPool", x, kernel_shape=[window] * 2, strides=[stride] * 2, pads=[padding] * 4)


def avg_pool(x: Value, window: int) -> Value:
    return _node("AveragePool", x, kernel_shape=[window] * 2, strides=[window] * 2)


def global_avg_pool(x: Value) -> Value:
    return _node("ReduceMean", x, np.array([2, 3]), keepdims=0)


def rows(table: Value, places: Value) -> Value:
    return _node("Gather", table, places)


def largest(x: Value, count: int) -> Value:
    return _node("TopK", x, np.array([count]), outputs=2)


def cumsum(x: Value, axis: int) -> Value:
    return _node("CumSum", x, np.array(axis))


def program(function: Callable[..., Any], inputs: Sequence[Input], arrays: Sequence[NDArray[Any]]) -> Callable[[], Any]:
    """See the package."""
    graph = _Graph()
    arguments: dict[str, NDArray[Any]] = {}
    values = []
    for given, array in zip(inputs, arrays, strict=True):
        laid_out = _laid_out(given, array)
        if given.role in PARAMETERS:
            values.append(graph.constant(laid_out))
        else:
            name = f"x{len(arguments)}"
            arguments[name] = laid_out
            values.append(Value(graph, name))
    result = function(*values)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    model = graph.model(list(arguments.items()), result.name).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    return partial(session.run, None, arguments)


def value(result: Any, image: bool) -> NDArray[Any]:
    """See the package."""
    array = np.asarray(result[0])
    return array.transpose(0, 2, 3, 1) if image and array.ndim == 4 else array


def _laid_out(given: Input, array: NDArray[Any]) -> NDArray[Any]:
    axes = {"image": (0, 3, 1, 2), "kernel": (3, 2, 0, 1)}.get(given.role)
    return array if axes is None else np.ascontiguousarray(array.transpose(axes))
