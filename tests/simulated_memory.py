"""A memory that is too small: training and evaluating raise what torch raises on a GPU, in the very step that would need too much."""

from types import ModuleType
from typing import Any

import pytest
import torch

_OF_TORCH = torch.OutOfMemoryError("CUDA out of memory.")


class SimulatedMemory:
    """Holds a batch to learn from of at most so many positions, source and target, padding included."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, family: ModuleType, positions: int) -> None:
        self.positions = positions
        self._shrinks: tuple[int, int] | None = None
        self.rows: list[int] = []
        """Of each batch that was learnt from, or would not fit."""
        self._learn = family.logits_and_targets
        monkeypatch.setattr(family, "logits_and_targets", self._logits_and_targets)

    def shrink(self, batches: int, positions: int) -> None:
        """Hold less, once so many more batches have been learnt from."""
        self._shrinks = batches, positions

    def _logits_and_targets(self, model: Any, batch: Any) -> Any:
        if not torch.is_grad_enabled():
            return self._learn(model, batch)
        self.rows.append(len(batch["input_ids"]))
        needed = batch["input_ids"].numel() + batch["labels"].numel()
        if needed > self.positions:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {needed} positions.")
        if self._shrinks is not None:
            left, positions = self._shrinks
            self._shrinks = (left - 1, positions) if left > 1 else None
            self.positions = self.positions if self._shrinks else positions
        return self._learn(model, batch)


class SimulatedMemoryForEvaluating:
    """Holds so many dialogues at a time, for their loss or their summaries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, family: ModuleType, rows: int, error: Exception = _OF_TORCH) -> None:
        self.rows, self._error = rows, error
        for name in ("logits_and_targets", "new_tokens"):
            monkeypatch.setattr(family, name, self._limited(getattr(family, name)))

    def _limited(self, function: Any) -> Any:
        def limited(model: Any, batch: Any, *more: Any, **named: Any) -> Any:
            if not torch.is_grad_enabled() and len(batch["input_ids"]) > self.rows:
                raise self._error
            return function(model, batch, *more, **named)

        return limited
