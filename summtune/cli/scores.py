"""Scores on one line, for a person."""

from __future__ import annotations

from collections.abc import Mapping

_HALVES = ("_precision", "_recall")
"""What an F1 is made of; JSON and files have it."""


def on_a_line(metrics: Mapping[str, float]) -> str:
    """Names and values, without the halves of an F1."""
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items() if not name.endswith(_HALVES))
