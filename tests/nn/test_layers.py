"""Linear, Embedding, Dropout, Sequential and rotary embedding."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn, tree
from eerie_dsl.errors import ArgumentError, IndexingError, InvalidValueError, ShapeError
from tests.nn.numeric import check

pytestmark = pytest.mark.usefixtures("interpreted")

RNG = np.random.default_rng(5)
KEY = eerie.random.key(0)


def normal(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3), (0, 3)])
def test_linear(shape):
    x, weight, bias = normal(*shape), normal(5, 3), normal(5)
    check(lambda x, w, b: nn.Linear(w, b)(x), lambda x, w, b: x @ w.T + b, x, weight, bias)
    check(lambda x, w: nn.Linear(w)(x), lambda x, w: x @ w.T, x, weight)


def test_linear_init():
    layer = nn.Linear.init(KEY, 3, 5, dtype=eerie.float64)
    assert layer.bias is not None
    assert (layer.weight.shape, layer.bias.shape) == ((5, 3), (5,))
    assert layer.weight.dtype == layer.bias.dtype == eerie.float64
    assert layer.bias.tolist() == [0] * 5
    assert nn.Linear.init(KEY, 3, 5, bias=False).bias is None
    assert tree.leaves(nn.Linear.init(KEY, 3, 5, bias_init=nn.initializers.ones))[1].tolist() == [1] * 5
    again = nn.Linear.init(KEY, 3, 5, dtype=eerie.float64)
    assert layer.weight.tolist() == again.weight.tolist()
    assert layer.weight.tolist() != nn.Linear.init(eerie.random.key(1), 3, 5, dtype=eerie.float64).weight.tolist()


@pytest.mark.parametrize("shape", [(), (4,), (2, 4), (3, 1)])
def test_linear_refuses_other_features(shape):
    with pytest.raises(ShapeError) as caught:
        nn.Linear.init(KEY, 3, 5)(eerie.ones(shape))
    sizes = ",".join(map(str, shape))
    assert caught.value.message == f"Linear: x of f32[{sizes}] does not end with the 3 features of this layer"


@pytest.mark.parametrize("size", [0, -1, 2.0, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: nn.Linear.init(KEY, n, 2),
        lambda n: nn.Linear.init(KEY, 2, n),
        lambda n: nn.Embedding.init(KEY, n, 2),
        lambda n: nn.LayerNorm.init((2, n)),
        lambda n: nn.RMSNorm.init(n),
        lambda n: nn.GroupNorm.init(4, n),
        lambda n: nn.BatchNorm.init(n),
        lambda n: nn.MultiHeadAttention.init(KEY, 4, heads=n),
        lambda n: nn.KVCache.init(1, 1, n, 1),
    ],
)
def test_sizes_are_integers_above_0(make, size):
    with pytest.raises(ArgumentError, match="integer above 0"):
        make(size)


@pytest.mark.parametrize("tokens", [np.array(2), np.array([1, 1, 0]), np.array([[3, 0], [2, 3]], np.int32)])
def test_embedding(tokens):
    check(lambda w: nn.Embedding(w)(eerie.asarray(tokens)), lambda w: w[tokens], normal(4, 3))


def test_embedding_attends_with_the_same_table():
    check(lambda x, w: nn.Embedding(w).attend(x), lambda x, w: x @ w.T, normal(2, 3), normal(4, 3))
    with pytest.raises(ShapeError, match="3 features"):
        nn.Embedding.init(KEY, 4, 3).attend(eerie.ones((2, 4)))


def test_embedding_init():
    table = nn.Embedding.init(KEY, 1000, 64)
    lengths = np.linalg.norm(table.weight.numpy(), axis=1)
    assert abs(lengths.mean() - 1) < 0.02
    assert nn.Embedding.init(KEY, 2, 3, weight_init=nn.initializers.ones).weight.tolist() == [[1] * 3] * 2


def test_embedding_refuses_what_is_no_token():
    table = nn.Embedding.init(KEY, 4, 3)
    with pytest.raises(IndexingError, match="Embedding: "):
        table(eerie.asarray([4]))
    with pytest.raises(IndexingError, match="Embedding: "):
        table(eerie.asarray([0.5]))


def test_dropout():
    x = eerie.ones((100, 100))
    dropout = nn.Dropout(0.2)
    assert dropout(x) is x
    assert nn.Dropout(0.0)(x, key=KEY) is x
    y = dropout(x, key=KEY).numpy()
    assert set(np.unique(y)) == {0, np.float32(1.25)}
    assert abs((y == 0).mean() - 0.2) < 0.02
    assert (dropout(x, key=KEY).numpy() == y).all()
    assert (dropout(x, key=eerie.random.key(1)).numpy() != y).any()
    gradient = eerie.grad(lambda x: eerie.sum(dropout(x, key=KEY)))(x).numpy()
    assert (gradient == y).all()
    assert dropout(eerie.astype(x, eerie.float16), key=KEY).dtype == eerie.float16


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2, float("nan")])
def test_dropout_refuses_a_rate(rate):
    with pytest.raises(InvalidValueError, match="rate"):
        nn.Dropout(rate)


def test_sequential():
    model = nn.Sequential(nn.Linear(eerie.eye(2)), eerie.relu, nn.Sequential(eerie.negative), lambda x: x + 1)
    assert model(eerie.asarray([-3.0, 3.0])).tolist() == [1, -2]
    assert len(model) == 4
    assert model[0] is next(iter(model))
    assert [leaf.shape for leaf in tree.leaves(model)] == [(2, 2)]
    assert eerie.jit(lambda m, x: m(x))(model, eerie.ones(2)).tolist() == [0, 0]
    assert eerie.grad(lambda m: eerie.sum(m(eerie.ones(2))))(model)[0].weight.tolist() == [[-1, -1]] * 2
    assert nn.Sequential()(KEY) is KEY


def test_sequential_gives_each_layer_that_takes_one_a_key_of_its_own():
    half = nn.Dropout(0.5)
    model = nn.Sequential(half, eerie.relu, nn.Sequential(half))
    x = eerie.ones(1000)
    assert model(x) is not None
    assert (model(x).numpy() == 1).all()
    kept = (model(x, key=KEY).numpy() == 4).mean()
    assert abs(kept - 0.25) < 0.05  # one key for both would keep half
    assert (model(x, key=KEY).numpy() == model(x, key=KEY).numpy()).all()


def test_sequential_errors():
    with pytest.raises(ArgumentError, match="argument 1, a list"):
        nn.Sequential(eerie.relu, [eerie.relu])  # type: ignore[arg-type]  # what is tested
    model = nn.Sequential(eerie.relu, nn.Sequential(nn.Linear.init(KEY, 3, 4), nn.Linear.init(KEY, 5, 4)))
    with pytest.raises(ShapeError, match=r"Sequential\.layers\[1\]\.layers\[1\] \(Linear\): x of f32\[4\]"):
        model(eerie.ones(3))
    with pytest.raises(ShapeError, match=r"Sequential\.layers\[0\] \(Function\): matmul of"):
        nn.Sequential(lambda x: x @ x)(eerie.ones((2, 3)))


def test_batch_norm_in_a_sequential_says_what_it_lacks():
    with pytest.raises(ArgumentError, match=r"Sequential\.layers\[0\] \(BatchNorm\): a BatchNorm takes its state"):
        nn.Sequential(nn.BatchNorm.init(3))(eerie.ones((2, 3)))  # type: ignore[arg-type]  # what is tested


def rotated(x, positions, base, interleaved):
    half = x.shape[-1] // 2
    angles = positions[..., None] * base ** (-2.0 * np.arange(half) / x.shape[-1])
    places = (
        (np.arange(half) * 2, np.arange(half) * 2 + 1) if interleaved else (np.arange(half), np.arange(half) + half)
    )
    turned = (x[..., places[0]] + 1j * x[..., places[1]]) * np.exp(1j * angles)
    result = np.empty_like(x)
    result[..., places[0]], result[..., places[1]] = turned.real, turned.imag
    return result


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("shape", [(5, 2), (2, 5, 6), (2, 3, 5, 4)])
def test_rotary(shape, interleaved):
    layer = nn.RotaryEmbedding(100.0, interleaved)
    check(layer, lambda x: rotated(x, np.arange(5), 100.0, interleaved), normal(*shape))
    places = np.array([7, 3, 3, 0, 1])
    check(lambda x: layer(x, eerie.asarray(places)), lambda x: rotated(x, places, 100.0, interleaved), normal(*shape))


def test_rotary_positions_of_each_example():
    places = np.array([[[0, 1]], [[5, 6]]])
    check(
        lambda x: nn.RotaryEmbedding()(x, eerie.asarray(places)),
        lambda x: rotated(x, places, 10000.0, False),
        normal(2, 3, 2, 4),
    )


def test_rotary_products_depend_on_distances():
    q, k = (eerie.asarray(normal(1, 8)) for _ in range(2))
    layer = nn.RotaryEmbedding()

    def product(i, j):
        return float(eerie.sum(layer(q, eerie.asarray([i])) * layer(k, eerie.asarray([j]))))

    assert product(5, 2) == pytest.approx(product(105, 102))
    assert product(5, 2) != pytest.approx(product(5, 3))


def test_rotary_of_16_bits_computes_angles_in_32():
    x = eerie.ones((2000, 8), dtype=eerie.bfloat16)
    y = nn.RotaryEmbedding()(x)
    assert y.dtype == eerie.bfloat16
    want = rotated(np.ones((2000, 8)), np.arange(2000), 10000.0, False)
    np.testing.assert_allclose(y.numpy().astype(float), want, atol=0.01)


@pytest.mark.parametrize(
    ("shape", "positions"), [((3,), None), ((3, 5), None), ((3, 4), np.arange(4)), ((3, 4), np.array(1))]
)
def test_rotary_errors(shape, positions):
    with pytest.raises(ShapeError, match="RotaryEmbedding: "):
        nn.RotaryEmbedding()(eerie.ones(shape), positions)


def test_options_are_no_parameters():
    assert tree.leaves((nn.Dropout(0.5), nn.RotaryEmbedding())) == []
    assert dataclasses.replace(nn.Dropout(0.5), rate=0.1).rate == 0.1
