"""Schedules that were measured: `eerie.tune` and ``jit(tune=True)`` find them, here they travel."""

from eerie_dsl.api.tuning import TunedKernel, Tuning, export, merge, table_path

__all__ = ["TunedKernel", "Tuning", "export", "merge", "table_path"]
