"""Programs that use Eerie. Run one with ``python -m examples.NAME``, or the longer ones with ``eerie demo``."""
