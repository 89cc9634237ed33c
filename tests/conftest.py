"""The suite never reads or writes the user's own cache of compiled programs."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Set before any test module imports eerie_dsl, and seen by the processes that tests start.
    directory = tempfile.mkdtemp(prefix="eerie-tests-")
    os.environ["EERIE_CACHE_DIR"] = directory
    config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
