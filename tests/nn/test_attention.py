"""Attention and its cache against a formula in NumPy, head by head."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn, tree
from eerie_dsl.errors import ArgumentError, ShapeError
from tests.nn.numeric import check

pytestmark = pytest.mark.usefixtures("interpreted")

RNG = np.random.default_rng(8)
KEY = eerie.random.key(1)


def normal(*shape):
    return RNG.normal(size=shape)


def formula(q, k, v, visible=None, bias=None, scale=None):
    """Attention one query at a time; a query that sees nothing gives zeros."""
    share = q.shape[-3] // k.shape[-3]
    result = np.zeros((*q.shape[:-1], v.shape[-1]))
    for place in np.ndindex(q.shape[:-1]):
        *front, head, _ = place
        keys, values = k[(*front, head // share)], v[(*front, head // share)]
        scores = keys @ q[place] * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
        if bias is not None:
            scores = scores + bias[place]
        seen = np.ones(len(keys), bool) if visible is None else visible[place]
        if seen.any():
            weights = np.where(seen, np.exp(scores - scores.max()), 0)
            result[place] = weights / weights.sum() @ values
    return result


SHAPES = [  # of query, key and value
    ((2, 4, 3), (2, 4, 3), (2, 4, 3)),
    ((2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 2)),
    ((2, 4, 3, 2), (2, 2, 3, 2), (2, 2, 3, 3)),
    ((3, 1, 2), (1, 4, 2), (1, 4, 2)),
]


@pytest.mark.parametrize("shapes", SHAPES)
def test_attention(shapes):
    operands = [normal(*s) for s in shapes]
    check(nn.attention, formula, *operands)
    check(lambda q, k, v: nn.attention(q, k, v, scale=0.3), lambda q, k, v: formula(q, k, v, scale=0.3), *operands)


@pytest.mark.parametrize("shapes", SHAPES)
def test_causal_attention_sees_nothing_that_is_after_it(shapes):
    (*front, length, _), (*_, seen, _), _ = shapes
    visible = np.broadcast_to(np.tri(length, seen, seen - length, dtype=bool), (*front, length, seen))
    check(
        lambda q, k, v: nn.attention(q, k, v, causal=True),
        lambda q, k, v: formula(q, k, v, visible),
        *(normal(*s) for s in shapes),
    )


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("drop", [0, 1, 2])
def test_masks(shapes, drop):
    (*front, length, _), (*_, seen, _), _ = shapes
    sizes = (*front, length, seen)[drop if drop < 2 else len(front) :]
    operands = [normal(*s) for s in shapes]
    mask, bias = RNG.random(sizes) < 0.6, normal(*sizes)
    whole = (*front, length, seen)
    check(
        lambda q, k, v: nn.attention(q, k, v, eerie.asarray(mask)),
        lambda q, k, v: formula(q, k, v, np.broadcast_to(mask, whole)),
        *operands,
    )
    check(
        nn.attention,
        lambda q, k, v, bias: formula(q, k, v, bias=np.broadcast_to(bias, whole)),
        *operands,
        bias,
    )


def test_a_query_that_sees_nothing_gives_zeros_and_no_nan():
    q = k = v = eerie.asarray(normal(1, 2, 3))
    mask = eerie.asarray([[False, False], [True, False]])

    def loss(q, k, v):
        return eerie.sum(nn.attention(q, k, v, mask=mask, causal=True) ** 2)

    assert nn.attention(q, k, v, mask=mask)[0, 0].tolist() == [0, 0, 0]
    assert all(np.isfinite(g.numpy()).all() for g in eerie.grad(loss, argnums=(0, 1, 2))(q, k, v))


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((2, 3), (2, 3), (2, 3)), "attention of query f32"),
        (((1, 2, 3), (1, 2, 4), (1, 2, 4)), "attention of query f32"),
        (((1, 2, 3), (1, 2, 3), (1, 3, 3)), "attention of query f32"),
        (((5, 1, 2, 3), (4, 1, 2, 3), (4, 1, 2, 3)), "attention of query f32"),
        (((3, 2, 3), (2, 2, 3), (2, 2, 3)), "3 query heads with 2 key heads"),
    ],
)
def test_attention_errors(shapes, words):
    query, key, value = map(eerie.ones, shapes)
    with pytest.raises(ShapeError, match=words):
        nn.attention(query, key, value)


@pytest.mark.parametrize("sizes", [(3, 2), (2, 1, 2, 2), (1, 1, 1, 1, 1)])
def test_a_mask_that_does_not_fit(sizes):
    x = eerie.ones((1, 2, 3))
    with pytest.raises(ShapeError, match=r"scores f32\[1,2,2\] and a mask of bool"):
        nn.attention(x, x, x, mask=eerie.ones(sizes, dtype=eerie.bool))


def layer(**options):
    return nn.MultiHeadAttention.init(KEY, 8, heads=4, dtype=eerie.float64, **options)


def whole(layer, x, context=None, visible=None):
    """The layer in NumPy, without rotary embedding."""
    context = x if context is None else context

    def heads(part, x, count):
        y = x @ part.weight.numpy().T + part.bias.numpy()
        return y.reshape(*y.shape[:-1], count, -1).swapaxes(-2, -3)

    q = heads(layer.query, x, layer.heads)
    k, v = (heads(p, context, layer.kv_heads) for p in (layer.key, layer.value))
    if visible is not None:
        visible = np.broadcast_to(visible, (*q.shape[:-1], k.shape[-2]))
    mixed = formula(q, k, v, visible).swapaxes(-2, -3)
    return mixed.reshape(*x.shape[:-1], -1) @ layer.output.weight.numpy().T + layer.output.bias.numpy()


@pytest.mark.parametrize("kv_heads", [None, 2, 1])
@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention(kv_heads, causal):
    made = layer(kv_heads=kv_heads, causal=causal, weight_init=nn.initializers.normal)
    made = tree.map(lambda p: p + 0.1, made)  # or the biases would be zero
    visible = np.tri(3, dtype=bool) if causal else None
    check(made, lambda x: whole(made, x, visible=visible), normal(2, 3, 8), rtol=1e-5)


def test_multi_head_attention_to_other_tokens_and_with_a_mask():
    made = layer(kv_heads=2)
    mask = np.array([True, False, True, True, False])
    check(
        lambda x, c: made(x, context=c, mask=eerie.asarray(mask)),
        lambda x, c: whole(made, x, c, visible=mask),
        normal(2, 3, 8),
        normal(2, 5, 8),
    )


def test_rotary_makes_attention_depend_on_distances_only():
    plain = layer()
    turned = dataclasses.replace(plain, rotary=nn.RotaryEmbedding(100.0))
    x = eerie.asarray(np.broadcast_to(normal(1, 1, 8), (1, 4, 8)).copy())
    other = eerie.asarray(normal(1, 4, 8))
    assert not np.allclose(turned(other).numpy(), plain(other).numpy())

    def heads(part):
        return eerie.moveaxis(eerie.reshape(part(other), (1, 4, 4, 2)), 1, 2)

    rotary = turned.rotary
    want = nn.attention(rotary(heads(turned.query)), rotary(heads(turned.key)), heads(turned.value))
    got = turned(other)
    want = turned.output(eerie.reshape(eerie.moveaxis(want, 2, 1), (1, 4, 8)))
    np.testing.assert_allclose(got.numpy(), want.numpy())
    np.testing.assert_allclose(turned(x).numpy(), plain(x).numpy())  # of equal values any mean is the same


@pytest.mark.parametrize("rotary", [None, nn.RotaryEmbedding()], ids=["plain", "rotary"])
@pytest.mark.parametrize("kv_heads", [None, 2])
@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1, 1), (4, 1, 1), (2, 3, 1), (6,)])
def test_a_cache_gives_what_the_whole_sequence_gives(rotary, kv_heads, pieces):
    made = layer(causal=True, kv_heads=kv_heads, rotary=rotary)
    x = eerie.asarray(normal(2, 6, 8))
    cache, results, start = made.cache(2, 8), [], 0
    for size in pieces:
        y, cache = made(x[:, start : start + size], cache=cache)
        results.append(y)
        start += size
        assert int(cache.length) == start
    np.testing.assert_allclose(eerie.concat(results, axis=1).numpy(), made(x).numpy(), rtol=1e-12, atol=1e-14)
    assert (cache.keys.numpy()[:, :, 6:] == 0).all()


@pytest.mark.parametrize("kind", ["bool", "bias"])
def test_a_mask_together_with_a_cache(kind):
    made = layer(causal=True)
    x = eerie.asarray(normal(1, 3, 8))
    seen = np.array([False, True, True, True])  # padding in front
    mask = eerie.asarray(seen if kind == "bool" else np.where(seen, 0, -np.inf))
    got, _ = made(x, mask=mask, cache=made.cache(1, 4))
    np.testing.assert_allclose(got.numpy(), made(x, mask=mask[:3]).numpy())


def test_decoding_is_one_program_whatever_the_length():
    made = layer(causal=True)
    step = eerie.jit(donate_argnums=(2,))(lambda layer, x, cache: layer(x, cache=cache))
    cache = made.cache(1, 4)
    for _ in range(4):
        y, cache = step(made, eerie.ones((1, 1, 8), dtype=eerie.float64), cache)
        assert np.isfinite(y.numpy()).all()
    assert step.traces == 1
    y, cache = step(made, eerie.ones((1, 1, 8), dtype=eerie.float64), cache)
    assert np.isnan(y.numpy()).all()  # no room
    assert int(cache.length) == 5


def test_a_cache_takes_a_dtype_of_its_own():
    made = nn.MultiHeadAttention.init(KEY, 8, heads=2, causal=True)
    x = eerie.asarray(normal(1, 3, 8).astype(np.float32))
    y, cache = made(x, cache=made.cache(1, 4, dtype=eerie.bfloat16))
    assert cache.keys.dtype == eerie.bfloat16
    np.testing.assert_allclose(y.numpy(), made(x).numpy(), atol=0.03)


def test_sizes_of_a_layer():
    made = nn.MultiHeadAttention.init(KEY, 12, heads=6, kv_heads=2, bias=False)
    assert made.key.weight.shape == made.value.weight.shape == (4, 12)
    assert made.query.bias is made.output.bias is None
    assert made.cache(3, 7).keys.shape == (3, 2, 7, 2)
    bound = math.sqrt(6 / 24)
    assert 0.8 * bound < abs(made.query.weight.numpy()).max() <= bound
    assert made.query.weight.tolist() != made.output.weight.tolist()


def test_multi_head_attention_errors():
    with pytest.raises(ArgumentError, match="8 features with heads=3"):
        nn.MultiHeadAttention.init(KEY, 8, heads=3)
    with pytest.raises(ArgumentError, match="kv_heads=3"):
        nn.MultiHeadAttention.init(KEY, 8, heads=4, kv_heads=3)
    made = layer(causal=True)
    with pytest.raises(ShapeError, match=r"MultiHeadAttention\.query \(Linear\): x of f32\[1,3,7\]"):
        made(eerie.ones((1, 3, 7)))
    with pytest.raises(ShapeError, match=r"MultiHeadAttention\.key \(Linear\): x of f32\[1,3,7\]"):
        made(eerie.ones((1, 3, 8)), context=eerie.ones((1, 3, 7)))
    with pytest.raises(ShapeError, match=r"MultiHeadAttention: x of f32\[3,8\]"):
        made(eerie.ones((3, 8)))
    x = eerie.ones((1, 3, 8), dtype=eerie.float64)
    with pytest.raises(ArgumentError, match="KVCache is for tokens that look only"):
        layer()(x, cache=layer().cache(1, 4))
    with pytest.raises(ArgumentError, match="KVCache is for tokens that look only"):
        made(x, context=x, cache=made.cache(1, 4))
    with pytest.raises(ShapeError, match=r"MultiHeadAttention > KVCache: 3 tokens for a cache with room for 2"):
        made(x, cache=made.cache(1, 2))
    with pytest.raises(ShapeError, match=r"keys of f64\[1,4,3,2\] for a cache of f64\[2,4,4,2\]"):
        made(x, cache=made.cache(2, 4))
