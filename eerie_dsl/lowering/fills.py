"""Tensors that one number fills, and constants that IREE cannot hold as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from iree.compiler import ir
from iree.compiler.dialects import linalg, tensor

from eerie_dsl.ir.aval import Aval
from eerie_dsl.ir.dtypes import DType, complex128, float32, float64, real_part
from eerie_dsl.lowering.scalar import ScalarEmitter
from eerie_dsl.lowering.values import Tensor, tensor_type

if TYPE_CHECKING:
    from eerie_dsl.lowering.builder import Builder


def filled(b: Builder, out: Aval, number: Any, *, own: bool = False) -> ir.Value:
    """A fresh tensor filled with a number.

    Args:
        b: the builder.
        out: its type.
        number: its elements.
        own: never the same memory as another one with the same number. IREE makes one of equal fills, and when two
            slices are inserted into it, each finds the other's elements there too.
    """
    if out.dtype is complex128 or (own and out.dtype.kind == "complex"):
        part = Aval((), real_part(out.dtype))
        numbers = [_scalar(b, part.dtype, p, own=own) for p in (complex(number).real, complex(number).imag)]
        operands = [(Tensor(part, tensor.from_elements(tensor_type(part), [n])), ()) for n in numbers]
        return b.generic(out, out.shape, operands, tuple(range(out.ndim)), lambda s, re, im: s.complex(re, im)).value
    if own and out.dtype.kind == "float" and out.dtype.bits == 16:  # the program around the kernels has no such numbers
        wide = Aval((), float32)
        operand = Tensor(wide, tensor.from_elements(tensor_type(wide), [_scalar(b, float32, number, own=own)]))
        axes = tuple(range(out.ndim))
        return b.generic(out, out.shape, [(operand, ())], axes, lambda s, element: s.cast(element, out.dtype)).value
    return linalg.fill(_scalar(b, out.dtype, number, own=own), outs=[b.empty(out)])


def dense_complex128(b: Builder, out: Aval, array: np.ndarray[Any, Any]) -> Tensor:
    """A constant of complex128: IREE's compiler crashes on constants of 128 bits."""
    part = Aval(array.shape, float64)
    dims = tuple(None if n == 1 else a for a, n in enumerate(array.shape))
    parts = [(b.dense(part, np.ascontiguousarray(p)), dims) for p in (array.real, array.imag)]
    return b.generic(out, out.shape, parts, tuple(range(out.ndim)), lambda s, re, im: s.complex(re, im))


def _scalar(b: Builder, dtype: DType, number: Any, *, own: bool) -> ir.Value:
    value = ScalarEmitter(b.sizes).constant(number, dtype).value
    if not own:
        return value
    return ir.Operation.create("util.optimization_barrier", [value.type], [value]).result
