"""The ``eerie`` command."""

from eerie_dsl.cli.app import main

__all__ = ["main"]
