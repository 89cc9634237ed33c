"""What tests of layers have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eerie_dsl.config import config


@pytest.fixture
def interpreted() -> Iterator[None]:
    """Values come from the reference rules of the primitives: quick, and the meaning of each function."""
    with config(evaluation="reference"):
        yield
