"""Linear algebra: the extension of the Array API standard, and what NumPy users expect beside it.

Norms, powers and products are compiled with their surroundings, and so are `cholesky`, `det`, `inv`, `slogdet` and
`solve` inside traced functions and derivatives. Other factorisations, and what is built on them, run in NumPy and need
values: outside of traced functions.
"""

from eerie_dsl.api.functions.contraction import matmul, outer, tensordot, vecdot
from eerie_dsl.api.functions.linalg import (
    cross,
    matrix_norm,
    matrix_power,
    multi_dot,
    norm,
    trace,
    vector_norm,
)
from eerie_dsl.api.functions.linalg_equations import SlogdetResult, cholesky, det, inv, slogdet, solve
from eerie_dsl.api.functions.linalg_host import (
    EighResult,
    EigResult,
    LstsqResult,
    QRResult,
    SVDResult,
    cond,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    lstsq,
    matrix_rank,
    pinv,
    qr,
    svd,
    svdvals,
)
from eerie_dsl.api.functions.shape import diagonal, matrix_transpose

__all__ = [
    "EigResult",
    "EighResult",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
