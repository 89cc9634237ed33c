"""Attention, and the keys and values that it keeps while a sequence grows.

Sizes: n sequences of l tokens look at s tokens, with h heads of d features, and k heads of keys and values.
"""

from __future__ import annotations

import math
from typing import overload

import eerie_dsl as eerie
from eerie_dsl import Array, DType
from eerie_dsl.errors import ArgumentError, ShapeError
from eerie_dsl.nn.checks import describe, positive
from eerie_dsl.nn.initializers import Initializer, xavier_uniform
from eerie_dsl.nn.linear import Linear
from eerie_dsl.nn.module import module
from eerie_dsl.nn.rotary import RotaryEmbedding
from eerie_dsl.tree import static


def attention(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Array:
    """``softmax(query @ key.mT * scale) @ value``.

    Vaswani et al., Attention is all you need, 2017; groups of query heads that share a key: Ainslie et al., GQA, 2023.
    A query that may look at nothing gives zeros.

    Args:
        query: ``(..., h, l, d)``.
        key: ``(..., k, s, d)``; the heads ``h`` are a multiple of ``k``, and neighbouring ones share a key.
        value: ``(..., k, s, features)``.
        mask: a shape that broadcasts to ``(..., h, l, s)``; bools are True where a query looks, and floating point is
            added to the scores.
        causal: whether a query looks only at what is not after it. The last query is at the last key.
        scale: default ``1 / sqrt(d)``.

    Returns:
        ``(..., h, l, features)``.

    Raises:
        ShapeError: shapes that do not fit together.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> x = eerie.asarray([[[1.0, 0.0], [0.0, 1.0]]])
    >>> nn.attention(x, x, x, causal=True)[0, 0]
    Array([1., 0.], dtype=float32, device=cpu)
    """
    _check(query, key, value)
    *front, heads, length, size = query.shape
    shared, seen = key.shape[-3:-1]
    grouped = heads != shared
    if grouped:
        query = eerie.reshape(query, (*front, shared, heads // shared, length, size))
    letters = "kgl" if grouped else "kl"
    scores = eerie.einsum(f"...{letters}d,...ksd->...{letters}s", query, key)
    scores = scores * (1 / math.sqrt(size) if scale is None else scale)
    if grouped:
        scores = eerie.reshape(scores, (*front, heads, length, seen))
    if causal:
        visible = eerie.arange(seen) <= eerie.arange(length)[:, None] + (seen - length)
        scores = eerie.where(visible, scores, -math.inf)
    if mask is not None:
        scores = _masked(scores, mask)
    weights = eerie.softmax(scores)
    if grouped:
        weights = eerie.reshape(weights, (*front, shared, heads // shared, length, seen))
    mixed = eerie.einsum(f"...{letters}s,...ksd->...{letters}d", weights, value)
    return eerie.reshape(mixed, (*front, heads, length, value.shape[-1])) if grouped else mixed


def _masked(scores: Array, mask: Array) -> Array:
    sizes = (1,) * (scores.ndim - mask.ndim) + mask.shape
    if len(sizes) != scores.ndim or any(m not in (1, n) for m, n in zip(sizes, scores.shape, strict=True)):
        raise ShapeError(
            f"attention with scores {describe(scores)} and a mask of {describe(mask)}",
            hint="the mask broadcasts to (..., heads, queries, keys)",
        )
    if eerie.isdtype(mask.dtype, "bool"):
        return eerie.where(mask, scores, -math.inf)
    return scores + eerie.astype(mask, scores.dtype)


def _check(query: Array, key: Array, value: Array) -> None:
    fits = (
        min(query.ndim, key.ndim, value.ndim) >= 3
        and query.shape[-1] == key.shape[-1]
        and key.shape[:-1] == value.shape[:-1]
        and query.shape[:-3] == key.shape[:-3]
    )
    if not fits:
        raise ShapeError(
            f"attention of query {describe(query)}, key {describe(key)} and value {describe(value)}",
            hint="shape them (..., heads, length, features): queries and keys of the same features, keys and values of "
            "the same heads and length",
        )
    if query.shape[-3] % key.shape[-3]:
        raise ShapeError(
            f"attention of {query.shape[-3]} query heads with {key.shape[-3]} key heads",
            hint="the number of query heads is a multiple of that of key heads",
        )


@module
class KVCache:
    """Keys and values of the tokens so far, with room for more. Its shapes never change, nor does what is compiled.

    Attributes:
        keys: ``(n, k, room, d)``, of which the first ``length`` are in use.
        values: the same.
        length: 0-d int32.
    """

    keys: Array
    values: Array
    length: Array

    @classmethod
    def init(cls, batch: int, heads: int, room: int, features: int, *, dtype: DType = eerie.float32) -> KVCache:
        """An empty cache.

        Raises:
            ArgumentError: a size that is not an integer above 0.

        >>> from eerie_dsl import nn
        >>> nn.KVCache.init(1, 8, 512, 64)
        KVCache(keys=f32[1,8,512,64], values=f32[1,8,512,64], length=i32[])
        """
        positive(batch=batch, heads=heads, room=room, features=features)
        shape = (batch, heads, room, features)
        # Two arrays: both are donated.
        keys, values = eerie.zeros(shape, dtype=dtype), eerie.zeros(shape, dtype=dtype)
        return cls(keys, values, eerie.asarray(0, dtype=eerie.int32))

    def append(self, keys: Array, values: Array) -> KVCache:
        """The cache with the keys and values of more tokens, both ``(n, k, tokens, d)``.

        Raises:
            ShapeError: more tokens than there is room, or other sizes than those of the cache.
        """
        for name, new, old in (("keys", keys, self.keys), ("values", values, self.values)):
            if new.ndim != 4 or (*new.shape[:2], new.shape[3]) != (*old.shape[:2], old.shape[3]):
                raise ShapeError(f"{name} of {describe(new)} for a cache of {describe(old)}")
            if new.shape[2] > old.shape[2]:
                raise ShapeError(f"{new.shape[2]} tokens for a cache with room for {old.shape[2]}")
        start = (0, 0, self.length, 0)
        return KVCache(
            eerie.dynamic_update(self.keys, eerie.astype(keys, self.keys.dtype), start),
            eerie.dynamic_update(self.values, eerie.astype(values, self.values.dtype), start),
            self.length + eerie.asarray(keys.shape[2], dtype=eerie.int32),
        )


@module
class MultiHeadAttention:
    """Attention between the tokens of sequences, or from them to other ones.

    Vaswani et al., Attention is all you need, 2017; see `attention`.

    Attributes:
        query: ``(h * d, features)``.
        key: ``(k * d, features)``.
        value: ``(k * d, features)``.
        output: ``(features, h * d)``.
        heads: number of heads ``h``.
        kv_heads: number of heads ``k`` of keys and values.
        causal: whether a token looks only at itself and those before.
        rotary: turns queries and keys by their positions, or None.

    >>> import eerie_dsl as eerie
    >>> from eerie_dsl import nn
    >>> layer = nn.MultiHeadAttention.init(eerie.random.key(0), 64, heads=4, causal=True)
    >>> x = eerie.ones((1, 3, 64))
    >>> layer(x).shape
    (1, 3, 64)
    >>> cache = layer.cache(1, 16)
    >>> first, cache = layer(x[:, :2], cache=cache)
    >>> last, cache = layer(x[:, 2:], cache=cache)
    >>> int(cache.length)
    3
    """

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    heads: int = static()
    kv_heads: int = static()
    causal: bool = static(default=False)
    rotary: RotaryEmbedding | None = None

    @classmethod
    def init(
        cls,
        key: Array,
        features: int,
        *,
        heads: int,
        kv_heads: int | None = None,
        causal: bool = False,
        rotary: RotaryEmbedding | None = None,
        bias: bool = True,
        dtype: DType = eerie.float32,
        weight_init: Initializer = xavier_uniform,
    ) -> MultiHeadAttention:
        """A new layer.

        Args:
            key: of `eerie.random`.
            features: of a token.
            heads: number of heads, each of ``features / heads`` features.
            kv_heads: number of heads of keys and values, by which ``heads`` is divided among them; default: as many.
            causal: whether a token looks only at itself and those before.
            rotary: turns queries and keys by their positions.
            bias: whether the four linear layers have one.
            dtype: of the parameters.
            weight_init: gives the four weights.

        Raises:
            ArgumentError: sizes that are not integers above 0, or not multiples.

        >>> import eerie_dsl as eerie
        >>> from eerie_dsl import nn
        >>> layer = nn.MultiHeadAttention.init(eerie.random.key(0), 64, heads=4, kv_heads=2)
        >>> layer.key
        Linear(weight=f32[32,64], bias=f32[32])
        """
        kv_heads = heads if kv_heads is None else kv_heads
        positive(features=features, heads=heads, kv_heads=kv_heads)
        if features % heads or heads % kv_heads:
            raise ArgumentError(
                f"MultiHeadAttention of {features} features with heads={heads}, kv_heads={kv_heads}",
                hint="features are a multiple of heads, and heads of kv_heads",
            )
        shared = features // heads * kv_heads
        query, keys, value, output = (
            Linear.init(k, features, size, bias=bias, dtype=dtype, weight_init=weight_init)
            for k, size in zip(eerie.random.split(key, 4), (features, shared, shared, features), strict=True)
        )
        return cls(query, keys, value, output, heads, kv_heads, causal, rotary)

    def cache(self, batch: int, room: int, *, dtype: DType | None = None) -> KVCache:
        """An empty cache for ``batch`` sequences of up to ``room`` tokens; the dtype is that of the weights."""
        size = self.key.weight.shape[0] // self.kv_heads
        return KVCache.init(batch, self.kv_heads, room, size, dtype=dtype or self.key.weight.dtype)

    @overload
    def __call__(self, x: Array, *, context: Array | None = None, mask: Array | None = None) -> Array: ...
    @overload
    def __call__(self, x: Array, *, mask: Array | None = None, cache: KVCache) -> tuple[Array, KVCache]: ...
    def __call__(
        self,
        x: Array,
        *,
        context: Array | None = None,
        mask: Array | None = None,
        cache: KVCache | None = None,
    ) -> Array | tuple[Array, KVCache]:
        """``(n, l, features)`` to the same; with a cache, that and the next cache.

        Args:
            x: the tokens that look.
            context: ``(n, s, features)``, the tokens that are looked at; default: ``x``.
            mask: a shape that broadcasts to ``(n, h, l, s)``, as of `attention`; with a cache, s is its room.
            cache: of the tokens before ``x``. The tokens come after them, and look at them too. Where there is no room
                for them, the result is NaN.

        Raises:
            ShapeError: shapes that do not fit together.
            ArgumentError: a cache without ``causal``, or together with ``context``.
        """
        if x.ndim != 3:
            raise ShapeError(f"x of {describe(x)}", hint="shape it (batch, length, features)")
        other = x if context is None else context
        query = self._split(self.query(x), self.heads)
        key, value = self._split(self.key(other), self.kv_heads), self._split(self.value(other), self.kv_heads)
        if cache is None:
            if self.rotary is not None:
                query, key = self.rotary(query), self.rotary(key)
            return self._joined(attention(query, key, value, mask, self.causal))
        if not self.causal or context is not None:
            raise ArgumentError(
                "a KVCache is for tokens that look only at those before them",
                hint="make the layer with causal=True, and call it without context",
            )
        places = cache.length + eerie.arange(x.shape[1], dtype=eerie.int32)
        if self.rotary is not None:
            query, key = self.rotary(query, places), self.rotary(key, places)
        cache = cache.append(key, value)
        room = cache.keys.shape[2]
        visible = eerie.arange(room, dtype=eerie.int32) <= places[:, None]
        if mask is None:
            mask = visible
        else:
            mask = visible & mask if eerie.isdtype(mask.dtype, "bool") else eerie.where(visible, mask, -math.inf)
        mixed = attention(query, cache.keys, cache.values, mask)
        return self._joined(eerie.where(cache.length <= room, mixed, math.nan)), cache

    def _split(self, x: Array, heads: int) -> Array:
        n, length, features = x.shape
        return eerie.moveaxis(eerie.reshape(x, (n, length, heads, features // heads)), 1, 2)

    def _joined(self, x: Array) -> Array:
        n, heads, length, size = x.shape
        return self.output(eerie.reshape(eerie.moveaxis(x, 2, 1), (n, length, heads * size)))
