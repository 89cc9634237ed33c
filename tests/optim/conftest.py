"""NumPy computes here unless a test says otherwise: what an optimiser records is what is looked at."""

from __future__ import annotations

import pytest

from eerie_dsl.config import config


@pytest.fixture(autouse=True)
def reference():
    with config(evaluation="reference"):
        yield
