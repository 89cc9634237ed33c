"""What tests of the array namespace have in common."""

from __future__ import annotations

import pytest

from eerie_dsl.config import config


@pytest.fixture
def interpreted():
    """Values come from the reference rules of the primitives: quick, and the meaning of each function."""
    with config(evaluation="reference"):
        yield
