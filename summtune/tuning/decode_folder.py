"""Searches how the model of a folder decodes best, in this process: what a run's decode stage does for its best checkpoints.

It must not know of runs, nor need Ray.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from summtune import durable
from summtune.config.settings import Settings
from summtune.config.stages import DecodeStage
from summtune.events.kinds import Decoded
from summtune.paths import cache_dir
from summtune.training.best_model import adopt_decoding
from summtune.training.referee import score_in_full
from summtune.training.reopened import stored_settings
from summtune.tuning.decode_race import Race, decoding_record, race

DECODINGS = "decodings.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        own: the score of the decoding that the folder had.
        best: what is better, and what the folder has now; None where nothing is.
        tried: how many settings.
        dropped: how many of them were left before the end.
    """

    own: float
    best: Decoded | None
    tried: int
    dropped: int


def decode_folder(folder: Path, stage: DecodeStage, objective: str, *, maximize: bool, told: Callable[[Decoded], None]) -> Outcome:
    """Try settings of generation on a model, and let its folder keep the best.

    Args:
        folder: a best model's.
        stage: the settings to try.
        objective: the metric that decides.
        maximize: whether more of it is better.
        told: called after each setting.

    Raises:
        RunMistake: the folder is no model of summtune's.
        DataMistake: its development data can't be used.
    """
    settings: Settings = stored_settings(folder)
    before = score_in_full(folder, settings, objective, cache_dir())
    asked = Race(
        trial=folder.name,
        folder=str(folder),
        settings=settings.model_dump(mode="json"),
        stage=stage.to_record(),
        objective=objective,
        maximize=maximize,
        own_metrics=before.metrics,
        best_scores=[float(row[objective]) for row in before.rows],
    )
    tried: list[Decoded] = []
    best: Decoded | None = None
    for one in race(asked):
        assert one.decoded is not None, "the scores of the model's own decoding are at hand"
        if one.decoded.best:
            best = one.decoded
            adopt_decoding(folder, one.generation, one.generation_config, best.metrics)  # at once: a person may end this at any time
        durable.append_line(folder / DECODINGS, {**decoding_record(one.decoded), "time": time.time()})
        tried.append(one.decoded)
        told(one.decoded)
    return Outcome(before.metrics[objective], best, len(tried), sum(one.dropped for one in tried))
