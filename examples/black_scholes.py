"""Price a million European options by the formula of Black and Scholes: ``python -m examples.black_scholes``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import eerie_dsl as eerie
from examples.reporting import apart, race

COUNT = 1_000_000
RATE = 0.03
"""Yearly interest without risk."""

# erf to 1.5e-7 by Abramowitz and Stegun, 7.1.26. NumPy has none of its own, so both use this one.
SCALE = 0.3275911
WEIGHTS = 1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592


def normal_cdf(x: Any, xp: Any) -> Any:
    """How likely a normal variable stays below ``x``."""
    x = x / math.sqrt(2.0)
    t = 1.0 / (1.0 + SCALE * xp.abs(x))
    series = 0.0
    for weight in WEIGHTS:
        series = (series + weight) * t
    tail = 0.5 * series * xp.exp(-x * x)
    return xp.where(x < 0.0, tail, 1.0 - tail)


def prices(spot: Any, strike: Any, years: Any, volatility: Any, *, xp: Any = eerie) -> tuple[Any, Any]:
    """Calls and puts, each of the shape of the arguments."""
    spread = volatility * xp.sqrt(years)
    upper = (xp.log(spot / strike) + (RATE + 0.5 * volatility * volatility) * years) / spread
    lower = upper - spread
    owed = strike * xp.exp(-RATE * years)
    call = spot * normal_cdf(upper, xp) - owed * normal_cdf(lower, xp)
    return call, call - spot + owed


def market(count: int) -> np.ndarray:
    """Options as they might be: rows of spot and strike price, years to go, yearly volatility, (4, count) float32."""
    low, high = [[50.0], [50.0], [0.1], [0.1]], [[150.0], [150.0], [3.0], [0.6]]
    return np.random.default_rng(0).uniform(low, high, (4, count)).astype(np.float32)


def main() -> None:
    print(f"Options  {COUNT:,} calls and as many puts\n")
    theirs, ours = race(prices, *market(COUNT))
    print(f"  at most {max(map(apart, ours, theirs)):.0e} apart, of prices up to {float(eerie.max(ours[0])):.0f}")


if __name__ == "__main__":
    main()
