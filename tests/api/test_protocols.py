"""What Python asks of an array: scalars, containers, copies, pickles, format, the standard's own methods."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError, ExchangeError, InvalidValueError, TracerError
from eerie_dsl.ir import dtypes

pytestmark = pytest.mark.usefixtures("interpreted")

SHAPES = [(), (0,), (3, 0, 2), (5,), (2, 3)]


def counting(shape, dtype):
    """Values that every dtype holds."""
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(dtype.numpy)


# The standard.


def test_namespace_is_the_package():
    x = eerie.ones(2)
    assert x.__array_namespace__() is eerie
    for version in ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
        assert x.__array_namespace__(api_version=version) is eerie
    assert eerie.__array_api_version__ == "2025.12"
    with pytest.raises(InvalidValueError, match=r"'2030.12'.*\n.*2025.12"):
        x.__array_namespace__(api_version="2030.12")


def test_devices():
    x = eerie.ones(2)
    assert x.device == eerie.cpu
    assert x.to_device(eerie.cpu) is x
    assert x.to_device("cpu") is x
    with pytest.raises(InvalidValueError, match=r"'cuda:0'\n.*use one of: cpu"):
        x.to_device("cuda:0")
    with pytest.raises(InvalidValueError, match="no streams"):
        x.to_device("cpu", stream=1)


def test_info():
    info = eerie.__array_namespace_info__()
    assert info.default_device() == eerie.cpu
    assert info.devices() == (eerie.cpu,)
    assert set(info.default_dtypes().values()) == {eerie.float32, eerie.int64, eerie.complex64}
    names = {d.name for d in dtypes.ALL} - {"float16", "bfloat16"}
    assert set(info.dtypes()) == names
    assert all(getattr(eerie, name) is found for name, found in info.dtypes().items())
    assert set(info.dtypes(kind=("bool", "unsigned integer"))) == {"bool", "uint8", "uint16", "uint32", "uint64"}
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    with pytest.raises(InvalidValueError, match="no kind of dtypes 'real'"):
        info.dtypes(kind="real")
    with pytest.raises(InvalidValueError, match="cannot live on device 'tpu'"):
        info.dtypes(device="tpu")


def test_as_many_dimensions_as_it_says():
    most: Any = eerie.__array_namespace_info__().capabilities()["max dimensions"]
    x = eerie.ones((1,) * most) + 1
    assert x.shape == (1,) * most
    assert x.item() == 2


# Scalars.


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_scalars_out(dtype):
    one = eerie.ones((), dtype=dtype)
    assert bool(one) is True
    assert bool(eerie.zeros((1, 1), dtype=dtype)) is False
    assert complex(one) == 1
    assert type(one.item()) is type(np.ones((), dtype.numpy).item())
    if dtype.kind == "complex":
        for convert in (int, float):
            with pytest.raises(ArgumentError, match="does not become"):
                convert(one)
    else:
        assert (int(one), float(one)) == (1, 1.0)
    if dtype.is_integer:
        assert [10, 20][one] == 20
    else:
        with pytest.raises(ArgumentError, match="0-d integer array is an index"):
            one.__index__()


@pytest.mark.parametrize("shape", [(0,), (2,), (1, 3)])
def test_several_elements_are_no_scalar(shape):
    x = eerie.ones(shape)
    with pytest.raises(InvalidValueError, match=r"true or false.*\n.*any\(\) or all\(\)"):
        bool(x)
    with pytest.raises(InvalidValueError, match="one element is a scalar"):
        x.item()
    for convert in (int, float, complex):
        with pytest.raises(ArgumentError, match="one element becomes"):
            convert(x)
    with pytest.raises(ArgumentError, match="is an index"):
        eerie.ones((1,), dtype="int64").__index__()


def test_what_python_cannot_convert():
    with pytest.raises(ValueError, match="NaN"):
        int(eerie.asarray(float("nan")))
    with pytest.raises(OverflowError):
        int(eerie.asarray(float("inf")))


def test_arrays_have_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(eerie.ones(()))


# Containers.


def test_length_iteration_and_membership():
    x = eerie.asarray([[1, 2], [3, 4]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert [v.shape for v in x[0]] == [(), ()]
    a, b = eerie.asarray([1.5, 2.5])
    assert (a.item(), b.item()) == (1.5, 2.5)
    assert list(eerie.zeros((0, 3))) == []
    assert [v.shape for v in eerie.zeros((2, 0))] == [(0,), (0,)]
    assert 3 in x
    assert 5 not in x
    assert np.nan not in eerie.asarray([np.nan])
    with pytest.raises(TypeError):
        "a" in x  # noqa: B015


def test_no_dimension_no_length():
    for use in (len, iter):
        with pytest.raises(ArgumentError, match="0-d array"):
            use(eerie.ones(()))


def test_iteration_computes_once(monkeypatch):
    from eerie_dsl.api import evaluation

    calls = []
    evaluate = evaluation.evaluate

    def counted(outputs):
        calls.append(len(outputs))
        return evaluate(outputs)

    monkeypatch.setattr(evaluation, "evaluate", counted)
    parts = list(eerie.arange(100) * 2)
    assert [p.item() for p in parts] == list(range(0, 200, 2))
    assert calls == [1]


def test_iteration_in_a_trace_records():
    total = eerie.jit(lambda x: sum(x, eerie.zeros(())))(eerie.asarray([1.0, 2.0, 3.0]))
    assert total.item() == 6


# Copies and pickles.


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_copies_and_pickles(dtype, shape):
    values = counting(shape, dtype)
    x = eerie.asarray(values)
    copies = [copy.copy(x), copy.deepcopy([x])[0]]
    copies += [pickle.loads(pickle.dumps(x, protocol)) for protocol in (2, 4, 5)]
    for y in copies:
        assert type(y) is eerie.Array
        assert (y.dtype, y.shape) == (dtype, shape)
        np.testing.assert_array_equal(y.numpy(), values)


def test_a_copy_does_not_follow_assignments():
    x = eerie.zeros(3)
    y = copy.copy(x)
    x[0] = 1
    assert y.tolist() == [0, 0, 0]


def test_copies_in_a_trace():
    assert eerie.jit(lambda x: copy.deepcopy(x) + eerie.asarray(x, copy=True))(eerie.ones(2)).tolist() == [2, 2]


def test_pickles_load_without_the_compiler(tmp_path):
    path = tmp_path / "arrays.pickle"
    path.write_bytes(pickle.dumps({"w": eerie.asarray([1.0, 2.0], dtype="bfloat16") + 1}))
    program = (
        "import pickle, sys\n"
        f"x = pickle.load(open({str(path)!r}, 'rb'))['w']\n"
        "print(x.tolist(), x.dtype, any(m.startswith('iree.compiler') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[2.0, 3.0] bfloat16 False"


# Text.


def test_format():
    x = eerie.asarray([1.0, 2.5])
    assert f"{x[1]:.2f}" == "2.50"
    assert f"{x[1:]:>6}" == "   2.5"
    assert f"{eerie.asarray(255):#x}" == "0xff"
    assert f"{x}" == str(x) == "[1.  2.5]"
    assert f"{eerie.asarray(1.5, dtype='bfloat16'):.1f}" == "1.5"
    with pytest.raises(ArgumentError, match=r"formatted as '\.2f', this is f32\[2\]"):
        f"{x:.2f}"


# Memory.


def test_numpy_takes_a_read_only_view():
    x = eerie.asarray([1.0, 2.0]) * 2
    assert not np.asarray(x).flags.writeable
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert np.array(x).flags.writeable
    assert np.asarray(x, dtype=np.int8).tolist() == [2, 4]
    assert x.__array__(np.float32, copy=False) is not None
    with pytest.raises(InvalidValueError, match="cannot become float64 without a copy"):
        x.__array__(np.float64, copy=False)


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if d is not dtypes.bfloat16], ids=lambda d: d.name)
def test_buffers(dtype):
    values = counting((2, 3), dtype)
    view = eerie.asarray(values).__buffer__(0)
    assert view.readonly
    np.testing.assert_array_equal(np.asarray(view), values)


def test_buffers_that_are_refused():
    with pytest.raises(ExchangeError, match="read-only"):
        eerie.ones(2).__buffer__(1)
    with pytest.raises(ExchangeError, match=r"bf16\[2\] is not a buffer"):
        eerie.ones(2, dtype="bfloat16").__buffer__(0)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python asks objects for buffers from 3.12 on")
def test_memoryview():
    assert memoryview(eerie.asarray([1, 2])).tolist() == [1, 2]


def test_values_that_a_trace_does_not_have():
    for use in (bool, float, np.asarray, pickle.dumps, lambda x: f"{x:.2f}", lambda x: 1.0 in x):
        with pytest.raises(TracerError, match="<lambda> is being traced"):
            eerie.jit(lambda x, use=use: use(x) and x)(eerie.asarray(1.0))


def test_transposes():
    x = eerie.ones((2, 3, 4))
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)
    assert eerie.ones(3).T.shape == (3,)
    with pytest.raises(ValueError, match="two dimensions"):
        eerie.ones(3).mT  # noqa: B018
