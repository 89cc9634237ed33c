from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl.errors import ArgumentError

REDUCTIONS = [np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.any, np.all, np.argmax, np.argmin]


@pytest.mark.parametrize("function", REDUCTIONS)
def test_numpys_functions_take_arrays_and_placeholders(function) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for f in (function, eerie.jit(lambda a: function(a, axis=1))):
        axis = None if f is function else 1
        found = f(eerie.asarray(x))
        assert isinstance(found, eerie.Array)
        np.testing.assert_allclose(np.asarray(found), function(x, axis=axis), rtol=1e-6)


def test_numpys_words_of_var_and_std() -> None:
    x = np.arange(4, dtype=np.float32)
    for f in (np.var, np.std):
        found = f(eerie.asarray(x), ddof=1, dtype=np.float64)
        assert found.dtype == eerie.float64
        np.testing.assert_allclose(np.asarray(found), f(x, ddof=1, dtype=np.float64))


def test_round_and_clip_stay_arrays() -> None:
    x = eerie.asarray([0.26, 1.74])
    np.testing.assert_allclose(np.asarray(eerie.jit(lambda a: np.clip(np.round(a, 1), 0.5, 1.0))(x)), [0.5, 1.0])


def test_out_is_refused() -> None:
    with pytest.raises(ArgumentError, match="cannot be written into"):
        eerie.ones(3).sum(out=np.zeros(()))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all", "argmax", "argmin", "mean", "var", "std"])
def test_the_axis_may_be_given_by_place(name):
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(getattr(eerie, name)(x, 1).numpy(), getattr(np, name)(x, 1))
    with pytest.raises(TypeError):
        getattr(eerie, name)(x, 1, None)  # what follows it is not NumPy's


def test_the_axis_may_be_given_by_place_where_arrays_are_joined():
    x = np.arange(6.0).reshape(2, 3)
    for name in ("concat", "stack"):
        np.testing.assert_array_equal(getattr(eerie, name)([x, x], 1).numpy(), getattr(np, name)([x, x], 1))
