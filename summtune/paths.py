"""The names of everything in a run directory, and where shipped files and caches lie. No other module spells these names.

results/
  sweep_<name> -> <name>-<stamp>-<4 hex>/     the newest run of that name
  <name>-20261122-143052-a1b2/                a run: RunPaths
      trials/<trial id>/                      a trial: TrialPaths
          attempts/<n>/                       one life of it: AttemptPaths
  experiments/<stamp>_<8 hex>/                a training by itself, the same inside as a trial: ExperimentPaths
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AttemptPaths:
    """One attempt's own folder: all that a worker may write for a trial."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "training.log"

    def log_of(self, rank: int) -> Path:
        """What one of several workers has to say: rank 0 in the training's log, and the others beside it."""
        return self.log if rank == 0 else self.folder / f"training.rank-{rank}.log"

    @property
    def history(self) -> Path:
        return self.folder / "history.jsonl"

    @property
    def results(self) -> Path:
        return self.folder / "training_results.json"

    @property
    def failure(self) -> Path:
        """Why the attempt failed, written by the worker before it ends."""
        return self.folder / "failure.json"

    @property
    def checkpoints(self) -> Path:
        """Sealed checkpoints, `checkpoint-<step>` each."""
        return self.folder / "checkpoints"

    @property
    def train(self) -> Path:
        """What Ray Train writes where several workers share the training."""
        return self.folder / "train"

    @property
    def group(self) -> Path:
        """Which workers share the training, written once all of them are there."""
        return self.folder / "group.json"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    def best_model(self, iteration: int) -> Path:
        """The best model as of an iteration; kept until a later best has been recorded by the driver."""
        return self.models / f"best-{iteration}"


@dataclass(frozen=True)
class TrialPaths:
    """A trial's folder. Only the driver writes here; workers write to attempts."""

    folder: Path

    @property
    def settings(self) -> Path:
        return self.folder / "settings.yaml"

    @property
    def log(self) -> Path:
        return self.folder / "training.log"

    @property
    def history(self) -> Path:
        return self.folder / "history.jsonl"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.csv"

    @property
    def decodings(self) -> Path:
        """What came of other settings of generation, a line each."""
        return self.folder / "decodings.jsonl"

    @property
    def results(self) -> Path:
        return self.folder / "training_results.json"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def best_model(self) -> Path:
        return self.folder / "models" / "best_model"

    @property
    def progress(self) -> Path:
        """What the driver has recorded of the trial: where its next attempt begins."""
        return self.folder / "progress.json"

    @property
    def attempts(self) -> Path:
        return self.folder / "attempts"

    def attempt(self, number: int) -> AttemptPaths:
        return AttemptPaths(self.attempts / str(number))

    def attempt_numbers(self) -> list[int]:
        """Numbers of the attempts made so far, ascending."""
        if not self.attempts.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.attempts.iterdir() if entry.name.isdigit())


@dataclass(frozen=True)
class ExperimentPaths(TrialPaths):
    """A training by itself (`summtune train`): the same inside as a trial's folder. It is its own only attempt."""

    @property
    def itself(self) -> AttemptPaths:
        """The folder as the attempt that writes it."""
        return AttemptPaths(self.folder)

    @property
    def environment(self) -> Path:
        return self.folder / "environment.json"

    @property
    def test_predictions(self) -> Path:
        """Summaries of the test data by the best model."""
        return self.folder / "test_predictions.csv"


@dataclass(frozen=True)
class RunPaths:
    """A run directory."""

    folder: Path

    @property
    def space(self) -> Path:
        return self.folder / "space.yaml"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.yaml"

    @property
    def environment(self) -> Path:
        return self.folder / "environment.json"

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    def damaged_events(self) -> Path:
        """A free name for a damaged event log, which is kept beside the one that holds what was left of it."""
        return self._free("events.damaged-{}.jsonl")

    @property
    def lock(self) -> Path:
        """Held by the driver of a live run."""
        return self.folder / ".driver.lock"

    @property
    def stop(self) -> Path:
        """A person's wish that the run stop; its driver looks for it."""
        return self.folder / ".stop.json"

    @property
    def copied(self) -> Path:
        """Says that this is a copy of a run that lives elsewhere."""
        return self.folder / ".copied.json"

    @property
    def info(self) -> Path:
        return self.folder / "sweep_info.json"

    @property
    def results(self) -> Path:
        return self.folder / "all_sweep_results.jsonl"

    @property
    def summary(self) -> Path:
        return self.folder / "sweep_summary.json"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def study(self) -> Path:
        return self.folder / "study.journal"

    @property
    def trials(self) -> Path:
        return self.folder / "trials"

    @property
    def tune(self) -> Path:
        """Ray Tune's experiment folder: what `Tuner.restore` takes."""
        return self.folder / "tune"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def ray_log(self) -> Path:
        """What Ray and Ray Tune say in the driver's process."""
        return self.logs / "ray.log"

    @property
    def metrics(self) -> Path:
        """Copies of people's own metrics, so that a resumed run scores by the same."""
        return self.folder / "metrics"

    @property
    def wandb(self) -> Path:
        return self.folder / "wandb"

    def trial(self, trial_id: str) -> TrialPaths:
        return TrialPaths(self.trials / trial_id)

    def retired_tune(self) -> Path:
        """A free name for a Ray Tune folder that is not restored, and makes room for a new one."""
        return self._free("tune.retired-{}")

    def retired_tunes(self) -> list[Path]:
        """Those that are still there."""
        return sorted(self.folder.glob("tune.retired-*"))

    def _free(self, pattern: str) -> Path:
        number = 1
        while (self.folder / pattern.format(number)).exists():
            number += 1
        return self.folder / pattern.format(number)


def predictions_of(model: Path) -> Path:
    """The predictions that lie in a model's folder, of the evaluation that it was kept for."""
    return model / "predictions.csv"


def shipped(kind: str) -> Path:
    """Folder of files that come with summtune: `data`, `search_spaces` or `presets`.

    In a checkout `data` and `search_spaces` lie beside the package; in a wheel, inside it.
    """
    package = Path(__file__).resolve().parent
    inside = package / kind if kind == "presets" else package / "shipped" / kind
    return inside if inside.is_dir() else package.parent / kind


def cache_dir() -> Path:
    """Where tokenised data and small made-up models are kept between runs, per node: SUMMTUNE_CACHE or ~/.cache/summtune."""
    given = os.environ.get("SUMMTUNE_CACHE")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "summtune"
