"""Decodes the dialogues of a split again and again with different settings of generation, and scores each summary.

What doesn't depend on these settings is computed once: token ids, and, unless how long summaries take is scored, what an encoder makes of
each batch. It must not know which settings are tried, nor which of them win.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from summtune.config.metrics import NEEDS
from summtune.config.settings import Generation, Settings
from summtune.decoding.fitting import BatchSize
from summtune.decoding.generation import generate_watched, generation_config, warm_up
from summtune.families import Loaded
from summtune.metrics import Summaries
from summtune.metrics._scoring import Scoring


@dataclass(frozen=True)
class Part:
    """Summaries of some dialogues.

    Attributes:
        summaries: in the order that was asked for.
        per_dialogue: value of each by key of the metrics.
        seconds: what it took.
        tokens: what it took, on whatever machine: tokens written, once for each beam and once more, for all that is done once.
    """

    summaries: list[str]
    per_dialogue: dict[str, list[float]]
    seconds: float
    tokens: int


class Again:
    """A trained model and a split with summaries."""

    def __init__(
        self,
        family: ModuleType,
        loaded: Loaded,
        dialogues: Sequence[str],
        references: Sequence[Sequence[str]],
        settings: Settings,
        cache: Path,
    ) -> None:
        """Prepare.

        Args:
            family: the model's family.
            loaded: on the device that it shall work on.
            dialogues: texts.
            references: per dialogue its reference summaries.
            settings: that it was trained with.
            cache: folder that metrics may write to.

        Raises:
            MetricMistake: a metric can't be used.
            TrialFailure: where summaries are timed, not even the shortest dialogue fits into memory.
        """
        self._family = family
        self._loaded = loaded
        self._dialogues = dialogues
        self._references = references
        self._settings = settings
        self._sources: list[list[int]] = family.encode(loaded.tokenizer, dialogues, None, settings)["input_ids"]
        self._scoring = Scoring(settings.evaluation, cache, NEEDS)
        self._remembered: dict[tuple[int, ...], Any] = {}
        self._remembers = hasattr(family, "read_source") and not self._scoring.by_the_clock
        self.batch_size = BatchSize(settings.training.per_device_eval_batch_size)
        if self._scoring.by_the_clock:
            warm_up(family, loaded.model, loaded.tokenizer, self._sources, settings)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each dialogue."""
        return [len(source) for source in self._sources]

    def decode(self, generation: Generation, places: Sequence[int]) -> Part:
        """Summarise and score some of the dialogues.

        Raises:
            MetricMistake: a person's own metric doesn't do what it declares.
            TrialFailure: a single dialogue doesn't fit into memory.
        """
        began = time.perf_counter()
        settings = self._settings.model_copy(update={"generation": generation})
        sources = [self._sources[place] for place in places]
        model, tokenizer = self._loaded.model, self._loaded.tokenizer
        read = partial(self._read, places) if self._remembers else None
        done = generate_watched(self._family, model, tokenizer, sources, settings, batch_size=self.batch_size, read=read)
        references, dialogues = [self._references[place] for place in places], [self._dialogues[place] for place in places]
        scores = self._scoring.score(Summaries(done.summaries, references, dialogues, done.seconds, done.finished))
        tokens = (generation.num_beams + 1) * sum(count + 1 for count in done.tokens)
        return Part(done.summaries, scores.per_dialogue, time.perf_counter() - began, tokens)

    def _read(self, asked: Sequence[int], places: Sequence[int], batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the encoder makes of a batch of the dialogues that were asked for, from memory where it is the same batch again."""
        key = tuple(asked[place] for place in places)
        if key not in self._remembered:
            self._remembered[key] = self._family.read_source(self._loaded.model, batch)
        inputs: Mapping[str, Any] = self._family.as_read(self._loaded.model, self._remembered[key])
        return inputs

    def generation_config(self, generation: Generation) -> str:
        """generation_config.json of the model with this decoding, so that `from_pretrained(…).generate(…)` decodes so."""
        config = self._family.adapted(generation_config(self._loaded.model, generation))
        return json.dumps(json.loads(config.to_json_string(use_diff=True)), indent=2, ensure_ascii=False) + "\n"
