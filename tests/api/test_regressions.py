"""Defects found by using Eerie as a stranger would: stale results first, then limits, captures and errors."""

from __future__ import annotations

import collections
import functools
import math
import re
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import DTypeError, EerieError, EerieWarning, TracerError

X = np.ones(2, np.float32)
Body = Callable[[Any], Any]
Change = Callable[[], object]
Case = Callable[[], tuple[Body, Change]]


class Layer:
    """An object that keeps state which only its own methods name."""

    gain = 1.0

    def __init__(self, weight: Any = 2.0) -> None:
        self.weight = weight
        self.inner = types.SimpleNamespace(bias=1.0)
        self.table = {"a": {"b": 2.0}}
        self.items = [1.0]

    def __call__(self, x):
        return self.scaled(x)

    def scaled(self, x):
        return x * self.weight

    def deep(self, x):
        return x * self.inner.bias * self.table["a"]["b"] * sum(self.items)

    def amplified(self, x):
        return x * self.gain

    @property
    def doubled(self):
        return self.weight * 2

    @classmethod
    def by_class(cls, x):
        return x * cls.gain


def called() -> tuple[Body, Change]:
    layer = Layer()
    return lambda x: layer(x), lambda: setattr(layer, "weight", 5.0)


def method() -> tuple[Body, Change]:
    layer = Layer()
    return lambda x: layer.scaled(x), lambda: setattr(layer, "weight", 5.0)


def array_weight() -> tuple[Body, Change]:
    layer = Layer(eerie.asarray([1.0, 2.0]))
    return lambda x: layer(x), lambda: setattr(layer, "weight", eerie.asarray([5.0, 6.0]))


def deep_attribute() -> tuple[Body, Change]:
    layer = Layer()
    return lambda x: layer.deep(x), lambda: setattr(layer.inner, "bias", 5.0)


def dict_in_dict_attribute() -> tuple[Body, Change]:
    layer = Layer()
    return lambda x: layer.deep(x), lambda: layer.table["a"].update(b=5.0)


def list_attribute() -> tuple[Body, Change]:
    layer = Layer()
    return lambda x: layer.deep(x), lambda: layer.items.append(5.0)


def property_of_object() -> tuple[Body, Change]:
    layer = Layer()
    return lambda x: x * layer.doubled, lambda: setattr(layer, "weight", 5.0)


def class_attribute() -> tuple[Body, Change]:
    class Own(Layer):
        gain = 2.0

    layer = Own()
    return lambda x: layer.amplified(x), lambda: setattr(Own, "gain", 5.0)


def class_attribute_added() -> tuple[Body, Change]:
    class Own(Layer):
        pass

    layer = Own()
    return lambda x: layer.amplified(x), lambda: setattr(Own, "gain", 5.0)


def class_method() -> tuple[Body, Change]:
    class Own(Layer):
        gain = 2.0

    return lambda x: Own.by_class(x), lambda: setattr(Own, "gain", 5.0)


def objects_in_list() -> tuple[Body, Change]:
    layers = [Layer(), Layer()]
    return lambda x: functools.reduce(lambda y, f: f(y), layers, x), lambda: setattr(layers[1], "weight", 5.0)


def one_object_read_by_two_functions() -> tuple[Body, Change]:
    options = types.SimpleNamespace(first=1.0, second=1.0)

    def helper(x):
        return x * options.first

    def body(x):
        return helper(x) * options.second

    return body, lambda: setattr(options, "first", 5.0)


def other_object_read_by_two_functions() -> tuple[Body, Change]:
    options = types.SimpleNamespace(first=1.0, second=1.0)

    def helper(x):
        return x * options.second

    def body(x):
        return helper(x) * options.first

    return body, lambda: setattr(options, "second", 5.0)


def bound_method() -> tuple[Body, Change]:
    layer = Layer()
    return layer.__call__, lambda: setattr(layer, "weight", 5.0)


def callable_object() -> tuple[Body, Change]:
    layer = Layer()
    return layer, lambda: setattr(layer, "weight", 5.0)


def partial() -> tuple[Body, Change]:
    options = types.SimpleNamespace(first=1.0)
    return functools.partial(lambda o, x: x * o.first, options), lambda: setattr(options, "first", 5.0)


def partial_inside() -> tuple[Body, Change]:
    options = types.SimpleNamespace(first=1.0)
    bound = functools.partial(lambda o, x: x * o.first, options)
    return lambda x: bound(x), lambda: setattr(options, "first", 5.0)


def decorator_object() -> tuple[Body, Change]:
    class Scaled:
        def __init__(self, function):
            functools.update_wrapper(self, function)
            self.function, self.scale = function, 2.0

        def __call__(self, x):
            return self.function(x) * self.scale

    helper: Any = Scaled(lambda x: x)
    return lambda x: helper(x), lambda: setattr(helper, "scale", 5.0)


def function_attribute() -> tuple[Body, Change]:
    def helper(x):
        return x * helper.scale  # type: ignore[attr-defined]

    helper.scale = 2.0  # type: ignore[attr-defined]
    return lambda x: helper(x), lambda: setattr(helper, "scale", 5.0)


def slots() -> tuple[Body, Change]:
    @dataclass(slots=True)
    class Options:
        scale: float

    options = Options(2.0)
    return lambda x: x * options.scale, lambda: setattr(options, "scale", 5.0)


def module_without_file() -> tuple[Body, Change]:
    module: Any = types.ModuleType("made_here")
    module.scale = 2.0
    return lambda x: x * module.scale, lambda: setattr(module, "scale", 5.0)


def class_without_module() -> tuple[Body, Change]:
    space: dict[str, Any] = {}
    exec("class Options:\n    scale = 2.0\n\ndef body(x):\n    return x * Options.scale\n", space)
    return space["body"], lambda: setattr(space["Options"], "scale", 5.0)


def constant_getattr() -> tuple[Body, Change]:
    options = types.SimpleNamespace(scale=2.0)
    return lambda x: x * getattr(options, "scale"), lambda: setattr(options, "scale", 5.0)  # noqa: B009


def deque() -> tuple[Body, Change]:
    values = collections.deque([2.0])
    return lambda x: x * values[0], lambda: values.append(values.popleft() + 3)


def negative_zero() -> tuple[Body, Change]:
    values = [0.0]
    return lambda x: x * math.copysign(1.0, values[0]), lambda: values.__setitem__(0, -0.0)


def numpy_element() -> tuple[Body, Change]:
    table = np.array([2.0, 3.0], np.float32)
    return lambda x: x * table[0], lambda: table.__setitem__(0, 5.0)


def numpy_derived() -> tuple[Body, Change]:
    table = np.array([2.0, 3.0], np.float32)
    return lambda x: x * (table * 2), lambda: table.__setitem__(0, 5.0)


def fused_helper() -> tuple[Body, Change]:
    options = types.SimpleNamespace(scale=2.0)
    helper = eerie.fuse(lambda x: x * options.scale)
    return lambda x: helper(x) + 1, lambda: setattr(options, "scale", 5.0)


def arrays_of_one_value() -> tuple[Body, Change]:
    first = eerie.asarray([2.0, 3.0])
    second = eerie.asarray(first)
    return lambda x: x * first + 10 * second, lambda: first.__setitem__(0, 5.0)


def arrays_of_one_value_swapped() -> tuple[Body, Change]:
    first = eerie.asarray([2.0, 3.0])
    second = eerie.asarray(first)
    return lambda x: x * second + 10 * first, lambda: first.__setitem__(0, 5.0)


def object_at_the_same_address() -> tuple[Body, Change]:
    class Options:
        def __init__(self, scale: float) -> None:
            self.scale = scale

    held = [Options(2.0)]

    def change() -> None:
        address = id(held.pop())
        others = [Options(5.0) for _ in range(10_000)]
        held.append(next((o for o in others if id(o) == address), others[0]))

    return lambda x: x * held[0].scale, change


CASES: list[Case] = [
    called, method, array_weight, deep_attribute, dict_in_dict_attribute, list_attribute, property_of_object,
    class_attribute, class_attribute_added, class_method, objects_in_list, one_object_read_by_two_functions,
    other_object_read_by_two_functions, bound_method, callable_object, partial, partial_inside, decorator_object,
    function_attribute, slots, module_without_file, class_without_module, constant_getattr, deque,
    negative_zero, numpy_element, numpy_derived, fused_helper, arrays_of_one_value,
    arrays_of_one_value_swapped, object_at_the_same_address,
]  # fmt: skip


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__)
def test_a_change_outside_is_seen(case):
    body, change = case()
    jitted = eerie.jit(body)
    before = np.array(jitted(X))
    change()
    expected = np.asarray(body(eerie.asarray(X)))
    assert not np.array_equal(before, expected)
    np.testing.assert_array_equal(np.asarray(jitted(X)), expected)


@pytest.mark.usefixtures("interpreted")
def test_a_change_of_a_static_object_is_seen():
    class Model(Layer):
        @eerie.jit(static_argnums=0)
        def run(self, x: Any) -> Any:
            return self.scaled(x)

    model = Model()
    model.run(X)
    model.weight = 5.0
    np.testing.assert_array_equal(np.asarray(model.run(X)), [5.0, 5.0])


@pytest.mark.usefixtures("interpreted")
def test_static_zeros_of_both_signs_differ():
    jitted = eerie.jit(static_argnums=1)(lambda x, s: x * math.copysign(1.0, s))
    assert float(jitted(2.0, 0.0)) == 2.0
    assert float(jitted(2.0, -0.0)) == -2.0


@pytest.mark.usefixtures("interpreted")
def test_the_order_of_a_dict_is_one_and_the_same():
    first = eerie.jit(lambda d: next(iter(d.values())) * 1)
    second = eerie.jit(lambda d: next(iter(d.values())) * 1)
    orders: list[dict[str, float]] = [{"b": 1.0, "a": 2.0}, {"a": 2.0, "b": 1.0}]
    assert [float(first(d)) for d in orders] == [float(second(d)) for d in reversed(orders)][::-1]


def test_asarray_of_writable_dlpack_memory_does_not_see_later_writes():
    class Exporter:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __dlpack__(self, **options: Any) -> Any:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    source = np.array(eerie.zeros(20000).numpy())
    start = -source.ctypes.data % 64 // 4
    memory = source[start : start + 16384]
    array = eerie.asarray(Exporter(memory))
    memory[0] = 5.0
    assert float(array[0]) == 0.0


def test_many_numbers_in_one_expression():
    x = eerie.zeros(4)
    for i in range(80):
        x = x + float(i)
    np.testing.assert_array_equal(x.numpy(), np.full(4, 3160.0))


def test_many_arguments_in_one_expression():
    result = eerie.jit(lambda *a: sum(a))(*[X] * 80)
    np.testing.assert_array_equal(result.numpy(), [80.0, 80.0])


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**100])
def test_a_number_that_no_integer_holds_is_refused(number):
    with pytest.raises((DTypeError, EerieError), match=re.escape(str(number))):
        eerie.jit(lambda x: x + 1)(number)


@pytest.mark.usefixtures("interpreted")
def test_writing_to_a_captured_array_is_refused_and_loses_nothing():
    state = eerie.ones(2)

    @eerie.jit
    def f(x):
        state[0] = x.sum()
        return x

    with pytest.raises(TracerError):
        f(X)
    np.testing.assert_array_equal(state.numpy(), [1.0, 1.0])


@pytest.mark.usefixtures("interpreted")
def test_a_jitted_method_has_the_tools_of_a_jitted_function():
    class Model:
        @eerie.jit(static_argnums=0)
        def run(self, x: Any) -> Any:
            return x * 2

    model = Model()
    model.run(X)
    assert "run" in str(model.run.explain(X))
    assert model.run.traces == 1


@pytest.mark.usefixtures("interpreted")
def test_warnings_and_errors_name_the_line_of_the_user():
    @eerie.tree.register
    @dataclass(frozen=True)
    class Options:
        x: Any
        sizes: Any = field(metadata={"static": True})

    with pytest.raises(EerieError) as caught:
        eerie.jit(lambda o: o.x)(Options(1.0, [1]))
    assert caught.value.source is not None
    assert caught.value.source.file == __file__

    f = eerie.jit(lambda x: x + 1)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for n in range(20):
            f(np.zeros(n, np.float32))
    assert [w.filename for w in found if w.category is EerieWarning] == [__file__]


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128, np.int32])
def test_equal_fills_do_not_share_what_is_written_into_them(dtype):
    """IREE makes one of equal fills; two slices inserted into it each found the other's elements."""

    def f(a, xp):
        up, down = a[:1] * xp.sum(a), a[1:] * xp.sum(a)
        return xp.pad(up, ((0, 1), (0, 0))), xp.pad(down, ((1, 0), (0, 0)))

    a = np.arange(1, 7).reshape(2, 3).astype(dtype)
    for found, wanted in zip(eerie.jit(lambda a: f(a, eerie))(a), f(a, np), strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted)


def test_constants_of_inlined_functions_are_no_hidden_inputs():
    """What has no operands kept the scope it was made in, so that the trace around it took it for captured."""
    inner = eerie.jit(lambda x: x * 2.5 + eerie.arange(3))
    graph = eerie.jit(lambda x: inner(x) + 1).trace(eerie.ones((3,))).graph
    assert len(graph.inputs) == 1

    f = eerie.custom_vjp(lambda x: x, lambda x: (x, None), lambda kept, ct: (ct * eerie.full((3,), 7.0),))
    graph = eerie.jit(eerie.grad(lambda x: eerie.sum(f(x)))).trace(eerie.ones((3,))).graph
    assert len(graph.inputs) == 1
