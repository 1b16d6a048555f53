"""Classes of bad input and of interrupted work, for ``robustness.py``."""

from hostile.lab import Lab, Trial

__all__ = ["Lab", "Trial"]
