from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from eerie_dsl import tree
from eerie_dsl.errors import ArgumentError, EerieWarning, warn


@tree.register
@dataclass(frozen=True)
class Unhashable:
    x: Any
    sizes: tuple[int, ...] = tree.static(default=())


def test_an_error_within_the_tree_library_is_at_the_users_line() -> None:
    with pytest.raises(ArgumentError) as caught:
        tree.leaves([Unhashable(1, [2])])  # type: ignore[arg-type]
    assert caught.value.source is not None
    assert caught.value.source.file == __file__


def test_a_warning_is_at_the_users_line() -> None:
    with pytest.warns(EerieWarning, match="slow") as caught:
        warn("slow")
    assert caught[0].filename == __file__
