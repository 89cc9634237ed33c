"""The suite never reads or writes the user's own cache of compiled programs, and its longest files start first."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile

import pytest

# The files that take longest, longest first: with two workers none of them is left for one of them at the end.
LONGEST = (
    "ops/test_ops_table.py",
    "transforms/test_control.py",
    "examples/test_learning.py",
    "transforms/test_rules.py",
    "structure/test_docs.py",
    "api/test_donation.py",
    "transforms/test_linalg.py",
    "nn/test_recurrent.py",
    "nn/test_compiled.py",
    "lowering/test_recurrence.py",
    "lowering/test_dynamic.py",
    "api/test_jit.py",
    "compile/test_service.py",
    "ops/test_contraction_convolution.py",
    "api/test_dims.py",
    "api/test_tuning.py",
    "examples/test_deploy.py",
    "examples/test_examples.py",
    "ops/test_elementwise_numerics.py",
    "examples/test_scripts.py",
    "nn/test_convolution.py",
    "transforms/test_functions.py",
)


def pytest_configure(config: pytest.Config) -> None:
    # Set before any test module imports eerie_dsl, and seen by the processes that tests start.
    directory = tempfile.mkdtemp(prefix="eerie-tests-")
    os.environ["EERIE_CACHE_DIR"] = directory
    config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
    # Under pytest-xdist a file goes to one worker, in the order below: what its tests share is compiled once.
    if config.getoption("dist", "no") == "load":
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)
    places = {os.path.join(here, name): place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))


def pytest_collection_finish() -> None:
    # Thousands of collected tests stay to the end: every gc.collect() would walk them, in 0.2 seconds. What is garbage
    # by now goes first, so that its warnings are still heard.
    gc.collect()
    gc.freeze()
