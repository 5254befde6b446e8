"""W&B's word for model-based search; today it is TPE."""

from __future__ import annotations

from summtune.search.methods.tpe import SUMMARY, suggest

__all__ = ["SUMMARY", "suggest"]
