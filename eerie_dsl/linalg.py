"""Linear algebra: the extension of the Array API standard, and what NumPy users expect beside it.

Norms, powers and products are compiled with their surroundings. Factorisations, and what is built on them, run in
NumPy and need values: outside of traced functions.
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
from eerie_dsl.api.functions.linalg_host import (
    EighResult,
    EigResult,
    LstsqResult,
    QRResult,
    SlogdetResult,
    SVDResult,
    cholesky,
    cond,
    det,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    inv,
    lstsq,
    matrix_rank,
    pinv,
    qr,
    slogdet,
    solve,
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
