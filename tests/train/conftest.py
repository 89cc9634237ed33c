"""What tests of training have in common."""

from __future__ import annotations

import pytest

from eerie_dsl.config import config


@pytest.fixture(autouse=True)
def interpreted():
    """Interpreted steps do what compiled ones do, and need no compiler."""
    with config(evaluation="reference"):
        yield
