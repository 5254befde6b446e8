"""People's own metrics in a run: tried before it starts, copied into its directory, used from there, so that resuming uses the same.

It must not know what a metric computes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from summtune import durable
from summtune.config.experiment import Experiment
from summtune.config.metric_file import is_own
from summtune.config.metrics import NEEDS
from summtune.config.settings import Settings
from summtune.corpus.dialogues import read_split
from summtune.errors import Problem, RunMistake
from summtune.events.fold import RunState
from summtune.metrics import Summaries
from summtune.metrics._scoring import Scoring
from summtune.paths import RunPaths, cache_dir

_ODD = ("", ".", "#Person1#")
"""Predictions that an untrained model might make."""


def named(experiment: Experiment) -> list[str]:
    """The files that any trial may be scored by."""
    names = (name for resolved in experiment.beneath for name in resolved.settings.evaluation.metrics)
    return list(dict.fromkeys(name for name in names if is_own(name)))


def try_out(experiment: Experiment) -> None:
    """Score a handful of dialogues by each, so that a mistake in one doesn't cost a training to be found.

    Raises:
        MetricMistake: one raises something, or doesn't do what it declares.
    """
    settings = experiment.base.settings
    own = tuple(named(experiment))
    if not own:
        return
    dialogues = read_split(settings.data, "dev").dialogues[:4]
    summaries = [dialogue.summary or "" for dialogue in dialogues]
    count = len(dialogues) + len(_ODD)
    texts = [dialogue.dialogue for dialogue in dialogues]
    sample = Summaries(
        [*summaries, *_ODD],
        [[summary] for summary in [*summaries, *summaries[:1] * len(_ODD)]],
        [*texts, *texts[:1] * len(_ODD)],
        [0.1] * count,
        [True] * count,
    )
    Scoring(settings.evaluation.model_copy(update={"metrics": own}), cache_dir(), NEEDS).score(sample)


def copy_in(run: RunPaths, experiment: Experiment) -> dict[str, dict[str, str]]:
    """Copy each into the run directory.

    Returns:
        By the path that the settings name: the copy, relative to the run directory, and its sha256.
    """
    copies: dict[str, dict[str, str]] = {}
    for name in named(experiment):
        content = Path(name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        # A folder of its own for each content: two may have the same name.
        copy = run.metrics / digest[:12] / Path(name).name
        copy.parent.mkdir(parents=True, exist_ok=True)
        durable.write_text(copy, content.decode("utf-8"))
        copies[name] = {"file": str(copy.relative_to(run.folder)), "sha256": digest}
    return copies


def check_copies(run: RunPaths, state: RunState) -> None:
    """Refuse to go on with other metrics than the run began with.

    Raises:
        RunMistake: a copy is missing, or was changed.
    """
    assert state.opened is not None
    problems = []
    for name, copy in state.opened.metrics.items():
        file = run.folder / copy["file"]
        if not file.is_file():
            problems.append(Problem(f"the run's copy of {name} is missing.", "Put it back.", file=str(file)))
        elif hashlib.sha256(file.read_bytes()).hexdigest() != copy["sha256"]:
            reason = f"the run's copy of {name} was changed: later trials would be scored otherwise than earlier ones."
            problems.append(Problem(reason, "Undo that, or begin a new run.", file=str(file)))
    if problems:
        raise RunMistake(problems)


def of_the_run(settings: Settings, run: RunPaths, state: RunState) -> Settings:
    """A trial's settings, with the run's copies in place of the files that they name."""
    assert state.opened is not None
    copies = {name: str(run.folder / copy["file"]) for name, copy in state.opened.metrics.items()}
    metrics = tuple(copies.get(name, name) for name in settings.evaluation.metrics)
    return settings.model_copy(update={"evaluation": settings.evaluation.model_copy(update={"metrics": metrics})})
