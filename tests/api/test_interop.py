"""NumPy's functions on arrays, and memory exchanged with PyTorch and JAX."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.api.dispatch import ACCUMULATIONS, REDUCTIONS
from eerie_dsl.api.numpy_names import RENAMED
from eerie_dsl.errors import ArgumentError, ExchangeError, TracerError
from eerie_dsl.ir import dtypes
from eerie_dsl.ir.graph import Node

pytestmark = pytest.mark.usefixtures("interpreted")

V = np.array([1.0, 2.5, 0.5], np.float32)
M = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)


def recorded(result):
    """Whether a result is still to be computed: NumPy was not asked."""
    return isinstance(result, eerie.Array) and isinstance(result.node, Node) and result.node.op is not None


def check(result, expected):
    """A result of ours, an Array wherever NumPy gives an array or a number of its own."""
    if isinstance(expected, tuple | list):
        assert type(result) is type(expected) or hasattr(expected, "_fields")
        assert len(result) == len(expected)
        for r, e in zip(result, expected, strict=True):
            check(r, e)
    else:
        assert type(result) is eerie.Array
        assert result.shape == np.shape(expected)
        np.testing.assert_allclose(result.numpy(), expected, rtol=2e-6, atol=1e-6)


RECORDED = {
    "sin": lambda x, m: np.sin(x),
    "arctan2": lambda x, m: np.arctan2(x, 2),
    "power": lambda x, m: np.power(x, x),
    "add of a NumPy array": lambda x, m: np.add(V, x),
    "operators of a NumPy array": lambda x, m: (V + x, x > V, M @ m),
    "a NumPy scalar": lambda x, m: np.float32(2) * x,
    "matmul": lambda x, m: np.matmul(m, M),
    "outer": lambda x, m: np.subtract.outer(x, m),
    "add.reduce": lambda x, m: np.add.reduce(m),
    "add.reduce of all": lambda x, m: np.add.reduce(m, axis=None, keepdims=True),
    "multiply.reduce": lambda x, m: np.multiply.reduce(m, axis=1, dtype=np.float32),
    "maximum.reduce": lambda x, m: np.maximum.reduce(m, 1),
    "logical_and.reduce": lambda x, m: np.logical_and.reduce(m > 1),
    "add.accumulate": lambda x, m: np.add.accumulate(m),
    "concatenate": lambda x, m: np.concatenate([x, V, x]),
    "concatenate of all": lambda x, m: np.concatenate((m, x), None),
    "stack": lambda x, m: np.stack([x, x], axis=-1),
    "sum": lambda x, m: np.sum(m, 0),
    "sum with what is the default": lambda x, m: np.sum(m, axis=1, dtype=None, out=None, keepdims=True),
    "std": lambda x, m: np.std(m, axis=0, ddof=1),
    "var": lambda x, m: np.var(m),
    "where": lambda x, m: np.where(x > 1, x, 0),
    "clip": lambda x, m: np.clip(x, 1, 2),
    "clip by name": lambda x, m: np.clip(x, min=1),
    "round": lambda x, m: np.round(x, 1),
    "reshape": lambda x, m: np.reshape(m, -1),
    "transpose": lambda x, m: np.transpose(m),
    "transpose by axes": lambda x, m: np.transpose(m, (1, 0)),
    "diagonal of the first two axes": lambda x, m: np.diagonal(np.stack([m, m + 1, m + 2])),
    "einsum": lambda x, m: np.einsum("ij,jk->ik", m, m),
    "pad": lambda x, m: np.pad(x, 1, constant_values=7),
    "expand_dims": lambda x, m: np.expand_dims(x, 0),
    "moveaxis": lambda x, m: np.moveaxis(m, 0, 1),
    "tile": lambda x, m: np.tile(x, (2, 1)),
    "roll": lambda x, m: np.roll(m, 1, axis=0),
    "diff": lambda x, m: np.diff(x, prepend=0),
    "meshgrid": lambda x, m: np.meshgrid(x, x, indexing="ij")[0],
    "zeros_like": lambda x, m: np.zeros_like(m),
    "full_like": lambda x, m: np.full_like(m, 3),
    "cumsum": lambda x, m: np.cumsum(x),
    "argmax": lambda x, m: np.argmax(m, axis=1),
    "linspace": lambda x, m: np.linspace(x, 2 * x),
    "tensordot": lambda x, m: np.tensordot(m, m, 1),
    "like": lambda x, m: np.ones((2,), like=x),
}


@pytest.mark.parametrize("name", RECORDED)
def test_numpy_functions_record(name):
    call = RECORDED[name]
    x, m = eerie.asarray(V), eerie.asarray(M)
    result = call(x, m)
    assert all(map(recorded, result if isinstance(result, tuple) else [result]))
    check(result, call(V, M))
    inside = eerie.jit(lambda x, m: call(x, m))(x, m)
    check(inside, call(V, M))


HOST = {
    "a ufunc that Eerie lacks": lambda x, m: np.spacing(x),
    "several results": lambda x, m: np.frexp(x),
    "an order": lambda x, m: np.reshape(m, (4,), order="F"),
    "a dtype for a ufunc": lambda x, m: np.sqrt(x, dtype=np.float64),
    "an initial value": lambda x, m: np.min(m, axis=0, initial=2),
    "an initial value for a ufunc": lambda x, m: np.maximum.reduce(m, initial=4),
    "reduceat": lambda x, m: np.add.reduceat(x, [0, 1]),
    "a condition alone": lambda x, m: np.where(x > 1),
    "apply_along_axis": lambda x, m: np.apply_along_axis(np.sort, 0, m),
    "polyfit": lambda x, m: np.polyval(np.polyfit(x, x**2, 2), x),
    "a function of a module that Eerie lacks": lambda x, m: np.lib.stride_tricks.sliding_window_view(x, 2),
}


@pytest.mark.parametrize("name", HOST)
def test_numpy_computes_what_eerie_lacks(name):
    call = HOST[name]
    x, m = eerie.asarray(V), eerie.asarray(M)
    check(call(x, m), call(V, M))
    with pytest.raises(TracerError, match=r"numpy.* runs in NumPy, and <lambda> is being traced"):
        eerie.jit(lambda x, m: call(x, m))(x, m)


def test_what_is_no_array_comes_back_as_it_is():
    x: Any = eerie.asarray(V) * 2
    assert np.array2string(x) == "[2. 5. 1.]"
    assert np.may_share_memory(x, V) is False
    with pytest.raises(ValueError, match="read-only"):
        np.fill_diagonal(x.reshape(1, 3), 0)


def test_questions_about_types_compute_nothing():
    x = eerie.asarray(M) + 1
    assert np.shape(x) == (2, 2)
    assert (np.ndim(x), np.size(x), np.size(x, 0)) == (2, 4, 2)
    assert np.result_type(x, np.int8) == np.float32
    assert np.iscomplexobj(x) is False
    assert recorded(x)
    assert eerie.jit(lambda x: x * np.size(x))(x).tolist() == [[8, 12], [16, 24]]


def test_results_into_numpy_arrays():
    x = eerie.asarray(V)
    out = np.zeros(3, np.float32)
    assert np.add(x, 1, out=out) is out
    assert out.tolist() == [2, 3.5, 1.5]
    out += x
    assert type(out) is np.ndarray
    assert out.tolist() == [3, 6, 2]
    assert np.sqrt(x, where=np.array([True, False, False]), out=out) is out
    assert out.tolist() == [1, 6, 2]
    total = np.zeros((), np.float32)
    assert np.sum(x, out=total) is total
    assert total == 4
    with pytest.raises(TypeError, match="same_kind"):
        np.add(x, 1, out=np.zeros(3, np.int32))


def test_results_into_arrays_are_refused():
    x: Any = eerie.asarray(V)
    for write in (lambda: np.add(V, 1, out=x), lambda: np.sum(M, axis=0, out=x)):
        with pytest.raises(ArgumentError, match="out is an Array"):
            write()
    with pytest.raises(ArgumentError, match=r"numpy.add.at writes into its operand\n.*x.at"):
        np.add.at(x, 0, 1)
    assert x.tolist() == V.tolist()


def test_others_go_first():
    class Theirs:
        def __array_ufunc__(self, *arguments, **keywords):
            return "theirs"

        def __array_function__(self, *arguments):
            return "theirs"

    x = eerie.asarray(V)
    theirs: Any = Theirs()
    assert np.add(x, theirs) == "theirs"
    assert np.concatenate([x, theirs]) == "theirs"


def test_every_name_of_the_tables_leads_somewhere():
    for table in (REDUCTIONS, ACCUMULATIONS):
        assert [n for n in table if not isinstance(getattr(np, n), np.ufunc)] == []
        assert [n for n in table.values() if n not in eerie.__all__] == []


def test_ufuncs_of_the_same_name_agree():
    # One that has another meaning under the same name would give another value here.
    ufuncs = {v for v in vars(np).values() if isinstance(v, np.ufunc)}
    shared = [u for u in ufuncs if RENAMED.get(u.__name__, u.__name__) in eerie.__all__]
    assert len(shared) > 60
    small = {"int32": np.array([1, 2, 3], np.int32), "float32": V / 3, "bool": V > 1}
    for ufunc in shared:
        if ufunc.signature or ufunc.nout > 1 or ufunc is np.reciprocal:  # NumPy's divides integers as integers
            continue
        for values in small.values():
            try:
                with np.errstate(all="ignore"):
                    expected = ufunc(*[values] * ufunc.nin)
            except TypeError:
                continue
            expected = np.asarray(expected)
            try:
                result = ufunc(*[eerie.asarray(values)] * ufunc.nin)
            except eerie.EerieError:
                continue  # refused, not answered differently
            rtol = 1e-3 if expected.dtype == np.float16 else 1e-5  # NumPy's choice for bools
            np.testing.assert_allclose(result.numpy(), expected, rtol=rtol, atol=1e-6, err_msg=ufunc.__name__)


# DLPack. NumPy stands for other libraries in tests/runtime/test_dlpack.py; these are the real ones.


def aligned(library):
    """An array of another library that is large enough to be aligned."""
    return library.ones((256, 256))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def jax():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("jax")


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3)], ids=str)
def test_every_dtype_of_torch(torch, shape):
    for dtype in dtypes.ALL:
        tensor = torch.ones(shape, dtype=getattr(torch, dtype.name))
        x = eerie.from_dlpack(tensor)
        assert (x.dtype, x.shape) == (dtype, shape)
        back = torch.from_dlpack(x)
        assert back.dtype is tensor.dtype
        assert back.shape == shape
        assert bool((back == tensor).all())


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3)], ids=str)
def test_every_dtype_of_jax(jax, shape):
    wide = ("int64", "uint64", "float64", "complex128")  # need a setting of JAX
    for dtype in (d for d in dtypes.ALL if d.name not in wide):
        array = jax.numpy.ones(shape, dtype=dtype.name)
        x = eerie.from_dlpack(array)
        assert (x.dtype, x.shape) == (dtype, shape)
        back = jax.dlpack.from_dlpack(x)
        assert back.dtype == array.dtype
        assert back.shape == shape
        assert bool((back == array).all())


@pytest.mark.slow
def test_memory_is_shared_with_torch(torch):
    tensor = aligned(torch)
    x = eerie.from_dlpack(tensor)
    tensor[0, 0] = 7
    assert x[0, 0].item() == 7
    assert torch.from_dlpack(x).data_ptr() == tensor.data_ptr()
    y = eerie.ones((256, 256)) * 2
    out = torch.from_dlpack(y)
    address = y.numpy().ctypes.data
    del y
    gc.collect()
    assert out.data_ptr() == address
    assert float(out.sum()) == 2 * 256 * 256
    assert torch.from_dlpack(x, copy=True).data_ptr() != tensor.data_ptr()


@pytest.mark.slow
def test_memory_is_shared_with_jax(jax):
    array = aligned(jax.numpy)
    assert eerie.from_dlpack(array).numpy().ctypes.data == array.unsafe_buffer_pointer()
    y = eerie.ones((256, 256)) * 2
    assert jax.dlpack.from_dlpack(y).unsafe_buffer_pointer() == y.numpy().ctypes.data


@pytest.mark.slow
def test_tensors_that_are_not_shared(torch):
    table = torch.arange(12.0).reshape(3, 4)
    assert eerie.from_dlpack(table.T).tolist() == table.T.tolist()
    assert eerie.from_dlpack(table.reshape(-1)[1:]).tolist() == list(range(1, 12))
    with pytest.raises(ExchangeError, match="cannot be shared"):
        eerie.from_dlpack(table.T, copy=False)
    with pytest.raises(ExchangeError, match="require gradient"):
        eerie.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(ExchangeError, match="cannot be read"):
        eerie.from_dlpack(torch.ones(2, dtype=torch.complex64).conj())
