"""summtune tunes models that summarise dialogues.

One YAML search space goes in; the best model, a leaderboard and the evidence for it come out. See ARCHITECTURE.md.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
