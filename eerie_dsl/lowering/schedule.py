"""How contractions are laid out and tiled on CPUs where the compiler's own choice is slow.

Each rule says what it was measured to gain: IREE 3.13, two cores of an AVX-512 x86-64 machine, float32, best of
interleaved runs. Vector tiles that do not divide the sizes are slower than no tiles at all, so no rule has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from iree.compiler import ir

from eerie_dsl.ir.dtypes import DType, bfloat16, float16, float32, int8, int32, uint8

Axes = tuple[int, ...]

PANEL = 32
"""Columns that lie together in a packed matrix."""

BYTES = (int8, uint8)
"""Dtypes of which float32 adds up some hundred products without rounding."""


class Tiles(NamedTuple):
    """For each loop: elements per workgroup, per step of the parallel loops, per step of the reduction; 0 is all."""

    distribution: Axes
    parallel: Axes
    reduction: Axes

    def attribute(self, *, peeled: bool = False) -> ir.Attribute:
        """What the operation carries as ``compilation_info``; where steps do not divide a loop, its rest is ``peeled``
        off, or else all of its steps are masked."""
        sizes = (
            f"distribution = {list(self.distribution)}, vector_common_parallel = {list(self.parallel)}, "
            f"vector_reduction = {list(self.reduction)}"
        )
        return ir.Attribute.parse(
            f"#iree_codegen.compilation_info<lowering_config = #iree_cpu.lowering_config<{sizes}>, "
            "translation_info = #iree_codegen.translation_info<pipeline = #iree_cpu.pipeline<DoubleTilingExpert>"
            f"{', {enable_loop_peeling}' if peeled else ''}>>"
        )


class Product(NamedTuple):
    """A matrix product ``out[m, n] = sum(x[m, k] * w)`` as its kernel sees it; ``m`` is 0 where there are no rows.

    ``w`` is stored ``(n, k)``, as the weights of a linear layer are, when ``transposed``, else ``(k, n)``. ``x`` is
    stored ``(k, m)``, as in the gradient of weights, when ``flipped``. With a ``batch``, all three have it in front.
    ``narrow`` operands become float32 first.
    """

    m: int
    n: int
    k: int
    transposed: bool
    flipped: bool = False
    batch: int = 0
    narrow: bool = False


def recognised(
    sizes: Sequence[int], x: Axes, w: Axes, out: Axes, dtype: DType, operands: DType | None = None
) -> Product | None:
    """The product that these loops are, if there are rules for it; operands and result read at the loops given.

    ``operands`` of another dtype than the result's are narrow. Of whole numbers only `strips` add up so few at a time
    that nothing is rounded.
    """
    p = _recognised(sizes, x, w, out)
    if p is None or operands in (None, dtype):
        return p if dtype is float32 else None
    p = p._replace(narrow=True)
    if dtype is float32:
        fits = operands in (float16, bfloat16)
    else:
        fits = dtype is int32 and operands in BYTES and _in_strips(p)
    return p if fits and widened(p) else None


def _recognised(sizes: Sequence[int], x: Axes, w: Axes, out: Axes) -> Product | None:
    if len(sizes) == 2 and (x, out) == ((1,), (0,)) and w in ((0, 1), (1, 0)):
        return Product(0, sizes[0], sizes[1], transposed=w == (0, 1))
    if len(sizes) == 3 and (x, out) == ((0, 2), (0, 1)) and w in ((1, 2), (2, 1)):
        return Product(sizes[0], sizes[1], sizes[2], transposed=w == (1, 2))
    if len(sizes) == 3 and (x, w, out) == ((2, 0), (2, 1), (0, 1)):
        return Product(sizes[0], sizes[1], sizes[2], transposed=False, flipped=True)
    if len(sizes) == 4 and x in ((0, 1, 3), (0, 3, 1)) and (w, out) == ((0, 3, 2), (0, 1, 2)):
        return Product(sizes[1], sizes[2], sizes[3], transposed=False, flipped=x == (0, 3, 1), batch=sizes[0])
    if len(sizes) == 4 and (x, w, out) == ((0, 1, 3), (0, 2, 3), (0, 1, 2)):
        return Product(sizes[1], sizes[2], sizes[3], transposed=True, batch=sizes[0])
    return None


def widened(p: Product) -> bool:
    """Whether narrow operands become float32 in front: in each product, they take the compiler half the time. On one
    core, in bfloat16: 1024x1024x1024 from 23.6 to 10.9 ms, 128x512x512 from 0.51 to 0.32, 32x512x512 from 0.14 to
    0.10; of 4 rows from 22 to 38 us."""
    return p.m >= 32 and p.k * p.n > 1 << 12


def layout(p: Product) -> Literal["as it is", "strips", "rows", "panels"]:
    """How the matrix is read: where it lies, in `strips`, or from a copy as ``(k, n)`` or in panels of `PANEL` columns.

    With a bias, from ``(n, k)``: as ``(k, n)`` 4096x384x384 went from 7.8 to 2.9 ms, 4096x1536x384 from 21.7 to 14.8,
    4096x384x1536 from 13.9 to 11.7 (in panels 3.1, 20.1, 12.6, as the bias is then a kernel of its own). Panels
    win for matrices of a million elements times more than that: 2048x2048x2048, on one core, takes 93 ms in panels and
    127 in strips.
    """
    if _in_strips(p):
        return "strips"
    if p.m < 256 or p.m % 8 or p.n % PANEL or p.flipped or p.batch:
        return "as it is"
    if p.k * p.n >= _LARGE:
        return "panels"
    return "rows" if p.transposed else "as it is"


_LARGE = 1 << 20


def _in_strips(p: Product) -> bool:
    """Whether to read the matrix in `strips`; a bias is then a kernel of its own. On one core:

    Rows that are no multiple of 8 have no tiles: 196x1024x256 went from 0.84 to 0.48 ms, 49x4608x512 from 3.4 to 1.4,
    1001x1024x1024 from 41 to 9.5. From ``(n, k)``, fewer than `layout` copies the matrix for: 128x3072x768 from 6.1 to
    2.9, 128x384x384 from 0.19 to 0.17, 32x3072x768 from 1.44 to 0.8; for each of a batch, 12x128x64x128 from 0.146 to
    0.117, 12x512x64x512 from 2.4 to 1.8. Large matrices, compared with panels: 1024x1024x1024 from 11.3 to 10.0, with
    a bias 256x1024x4096 from 16.3 to 11.1; as they are, 128x768x3072 from 3.9 to 2.9. Narrow ones are not copied then.
    """
    if p.m <= 16 or p.n % PANEL or p.flipped or (p.transposed and p.k % 16):
        return False
    if p.narrow:
        return True
    if p.batch:
        return p.transposed and p.m >= 64
    if p.m % 8 or (p.transposed and p.m < 256):
        return True
    return p.m >= 64 and p.k * p.n >= _LARGE >= p.m * p.k


def strip_rows(p: Product) -> int:
    """Rows that are multiplied with a strip at a time: with two vectors for each, they stay in 32 registers."""
    return _divisor(p.m, (8, 7, 6, 5)) or min(p.m, 8)


def panel_tiles(p: Product) -> Tiles:
    """Tiles for the loops rows, panels, columns of a panel, sum."""
    return Tiles((_divisor(p.m, (64, 32, 16, 8)), 1, 0, 0), (8, 1, PANEL, 0), (0, 0, 0, 1))


def tiles(p: Product) -> Tiles | None:
    """Tiles for a product in place."""
    if p.batch:
        return None if p.transposed else _batched_tiles(p)
    if p.flipped:
        return _flipped_tiles(p)
    if p.transposed:
        return _transposed_tiles(p) if p.m else _dots_tiles(p)
    return _vector_tiles(p) if p.m == 0 else _few_rows_tiles(p) if p.m <= 16 else _rows_tiles(p)


def _vector_tiles(p: Product) -> Tiles | None:
    """A vector times ``(k, n)``: the compiler reads one vector of each row of the matrix, and most of its cache lines
    in vain. 768x3072 from 221 to 80 us, 2048x2048 from 697 to 142, 4096x4096 from 12160 to 1340."""
    width = _divisor(p.n, (256, 128))
    return Tiles((width, 0), (width, 0), (0, 1 if width == 256 else 4)) if width else None


def _dots_tiles(p: Product) -> Tiles | None:
    """``(n, k)`` times a vector, four accumulators for each row. On one core, 512x512 from 22 to 13 us, 2048x2048 from
    322 to 206, 1000x2048 from 392 to 78, 4096x4096 from 2640 to 1930."""
    return Tiles((max(p.n // 16, 1), 0), (1, 0), (0, 64)) if p.k % 64 == 0 else None


def _few_rows_tiles(p: Product) -> Tiles | None:
    """Some rows times ``(k, n)``, likewise. 2048x2048: 2 rows from 697 to 149 us, 4 from 592 to 192, 8 from 648 to
    238, 16 from 1946 to 439."""
    rows = p.m if p.m <= 8 else _divisor(p.m, (8,))
    width = _divisor(p.n, (128, 64) if p.m <= 4 else (64,))
    span = _divisor(p.n, (256, 128, 64))
    return Tiles((p.m, span, 0), (rows, width, 0), (0, 0, 4)) if rows and width else None


def _rows_tiles(p: Product) -> Tiles | None:
    """Many rows times ``(k, n)``. 64x384x384 from 72 to 52 us, 128x384x1536 from 548 to 340, 256x512x512 from 488 to
    302, 4096x384x1536 from 17.5 to 11.6 ms."""
    rows, columns = _divisor(p.m, (64, 32, 16, 8)), _divisor(p.n, (64, 32))
    return Tiles((rows, columns, 0), (8, 32, 0), (0, 0, 1)) if rows and columns else None


def _flipped_tiles(p: Product) -> Tiles | None:
    """``(k, m)`` times ``(k, n)``: the gradient of weights, on one core. 1024 rows, 256x256 from 1.27 to 0.66 ms.

    Rows of the first operand that are 4096 bytes apart fall into the same few lines of the cache, so its columns are
    read in tiles as wide as a line: 1024 rows, 1024x256 from 4.3 to 3.4 ms. Columns that are no multiple of 32:
    128 rows, 512x784 from 965 to 514 us. Ten columns: 128 rows, 512x10 from 21 to 14 us, ten rows 19 to 11.
    """
    if p.m <= 16 and p.n % 32 == 0:
        return Tiles((p.m, 32, 0), (p.m, 32, 0), (0, 0, 1))
    if p.m % 16 == 0 and p.n < 32:
        return Tiles((_divisor(p.m, (32, 16)), p.n, 0), (16, p.n, 0), (0, 0, 1))
    if p.m % 1024 == 0 and p.n % 32 == 0 and p.k >= 512:
        return Tiles((32, 32, 0), (16, 32, 0), (0, 0, 1))
    rows, columns = _divisor(p.m, (32, 16, 8)), _divisor(p.n, (64, 32))
    if rows and columns:
        return Tiles((rows, columns, 0), (8, 32, 0), (0, 0, 1))
    rows, columns = _divisor(p.m, (64, 32, 16)), _divisor(p.n, (112, 80, 48, 16))
    return Tiles((rows, columns, 0), (16, 16, 0), (0, 0, 1)) if rows and columns else None


def _batched_tiles(p: Product) -> Tiles | None:
    """Rows, or columns, times ``(k, n)`` for each of a batch: attention's products with 64 times 128x128 and 128x32
    from 0.37 to 0.29 ms on one core."""
    rows, columns = _divisor(p.m, (128, 64, 32, 16, 8)), _divisor(p.n, (64, 32))
    return Tiles((1, rows, columns, 0), (1, 8, 32, 0), (0, 0, 0, 1)) if rows and columns else None


def _transposed_tiles(p: Product) -> Tiles | None:
    """Rows times ``(n, k)`` that are not read in `strips`; with 8 rows or fewer the compiler's choice is better."""
    fits = 16 <= p.m <= 128 and p.m % 16 == 0 and p.n % 16 == 0 and p.k % 16 == 0
    rows, columns = _divisor(p.m, (64, 16)), _divisor(p.n, (64, 16))
    return Tiles((rows, columns, 0), (16, 16, 0), (0, 0, 16)) if fits else None


def _divisor(size: int, widths: Sequence[int]) -> int:
    return next((w for w in widths if size % w == 0), 0)
