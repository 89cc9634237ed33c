"""The normal distribution function and its inverse, by ratios of polynomials."""

from __future__ import annotations

from typing import Any

from eerie_dsl.ops.expansions.exponential import exp
from eerie_dsl.ops.expansions.formats import F32, F64, Coefficients, format_of, polynomial
from eerie_dsl.ops.expansions.logarithm import log

Ratio = tuple[Coefficients, Coefficients]

CENTRE = 0.425
"""Up to this distance of the probability from 1/2 the inverse needs no logarithm."""
START, BEYOND = 1.6, 5.0

# x / q as a function of CENTRE**2 - q**2, q the distance of the probability from 1/2
NEAR: dict[object, Ratio] = {
    F32: (
        (
            3.387133, 68.55529, 386.87717, 593.1445, 117.81404,
        ),
        (
            1.0, 23.245173, 162.02002, 357.53278, 168.8058,
        ),
    ),
    F64: (
        (
            3.3871328727963665, 148.7565663546596, 2548.225803158698, 21627.49417292457, 95692.81846888043,
            213550.41208399722, 214247.7030006898, 74060.95360800724, 3907.0165176211035,
        ),
        (
            1.0, 46.92339444851978, 871.2841960136817, 8176.882923186638, 41170.01484411988, 109244.82406352356,
            140377.02336564483, 72342.82335276331, 9398.484310930937,
        ),
    ),
}  # fmt: skip

# x as a function of r - START, r = sqrt(-log(t)); in float64 up to BEYOND
TAIL: dict[object, Ratio] = {
    F32: (
        (
            1.4234371, 3.2037196, 2.1350193, 0.5212733, 0.038693707,
        ),
        (
            1.0, 1.050957, 0.32548848, 0.027346069, 2.233897e-07,
        ),
    ),
    F64: (
        (
            1.4234371107496837, 4.654224403424566, 5.842489503638208, 3.728649230789606, 1.3117695646883172,
            0.25183888790729403, 0.023782147004689086, 0.0008092423998883795,
        ),
        (
            1.0, 2.0699725276608123, 1.7075310748015484, 0.7106155435834308, 0.15414834225583765,
            0.01590797400438278, 0.000572126963449413, 1.0476095359842318e-09,
        ),
    ),
}  # fmt: skip

# x as a function of r - BEYOND, up to 27: the smallest normal number
FAR: Ratio = (
    (
        6.657904643501104, 5.458593116777548, 1.780954377011391, 0.29544442713286384, 0.026375661595715964,
        0.0012316859438352206, 2.676535955040291e-05, 1.9730251520893875e-07,
    ),
    (
        1.0, 0.5990524125118825, 0.13652048162921335, 0.014797102778228205, 0.0007802722332627289,
        1.8228738638878854e-05, 1.3951304729189118e-07, 1.94793961834086e-15,
    ),
)  # fmt: skip

# the tail beyond x times exp(x**2 / 2)
SCALED: dict[object, Ratio] = {
    F32: (
        (
            0.5, 0.51813823, 0.2602389, 0.0754872, 0.012608558, 0.0009936977,
        ),
        (
            1.0, 1.834161, 1.4839268, 0.6838562, 0.19171286, 0.031604856, 0.0024908322,
        ),
    ),
    F64: (
        (
            0.5, 0.8607936726746466, 0.732235566306292, 0.3989155209114497, 0.15291504384620053, 0.04294335208281108,
            0.00894420107580346, 0.0013674637226221372, 0.00014766311104093613, 1.0266587167935388e-05,
            3.5511477695678673e-07,
        ),
        (
            1.0, 2.519471906152161, 2.9747188679078533, 2.1775388664486606, 1.1009778742460923, 0.40498958690231507,
            0.11101927477546454, 0.022788143557372884, 0.003453457749353546, 0.00037102666999563297,
            2.5734517679112235e-05, 8.901407406591576e-07,
        ),
    ),
}  # fmt: skip

# The last bits of x that are set apart, so that the square of what remains is exact.
LOW_BITS = {F32: 12, F64: 27}


def quantile(s: Any, t: Any) -> Any:
    """The x whose nearer tail is ``|t|``, on the side of the sign of ``t``."""
    f = format_of(t)
    p = s.abs(t)
    q = s.sub(0.5, p)
    central = s.compare("le", q, CENTRE)
    r = s.math("sqrt", s.sub(0.0, log(s, s.select(central, CENTRE, p))))
    square = s.sub(CENTRE * CENTRE, s.mul(q, q))
    over, under = (polynomial(s, square, part) for part in NEAR[f])
    shifted = s.sub(r, START)
    top, bottom = (polynomial(s, shifted, part) for part in TAIL[f])
    if f is F64:
        far, distance = s.compare("gt", r, BEYOND), s.sub(r, BEYOND)
        top, bottom = (
            s.select(far, polynomial(s, distance, part), near) for part, near in zip(FAR, (top, bottom), strict=True)
        )
    size = s.div(s.select(central, s.mul(q, over), top), s.select(central, under, bottom))
    size = s.select(s.compare("eq", p, 0.0), float("inf"), size)
    return s.copysign(s.select(s.compare("le", p, 0.5), size, float("nan")), t)


def tail(s: Any, x: Any) -> Any:
    """The probability of values above ``x``."""
    f = format_of(x)
    a = s.abs(x)
    a = s.select(s.compare("gt", a, 39.0), 39.0, a)
    bits = s.bits(a)
    low = LOW_BITS[f]
    high = s.bitcast(s.shift_left(s.shift_right(bits, low), low), f.dtype)
    rest = s.mul(s.sub(a, high), s.add(a, high))
    power = s.mul(exp(s, s.mul(s.mul(high, high), -0.5)), exp(s, s.mul(rest, -0.5)))
    over, under = (polynomial(s, a, part) for part in SCALED[f])
    upper = s.div(s.mul(power, over), under)
    return s.select(s.compare("lt", x, 0.0), s.sub(1.0, upper), upper)
