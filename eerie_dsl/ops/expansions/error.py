"""The error function."""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions.exponential import exp_small
from eerie_dsl.ops.expansions.formats import F32, F64, Coefficients, format_of, polynomial

SPLIT = 0.9
ONE_FROM = {F32: 3.93, F64: 5.95}

# erf(x) / x - 1 as a function of x**2 up to the split
NEAR: dict[object, Coefficients] = {
    F32: (0.12837917, -0.37612635, 0.11283714, -0.026860466, 0.0052037486, -0.00081743207, 8.507242e-05),
    F64: (
        0.12837916709551257, -0.37612638903183726, 0.11283791670953676, -0.026866170644800937,
        0.005223977621543673, -0.0008548326751300809, 0.00012055320905458421, -1.4925296429725769e-05,
        1.6455162584398041e-06, -1.6274982505228282e-07, 1.4043370916055486e-08, -8.475594543246641e-10,
    ),
}  # fmt: skip

# log(1 - erf(x)) from the split on, accurate relative to erf
FAR: dict[object, Coefficients] = {
    F32: (-0.00016519552, -1.1278025, -0.6369671, -0.10412164, 0.022319095, -0.003066475, 0.00019832108),
    F64: (
        -6.723511856908054e-08, -1.1283784524856229, -0.6366232582157269, -0.10276232943233178,
        0.01910829303480778, 0.00023613469055181556, -0.0017192007815240652, 0.0005975629721411015,
        -1.4632099129750795e-05, -8.701114030769818e-05, 5.236198140636272e-05, -1.908050248900104e-05,
        5.037801819851734e-06, -1.004022138569239e-06, 1.509636028082016e-07, -1.6685651063956866e-08,
        1.282367374138e-09, -6.127637517496443e-11, 1.3711235683197717e-12,
    ),
}  # fmt: skip


def erf(s: Any, x: Any) -> Any:
    """Error function."""
    f = format_of(x)
    a = s.abs(x)
    near = s.fma(x, polynomial(s, s.mul(x, x), NEAR[f]), x)
    held = s.select(s.compare("gt", a, ONE_FROM[f]), ONE_FROM[f], a)
    far = s.sub(1.0, exp_small(s, polynomial(s, held, FAR[f])))
    return s.select(s.compare("lt", a, SPLIT), near, s.copysign(far, x))
