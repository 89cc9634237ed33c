"""What tests of foreign files have in common."""

from __future__ import annotations

import pytest

from eerie_dsl.config import config


@pytest.fixture(autouse=True)
def interpreted():
    """Files are what is tested here, not how values are computed."""
    with config(evaluation="reference"):
        yield
