"""How fast do hares breed? The parameters of an ODE, fitted by gradients through a scan: ``python -m examples.ode``."""

from __future__ import annotations

from typing import Any

import eerie_dsl as eerie

STEPS = 400
DT = 0.05
TRUE = (1.1, 0.4, 0.4, 0.1)
"""Births of hares, hares that a lynx eats, deaths of lynxes, births of lynxes per hare."""


def change(state: Any, rates: Any) -> Any:
    """Lotka and Volterra: how the numbers of hares and lynxes change, (2,)."""
    hares, lynxes = state[0], state[1]
    return eerie.stack([(rates[0] - rates[1] * lynxes) * hares, (rates[3] * hares - rates[2]) * lynxes])


def simulate(rates: Any, start: Any) -> Any:
    """Hares and lynxes over time, (STEPS, 2), by the classical Runge-Kutta method."""

    def step(state: Any, _: None) -> tuple[Any, Any]:
        k1 = change(state, rates)
        k2 = change(state + DT / 2 * k1, rates)
        k3 = change(state + DT / 2 * k2, rates)
        k4 = change(state + DT * k3, rates)
        state = state + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return state, state

    return eerie.scan(step, start, None, length=STEPS)[1]


def fit(data: Any, start: Any, guess: Any, *, rounds: int = 360, rate: float = 0.05) -> tuple[Any, list[float]]:
    """Rates whose simulation is like ``data``, and the loss of each round. Logarithms are fitted, by Adam."""

    def loss(logs: Any) -> Any:
        return eerie.mean((eerie.log(simulate(eerie.exp(logs), start)) - eerie.log(data)) ** 2)

    @eerie.jit
    def update(logs: Any, mean: Any, square: Any, count: Any) -> Any:
        value, slope = eerie.value_and_grad(loss)(logs)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope**2
        step = mean / (1 - 0.9**count) / (eerie.sqrt(square / (1 - 0.99**count)) + 1e-8)
        return value, logs - rate * step, mean, square, count + 1

    logs = eerie.log(guess)
    mean = square = eerie.zeros_like(logs)
    count, losses = eerie.ones(()), []
    for _ in range(rounds):
        value, logs, mean, square, count = update(logs, mean, square, count)
        losses.append(float(value))
    return eerie.exp(logs), losses


def main() -> None:
    start = eerie.asarray([10.0, 5.0])
    data = simulate(eerie.asarray(TRUE), start)
    found, losses = fit(data, start, eerie.asarray([0.8, 0.3, 0.5, 0.15]))
    print(f"ODE  {STEPS} steps, loss {losses[0]:.2f} at first, {losses[-1]:.5f} after {len(losses)} rounds")
    print("  true  " + "  ".join(f"{r:.3f}" for r in TRUE))
    print("  found " + "  ".join(f"{float(r):.3f}" for r in found))


if __name__ == "__main__":
    main()
