"""Einstein summation and matrix products over nodes: every one of them a few `dot`s, products and sums."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

import numpy as np

from eerie_dsl.errors import DTypeError, ShapeError
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.ir.graph import Node
from eerie_dsl.ops.arithmetic import multiply
from eerie_dsl.ops.composite.promotion import as_dtype, result_dtype
from eerie_dsl.ops.contraction import dot
from eerie_dsl.ops.reduction import reduce_sum
from eerie_dsl.ops.shape import broadcast, reshape, slice, transpose

Term = tuple[Node, str]
"""An operand and one letter for each of its axes."""


def einsum(spec: str, *operands: Node, dtype: DType | None = None) -> Node:
    """Sum of products of ``operands``, written in the notation of Einstein that `numpy.einsum` takes.

    Each operand's axes get letters in ``spec``; axes with one letter are the same index. With ``->`` the letters
    after it are the result's axes and all others are summed over; without it the result has the letters that
    occur once, in alphabetical order. ``...`` stands for axes that broadcast. Axes of size 1 broadcast.
    Several operands are contracted two at a time, in the order that costs least by a greedy search.

    Args:
        spec: such as ``"bqhd,bkhd->bhqk"``.
        operands: promoted to one dtype; not bool.
        dtype: of sums and result; by default that of the operands.

    Raises:
        ShapeError: the letters do not fit the operands.
        DTypeError: the operands are bool.
    """
    terms, result = _parse(spec, operands)
    kind = _common("einsum", operands)
    total = dtype or kind
    sizes = _sizes(spec, terms)
    work = [_diagonal(_squeezed((as_dtype(x, kind), letters), sizes)) for x, letters in terms]
    for step in _order(work, result):
        chosen = [work[i] for i in step]
        work = [t for i, t in enumerate(work) if i not in step]
        term = chosen[0]
        for k, other in enumerate(chosen[1:], 2):
            kept = result + "".join(letters for _, letters in (*work, *chosen[k:]))
            term = _product(term, other, result, kept, total)
        work.append(term)
    x, letters = _summed(work[0], result, total)
    return _arranged((as_dtype(x, total), letters), result)[0]


def matmul(lhs: Node, rhs: Node, *, dtype: DType | None = None) -> Node:
    """Matrix product of the last two axes; the axes before them broadcast. A 1-d operand is a row or a column.

    Args:
        lhs: shape ``(..., m, k)`` or ``(k,)``.
        rhs: shape ``(..., k, n)`` or ``(k,)``.
        dtype: of sums and result; by default that to which the operands promote.

    Raises:
        ShapeError: a 0-d operand, or shapes that do not fit.
    """
    if lhs.ndim == 0 or rhs.ndim == 0:
        raise ShapeError(f"matmul of {lhs.aval} and {rhs.aval}: operands need an axis", hint="use * with a scalar")
    depth, other = lhs.shape[-1], rhs.shape[-2 if rhs.ndim > 1 else -1]
    if depth != other:
        raise ShapeError(
            f"matmul of {lhs.aval} and {rhs.aval}: the first has {depth} columns, the second {other} rows",
            hint="transpose one operand so that the inner sizes agree",
        )
    _common("matmul", (lhs, rhs))
    left = "" if lhs.ndim == 1 else "m"
    right = "" if rhs.ndim == 1 else "n"
    try:
        return einsum(f"...{left}k,...k{right}->...{left}{right}", lhs, rhs, dtype=dtype)
    except ShapeError as error:
        raise ShapeError(
            f"matmul of {lhs.aval} and {rhs.aval}: the axes before the last two do not broadcast"
        ) from error


def _common(op: str, operands: Sequence[Node]) -> DType:
    kind = result_dtype(*operands)
    if kind.kind == "bool":
        raise DTypeError(f"{op} does not take bool", hint="cast to an integer dtype first")
    return kind


def _parse(spec: str, operands: Sequence[Node]) -> tuple[list[Term], str]:
    """The operands with their letters, ellipses spelled out, and the letters of the result."""
    left, arrow, result = spec.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise ShapeError(f"einsum {spec!r} is about {len(parts)} operands, got {len(operands)}")
    for part in (*parts, result):
        names = part.replace("...", "", 1)
        if not all(c in ascii_letters for c in names):
            raise ShapeError(f"einsum {spec!r}: {part!r} is not letters with at most one '...'")
    named = {c for part in (*parts, result) for c in part if c != "."}
    unnamed = [c for c in ascii_letters if c not in named]
    widest = 0
    for part, x in zip(parts, operands, strict=True):
        extra = x.ndim - len(part.replace("...", ""))
        if extra < 0 or (extra > 0 and "..." not in part):
            raise ShapeError(f"einsum {spec!r}: {part!r} does not name the {x.ndim} axes of {x.aval}")
        widest = max(widest, extra)
    if widest > len(unnamed):
        raise ShapeError(f"einsum {spec!r} needs more than {len(ascii_letters)} letters")
    dots = "".join(unnamed[:widest])
    terms = []
    for part, x in zip(parts, operands, strict=True):
        extra = x.ndim - len(part.replace("...", ""))
        terms.append((x, part.replace("...", dots[widest - extra :])))
    if not arrow:
        letters = "".join(parts)
        once = sorted(c for c in named if letters.count(c) == 1)
        return terms, dots + "".join(once)
    if "..." not in result and dots:
        raise ShapeError(f"einsum {spec!r} drops the axes of '...'", hint="write '...' after -> as well")
    result = result.replace("...", dots)
    unknown = set(result) - {c for _, letters in terms for c in letters}
    if unknown or len(set(result)) < len(result):
        raise ShapeError(f"einsum {spec!r}: each letter after -> must occur once there, and before it")
    return terms, result


def _sizes(spec: str, terms: Sequence[Term]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for x, letters in terms:
        for c, n in zip(letters, x.shape, strict=True):
            if sizes.setdefault(c, n) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                types = " and ".join(str(t.aval) for t, _ in terms)
                raise ShapeError(f"einsum {spec!r} of {types}: index {c!r} has {sizes[c]} elements and {n}")
    return sizes


def _squeezed(term: Term, sizes: dict[str, int]) -> Term:
    """Axes of size 1 that broadcast against another operand's are left out."""
    x, letters = term
    kept = tuple(k for k, c in enumerate(letters) if x.shape[k] == sizes[c])
    if len(kept) == x.ndim:
        return term
    return reshape(x, shape=tuple(x.shape[k] for k in kept)), "".join(letters[k] for k in kept)


def _diagonal(term: Term) -> Term:
    """Axes that share a letter become one."""
    x, letters = term
    for c in sorted(set(letters)):
        while letters.count(c) > 1:
            i = letters.index(c)
            j = letters.index(c, i + 1)
            n = x.shape[i]
            rest = tuple(k for k in range(x.ndim) if k not in (i, j))
            before = tuple(x.shape[k] for k in rest)
            flat = reshape(transpose(x, axes=(*rest, i, j)), shape=(*before, n * n))
            zeros, ones = (0,) * len(rest), (1,) * len(rest)
            x = slice(flat, starts=(*zeros, 0), stops=flat.shape, strides=(*ones, n + 1))
            letters = "".join(letters[k] for k in rest) + c
    return x, letters


def _order(terms: Sequence[Term], result: str) -> list[tuple[int, ...]]:
    """Which terms to contract next; what comes of them goes to the end of the list."""
    if len(terms) < 3:
        return [(0, 1)] if len(terms) == 2 else []
    spec = ",".join(letters for _, letters in terms) + "->" + result
    shapes = [np.broadcast_to(np.float32(0), x.shape) for x, _ in terms]
    _, *steps = np.einsum_path(spec, *shapes, optimize="greedy")[0]
    return [tuple(sorted(int(i) for i in step)) for step in steps]


def _summed(term: Term, kept: str, dtype: DType) -> Term:
    """Indices that nothing needs any more are summed over."""
    x, letters = term
    axes = tuple(k for k, c in enumerate(letters) if c not in kept)
    if not axes:
        return term
    return reduce_sum(as_dtype(x, dtype), axes=axes), "".join(c for c in letters if c in kept)


def _product(lhs: Term, rhs: Term, result: str, kept: str, dtype: DType) -> Term:
    """The product of two terms, summed over the indices that are not among ``kept``."""
    (x, xs), (y, ys) = (_summed(term, kept + other, dtype) for term, other in ((lhs, rhs[1]), (rhs, lhs[1])))
    shared = [c for c in dict.fromkeys(result + xs) if c in xs and c in ys]
    summed = [c for c in shared if c not in kept]
    if x.dtype is not y.dtype or not summed:
        x, y = as_dtype(x, dtype), as_dtype(y, dtype)
    if not summed:
        letters = "".join(dict.fromkeys(c for c in result + xs + ys if c in xs + ys))
        return multiply(_spread((x, xs), (y, ys), letters), _spread((y, ys), (x, xs), letters)), letters
    both = [c for c in shared if c in kept]
    rows, columns = ([c for c in own if c not in shared] for own in (xs, ys))
    if result == "".join((*both, *columns, *rows)):
        (x, xs), (y, ys), (rows, columns) = (y, ys), (x, xs), (columns, rows)
    contract, batch = ((tuple(map(xs.index, chosen)), tuple(map(ys.index, chosen))) for chosen in (summed, both))
    return dot(x, y, contract=contract, batch=batch, dtype=dtype), "".join((*both, *rows, *columns))


def _spread(term: Term, other: Term, letters: str) -> Node:
    """The term repeated along the axes that only the other one has."""
    x, own = _arranged(term, "".join(c for c in letters if c in term[1]))
    sizes = dict(zip(other[1], other[0].shape, strict=True)) | dict(zip(own, x.shape, strict=True))
    shape = tuple(sizes[c] for c in letters)
    return x if x.shape == shape else broadcast(x, shape=shape, axes=tuple(map(letters.index, own)))


def _arranged(term: Term, letters: str) -> Term:
    """The term with its axes in the order of ``letters``."""
    x, own = term
    return (x if own == letters else transpose(x, axes=tuple(map(own.index, letters)))), letters
