"""What the driver tells an attempt, in `progress.json`: where to begin, and which score to beat.

A file, not Tune's checkpoint, says it, because Ray Tune's snapshots lag behind the event log by seconds, and the log is what counts.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Orders:
    """An attempt's orders.

    Attributes:
        attempt: its number, from 1.
        resume_from: sealed checkpoint to continue from, relative to the trial's folder.
        best_iteration: iteration of the best model so far.
        best_score: its score.
        objective: name of the metric that is searched for.
        maximize: the objective's goal.
        storage: the run's folder in an object store, which has a copy of what is written.
        shunned: ids of the nodes that its workers must not be on.
    """

    attempt: int
    resume_from: str | None
    best_iteration: int | None
    best_score: float | None
    objective: str
    maximize: bool
    storage: str | None = None
    shunned: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, path: Path) -> Orders:
        """The orders in a file."""
        record = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**record, "shunned": tuple(record["shunned"])})
