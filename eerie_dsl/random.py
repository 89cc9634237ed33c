"""Random numbers: counter-based, from explicit keys or a default stream, the same on every target.

See the guide in ``docs/random.md``.
"""

from eerie_dsl.api.functions.random import (
    cauchy,
    gumbel,
    laplace,
    logistic,
    normal,
    student_t,
    truncated_normal,
    uniform,
)
from eerie_dsl.api.functions.random_counts import (
    bernoulli,
    binomial,
    bits,
    geometric,
    integers,
    negative_binomial,
    poisson,
    rademacher,
)
from eerie_dsl.api.functions.random_keys import fold_in, key, seed, split
from eerie_dsl.api.functions.random_positive import (
    beta,
    chisquare,
    exponential,
    gamma,
    lognormal,
    pareto,
    rayleigh,
    weibull,
)
from eerie_dsl.api.functions.random_selection import categorical, choice, dirichlet, permutation

__all__ = [
    "bernoulli",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "fold_in",
    "gamma",
    "geometric",
    "gumbel",
    "integers",
    "key",
    "laplace",
    "logistic",
    "lognormal",
    "negative_binomial",
    "normal",
    "pareto",
    "permutation",
    "poisson",
    "rademacher",
    "rayleigh",
    "seed",
    "split",
    "student_t",
    "truncated_normal",
    "uniform",
    "weibull",
]
