"""Training: a loop, batches of one shape, snapshots that survive whatever happens to the process.

See the guide in ``docs/training.md``.
"""

from eerie_dsl.train.batching import Batches, batches
from eerie_dsl.train.history import History
from eerie_dsl.train.loop import fit
from eerie_dsl.train.snapshot import Snapshots, restore, save

__all__ = ["Batches", "History", "Snapshots", "batches", "fit", "restore", "save"]
