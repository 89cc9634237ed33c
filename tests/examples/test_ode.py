"""The rates of an ODE are found again from what it did."""

from __future__ import annotations

import numpy as np
import pytest

from eerie_dsl.config import config
from examples import ode


def test_the_simulation_keeps_what_the_equations_keep():
    # Hares and lynxes go round: this combination of them never changes.
    with config(evaluation="reference"):
        hares, lynxes = np.asarray(ode.simulate(np.array(ode.TRUE), np.array([10.0, 5.0]))).T
    a, b, c, d = ode.TRUE
    kept = d * hares - c * np.log(hares) + b * lynxes - a * np.log(lynxes)
    assert hares.max() / hares.min() > 2
    np.testing.assert_allclose(kept, kept[0], rtol=1e-5)


def test_finds_the_rates(capsys):
    ode.main()
    first, true, found = capsys.readouterr().out.splitlines()
    assert first.startswith("ODE  400 steps, loss 0.38 at first, 0.000")
    assert [float(x) for x in found.split()[1:]] == pytest.approx([float(x) for x in true.split()[1:]], abs=0.01)
