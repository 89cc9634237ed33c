"""The version of Eerie, where every floor can read it: the cache key holds it too."""

from __future__ import annotations

__version__ = "0.1.0"
