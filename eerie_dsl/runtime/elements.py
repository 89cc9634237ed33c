"""Element types as the runtime names them."""

from __future__ import annotations

from eerie_dsl.ir import dtypes
from eerie_dsl.ir.dtypes import DType
from eerie_dsl.runtime.device import binding

_Types = binding.HalElementType
ELEMENT_TYPES: dict[DType, int] = {
    dtypes.bool_: int(_Types.BOOL_8),
    dtypes.int8: int(_Types.SINT_8),
    dtypes.int16: int(_Types.SINT_16),
    dtypes.int32: int(_Types.SINT_32),
    dtypes.int64: int(_Types.SINT_64),
    dtypes.uint8: int(_Types.UINT_8),
    dtypes.uint16: int(_Types.UINT_16),
    dtypes.uint32: int(_Types.UINT_32),
    dtypes.uint64: int(_Types.UINT_64),
    dtypes.float16: int(_Types.FLOAT_16),
    dtypes.bfloat16: int(_Types.BFLOAT_16),
    dtypes.float32: int(_Types.FLOAT_32),
    dtypes.float64: int(_Types.FLOAT_64),
    dtypes.complex64: int(_Types.COMPLEX_64),
    dtypes.complex128: int(_Types.COMPLEX_128),
}
