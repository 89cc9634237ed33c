"""Where parameters begin: moments, bounds, dtypes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn
from eerie_dsl.errors import ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")

KEY = eerie.random.key(3)
INIT = nn.initializers

# Of (300, 200), an (out, in) matrix, and of a kernel (3, 3, 20, 50): fan in 200 and 180, fan out 300 and 450.
VARIANCES = {
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
    "xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
}


@pytest.mark.parametrize("family", VARIANCES)
@pytest.mark.parametrize("shape", [(300, 200), (3, 3, 20, 50)])
def test_variances(family, shape):
    variance = VARIANCES[family](*((200, 300) if len(shape) == 2 else (180, 450)))
    drawn = getattr(INIT, f"{family}_normal")(KEY, shape).numpy()
    assert drawn.var() == pytest.approx(variance, rel=0.05)
    assert abs(drawn.mean()) < 4 * math.sqrt(variance / drawn.size)
    assert (np.abs(drawn) < 2 * drawn.std()).mean() == pytest.approx(0.954, abs=0.01)
    drawn = getattr(INIT, f"{family}_uniform")(KEY, shape).numpy()
    assert drawn.var() == pytest.approx(variance, rel=0.05)
    bound = math.sqrt(3 * variance)
    assert 0.99 * bound < np.abs(drawn).max() <= bound
    assert drawn.mean() == pytest.approx(0, abs=4 * bound / math.sqrt(drawn.size))


def test_plain_ones():
    assert INIT.zeros(KEY, (2,)).tolist() == [0, 0]
    assert INIT.ones(KEY, (2,)).tolist() == [1, 1]
    drawn = INIT.normal(KEY, (10000,), mean=5.0, std=0.1).numpy()
    assert (drawn.mean(), drawn.std()) == pytest.approx((5, 0.1), rel=0.03)
    drawn = INIT.truncated_normal(KEY, (10000,), mean=5.0, std=0.1, bound=1.0).numpy()
    assert 4.9 <= drawn.min() < 4.91
    assert 5.09 < drawn.max() <= 5.1
    drawn = INIT.uniform(KEY, (10000,), low=2.0, high=3.0).numpy()
    assert (drawn.min(), drawn.max()) == pytest.approx((2, 3), abs=0.01)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (2, 3, 4)])
def test_orthogonal(shape):
    q = INIT.orthogonal(KEY, shape, eerie.float64).numpy().reshape(-1, shape[-1])
    small = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)


def test_orthogonal_has_no_preferred_sign():
    firsts = [float(INIT.orthogonal(eerie.random.key(i), (3, 3))[0, 0]) for i in range(200)]
    assert 70 < sum(f > 0 for f in firsts) < 130


@pytest.mark.parametrize(
    "name",
    [
        "zeros",
        "ones",
        "normal",
        "truncated_normal",
        "uniform",
        "lecun_normal",
        "lecun_uniform",
        "xavier_normal",
        "xavier_uniform",
        "he_normal",
        "he_uniform",
        "orthogonal",
    ],
)
@pytest.mark.parametrize("dtype", [eerie.float64, eerie.float16, eerie.bfloat16], ids=str)
def test_dtypes(name, dtype):
    drawn = getattr(INIT, name)(KEY, (4, 6), dtype)
    assert (drawn.shape, drawn.dtype) == ((4, 6), dtype)
    assert np.isfinite(drawn.numpy().astype(float)).all()


@pytest.mark.parametrize("name", ["lecun_normal", "xavier_uniform", "he_normal", "orthogonal"])
def test_a_vector_has_no_fan(name):
    with pytest.raises(ShapeError, match=r"shape \(3,\) has no fan"):
        getattr(INIT, name)(KEY, (3,))
