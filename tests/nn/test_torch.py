"""Layers and losses against PyTorch's: values and gradients, over shapes, options and dtypes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import eerie_dsl as eerie
from eerie_dsl import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("interpreted")]

RNG = np.random.default_rng(10)
TOLERANCES: dict[str, Any] = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-11, "atol": 1e-12}}
KEY = eerie.random.key(0)

Case = tuple[str, Callable[..., Any], Callable[..., Any], tuple[Any, ...]]
"""A name, the function here and there, and its operands, of which the floating point ones move."""


def normal(*shape: Any) -> Any:
    return RNG.normal(size=shape)


def choices(**options: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*options.values()):
        yield dict(zip(options, values, strict=True))


def linear() -> Iterator[Case]:
    for shape in ((3,), (4, 3), (2, 4, 3)):
        yield f"linear {shape}", lambda x, w, b: nn.Linear(w, b)(x), F.linear, (normal(*shape), normal(5, 3), normal(5))
        yield f"linear {shape} no bias", lambda x, w: nn.Linear(w)(x), F.linear, (normal(*shape), normal(5, 3))
    for shape in ((4,), (2, 3)):
        tokens = RNG.integers(0, 7, shape)
        yield f"embedding {shape}", lambda t, w: nn.Embedding(w)(t), F.embedding, (tokens, normal(7, 3))


def activations() -> Iterator[Case]:
    pairs: dict[str, tuple[Any, Any]] = {
        n: (getattr(nn, n), getattr(F, n)) for n in ("relu", "silu", "softplus", "elu", "leaky_relu", "gelu")
    }
    pairs |= {n: (getattr(nn, n), getattr(torch, n)) for n in ("tanh", "sigmoid")}
    pairs |= {n: (getattr(nn, n), lambda x, n=n: getattr(F, n)(x, -1)) for n in ("softmax", "log_softmax")}
    pairs["gelu of tanh"] = (lambda x: nn.gelu(x, approximate=True), lambda x: F.gelu(x, approximate="tanh"))
    for name, (ours, theirs) in pairs.items():
        yield name, ours, theirs, (3 * normal(4, 5),)


def normalization() -> Iterator[Case]:
    for shape, features in (((4,), (4,)), ((3, 4), (4,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4))):
        for eps in (1e-5, 1e-2):
            yield (
                f"layer norm {shape} {features} {eps}",
                lambda x, w, b, eps=eps: nn.LayerNorm(w, b, eps)(x),
                lambda x, w, b, features=features, eps=eps: F.layer_norm(x, features, w, b, eps),
                (normal(*shape), normal(*features), normal(*features)),
            )
            yield (
                f"layer norm {shape} {features} {eps} no bias",
                lambda x, w, eps=eps: nn.LayerNorm(w, eps=eps)(x),
                lambda x, w, features=features, eps=eps: F.layer_norm(x, features, w, None, eps),
                (normal(*shape), normal(*features)),
            )
        yield (
            f"rms norm {shape}",
            lambda x, w: nn.RMSNorm(w, 1e-3)(x),
            lambda x, w: F.rms_norm(x, (4,), w, 1e-3),
            (normal(*shape), normal(4)),
        )
    for sizes, groups in (((3, 4), 2), ((2, 5, 4), 1), ((2, 3, 2, 4), 2), ((2, 3, 2, 4), 4)):
        yield (
            f"group norm {sizes} {groups}",
            lambda x, w, b, groups=groups: nn.GroupNorm(w, b, groups)(x),
            lambda x, w, b, groups=groups: F.group_norm(x.movedim(-1, 1), groups, w, b).movedim(1, -1),
            (normal(*sizes), normal(4), normal(4)),
        )
    for batch, training, momentum in itertools.product(((6, 4), (2, 3, 4), (2, 3, 2, 4)), (True, False), (0.1, 0.5)):
        statistics = (normal(4), normal(4) ** 2)

        def ours(
            x: Any, w: Any, b: Any, training: Any = training, momentum: Any = momentum, kept: Any = statistics
        ) -> Any:
            state = nn.BatchNormState(*(eerie.asarray(s, dtype=x.dtype) for s in kept))
            y, state = nn.BatchNorm(w, b, momentum=momentum)(x, state, training=training)
            return y, state.mean, state.variance

        def theirs(
            x: Any, w: Any, b: Any, training: Any = training, momentum: Any = momentum, kept: Any = statistics
        ) -> Any:
            mean, variance = (torch.tensor(s, dtype=x.dtype) for s in kept)
            y = F.batch_norm(x.movedim(-1, 1), mean, variance, w, b, training, momentum)
            return y.movedim(1, -1), mean, variance

        yield f"batch norm {batch} {training} {momentum}", ours, theirs, (normal(*batch), normal(4), normal(4))


def attention() -> Iterator[Case]:
    for batch, options in itertools.product(
        ((), (2,), (2, 3)), choices(heads=((4, 4), (4, 2), (3, 1)), causal=(False, True), scale=(None, 0.3))
    ):
        heads, shared = options["heads"]
        yield (
            f"attention {batch} {options}",
            lambda q, k, v, o=options: nn.attention(q, k, v, causal=o["causal"], scale=o["scale"]),
            lambda q, k, v, o=options: F.scaled_dot_product_attention(
                q, k, v, is_causal=o["causal"], scale=o["scale"], enable_gqa=True
            ),
            (normal(*batch, heads, 5, 4), normal(*batch, shared, 5, 4), normal(*batch, shared, 5, 6)),
        )
    mask = RNG.random((2, 1, 3, 5)) < 0.7
    mask[..., 0] = True
    operands = (normal(2, 4, 3, 6), normal(2, 4, 5, 6), normal(2, 4, 5, 6))
    yield "attention with a mask", nn.attention, F.scaled_dot_product_attention, (*operands, mask)
    yield "attention with a bias", nn.attention, F.scaled_dot_product_attention, (*operands, normal(4, 3, 5))
    for causal, other in ((False, False), (True, False), (False, True)):

        def ours(x: Any, c: Any, *w: Any, causal: Any = causal, other: Any = other) -> Any:
            q, k, v, o = (nn.Linear(a, b) for a, b in zip(w[::2], w[1::2], strict=True))
            layer = nn.MultiHeadAttention(q, k, v, o, heads=4, kv_heads=4, causal=causal)
            return layer(x, context=c) if other else layer(x)

        def theirs(x: Any, c: Any, *w: Any, causal: Any = causal, other: Any = other) -> Any:
            weight, bias = torch.cat([w[0], w[2], w[4]]), torch.cat([w[1], w[3], w[5]])
            x, c = x.movedim(0, 1), (c if other else x).movedim(0, 1)
            hidden = torch.ones(len(x), len(c), dtype=torch.bool).triu(1) if causal else None
            out, _ = F.multi_head_attention_forward(
                x, c, c, 8, 4, weight, bias, None, None, False, 0.0, w[6], w[7], attn_mask=hidden
            )
            return out.movedim(1, 0)

        weights = tuple(0.4 * normal(*s) for s in ((8, 8), (8,)) * 4)
        yield f"multi head attention {causal} {other}", ours, theirs, (normal(2, 3, 8), normal(2, 5, 8), *weights)


def losses() -> Iterator[Case]:
    for options in choices(
        shape=((6, 4), (2, 3, 4)),
        reduction=("mean", "sum", "none"),
        weighted=(False, True),
        label_smoothing=(0.0, 0.2),
        ignore_index=(None, 1, -100),
    ):
        shape, ignored = options["shape"], options["ignore_index"]
        labels = RNG.integers(0, 4, shape[:-1])
        if ignored is not None:
            labels.flat[1] = ignored
        common = {k: options[k] for k in ("label_smoothing", "reduction")}
        common |= {} if ignored is None else {"ignore_index": ignored}
        weight = RNG.uniform(0.5, 2, 4) if options["weighted"] else None
        yield (
            f"cross entropy {options}",
            lambda x, y=labels, w=weight, c=common: nn.cross_entropy(
                x, eerie.asarray(y), weight=w if w is None else eerie.asarray(w, dtype=x.dtype), **c
            ),
            lambda x, y=labels, w=weight, c=common: F.cross_entropy(
                x.movedim(-1, 1), torch.tensor(y), weight=w if w is None else torch.tensor(w, dtype=x.dtype), **c
            ),
            (3 * normal(*shape),),
        )
    for reduction in ("mean", "sum", "none"):
        how = {"reduction": reduction}
        for name, ours, theirs in (
            ("mse", nn.mse_loss, F.mse_loss),
            ("l1", nn.l1_loss, F.l1_loss),
            ("huber", nn.huber_loss, F.huber_loss),
        ):
            yield (
                f"{name} {reduction}",
                lambda x, y, f=ours, how=how: f(x, y, **how),
                lambda x, y, f=theirs, how=how: f(x, y, **how),
                (2 * normal(4, 3), normal(4, 3)),
            )
        yield (
            f"huber of another delta {reduction}",
            lambda x, y, how=how: nn.huber_loss(x, y, delta=0.3, **how),
            lambda x, y, how=how: F.huber_loss(x, y, delta=0.3, **how),
            (2 * normal(4, 3), normal(4, 3)),
        )
        yield (
            f"binary cross entropy {reduction}",
            lambda x, y, how=how: nn.binary_cross_entropy(x, y, **how),
            lambda x, y, how=how: F.binary_cross_entropy_with_logits(x, y, **how),
            (3 * normal(4, 3), RNG.uniform(size=(4, 3))),
        )
        weight = RNG.uniform(0.5, 2, 3)
        yield (
            f"weighted binary cross entropy {reduction}",
            lambda x, y, w=weight, how=how: nn.binary_cross_entropy(x, y, pos_weight=eerie.asarray(w), **how),
            lambda x, y, w=weight, how=how: F.binary_cross_entropy_with_logits(
                x, y, pos_weight=torch.tensor(w, dtype=x.dtype), **how
            ),
            (3 * normal(4, 3), RNG.uniform(size=(4, 3))),
        )
        yield (
            f"kl divergence {reduction}",
            lambda x, y, how=how: nn.kl_divergence(nn.log_softmax(x), nn.softmax(y), **how),
            lambda x, y, r=reduction: (
                F.kl_div(F.log_softmax(x, -1), F.softmax(y, -1), reduction="none").sum(-1)
                if r == "none"
                else F.kl_div(F.log_softmax(x, -1), F.softmax(y, -1), reduction="batchmean" if r == "mean" else r)
            ),
            (normal(4, 3), normal(4, 3)),
        )
        yield (
            f"cosine {reduction}",
            lambda x, y, how=how: nn.cosine_loss(x, y, **how),
            lambda x, y, r=reduction: getattr(torch, r, lambda a: a)(1 - F.cosine_similarity(x, y)),
            (normal(4, 3), normal(4, 3)),
        )


CASES = [*linear(), *activations(), *normalization(), *attention(), *losses()]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
def test_agrees_with_pytorch(case: Case, dtype: str) -> None:
    _, ours, theirs, operands = case
    arrays = [np.asarray(o) for o in operands]
    arrays = [a.astype(dtype) if a.dtype == np.float64 else a for a in arrays]
    moving = [i for i, a in enumerate(arrays) if a.dtype == dtype]
    tensors = [torch.tensor(a, requires_grad=i in moving) for i, a in enumerate(arrays)]

    want = theirs(*tensors)
    want = want if isinstance(want, tuple) else (want,)
    got = ours(*map(eerie.asarray, arrays))
    got = got if isinstance(got, tuple) else (got,)
    for g, w in zip(got, want, strict=True):
        assert str(g.dtype) == dtype
        np.testing.assert_allclose(g.numpy(), w.detach().numpy(), **TOLERANCES[dtype])

    weights = np.random.default_rng(4).normal(size=tuple(want[0].shape)).astype(dtype)
    (want[0] * torch.tensor(weights)).sum().backward()

    def weighted(*arrays: Any) -> Any:
        found = ours(*arrays)
        return eerie.sum((found[0] if isinstance(found, tuple) else found) * weights)

    gradients = eerie.grad(weighted, argnums=tuple(moving))(*map(eerie.asarray, arrays))
    for i, gradient in zip(moving, gradients, strict=True):
        there = tensors[i].grad
        there = np.zeros_like(arrays[i]) if there is None else there.numpy()
        np.testing.assert_allclose(gradient.numpy(), there, err_msg=f"operand {i}", **TOLERANCES[dtype])


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_has_the_moments_of_pytorchs(rate: float) -> None:
    ours = nn.Dropout(rate)(eerie.ones((300, 300)), key=KEY).numpy()
    theirs = F.dropout(torch.ones(300, 300), rate).numpy()
    assert ours.max() == pytest.approx(theirs.max())
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.02)


@pytest.mark.parametrize("name", ["xavier_normal", "xavier_uniform"])
def test_initializers_have_the_moments_of_pytorchs(name: str) -> None:
    theirs = getattr(torch.nn.init, f"{name}_")(torch.empty(300, 200)).numpy()
    ours = getattr(nn.initializers, name)(KEY, (300, 200)).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)


@pytest.mark.parametrize("mode", ["normal", "uniform"])
def test_he_initializers_have_the_moments_of_pytorchs(mode: str) -> None:
    theirs = getattr(torch.nn.init, f"kaiming_{mode}_")(torch.empty(300, 200), nonlinearity="relu").numpy()
    ours = getattr(nn.initializers, f"he_{mode}")(KEY, (300, 200)).numpy()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
