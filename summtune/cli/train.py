"""`summtune train`: one training by itself, without a search."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from summtune.config.complete import Complete
    from summtune.paths import ExperimentPaths
    from summtune.training.single import Prepared


def train(
    config: Annotated[str | None, typer.Option(help="Settings (YAML), or a preset's name.", metavar="FILE")] = None,
    train_data: Annotated[Path | None, typer.Option(help="Training data.")] = None,
    val_data: Annotated[Path | None, typer.Option(help="Development data, by which the best model is chosen.")] = None,
    test_data: Annotated[Path | None, typer.Option(help="Data to summarise with the best model at the end.")] = None,
    resume_from_checkpoint: Annotated[
        Path | None, typer.Option(help="Go on from this checkpoint, by default with the settings it was trained with.", metavar="FOLDER")
    ] = None,
    output_dir: Annotated[str | None, typer.Option(help="Folder that `experiments` is made in.")] = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, the strongest layer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on standard output; all else on standard error.")] = False,
) -> int:
    """Train one model as the settings say, into a folder of its own."""
    from summtune.cli.screen import Screen, stream_console
    from summtune.training.chosen import chosen_settings

    given = {"data.train": train_data, "data.dev": val_data, "data.test": test_data, "general.output_dir": output_dir}
    named = [f"{key}={value}" for key, value in given.items() if value is not None]
    complete = chosen_settings(config, resume_from_checkpoint, named, assignments or [])
    screen = Screen(stream_console(err=as_json))
    results = _Training(screen, complete, resume_from_checkpoint).run()
    if as_json:
        typer.echo(json.dumps(results, ensure_ascii=False, indent=2))
    return 0


class _Training:
    """One training as a person sees it."""

    def __init__(self, screen: Any, complete: Complete, resume_from: Path | None) -> None:
        self._screen = screen
        self._complete = complete
        self._file = complete.name if Path(complete.name).is_file() else ""
        self._resume_from = resume_from
        self._settings = complete.resolved.settings
        self._best: float | None = None
        self._stopping = False

    def run(self) -> dict[str, Any]:
        """From the checks to the next command to type.

        Raises:
            SummtuneError: whatever ended it.
        """
        from summtune.cli.find import results_folder
        from summtune.cli.interruption import interruptible
        from summtune.cli.live_run import command_line
        from summtune.cli.next_step import command
        from summtune.errors import Interrupted, NothingUsable, SummtuneError
        from summtune.training.single import last_checkpoint, open_experiment, prepare, train_single
        from summtune.tuning.environment import describe_environment

        self._screen.say("Checking settings, data and model …")
        prepared = prepare(self._complete.resolved, self._resume_from, self._complete.notices)
        environment = describe_environment(self._file, prepared.facts, (), command_line())
        paths = open_experiment(prepared, results_folder(self._settings.general.output_dir), environment)
        self._screen.say(f"Training in {paths.folder}")
        try:
            with interruptible(self._stop):
                results = train_single(prepared, paths, self._report(prepared), self._note, lambda: self._stopping)
        except (SummtuneError, KeyboardInterrupt) as error:
            checkpoint = last_checkpoint(paths) or (prepared.resume_from if paths.folder.is_dir() else None)
            if paths.folder.is_dir():
                self._screen.say(f"Log       {paths.log}")
            if checkpoint is not None:
                self._screen.say(f"Go on     {command('train', '--resume-from-checkpoint', str(checkpoint))}")
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted("stopped at once") from None
            raise
        if results["model_path"] is None:
            raise NothingUsable("The training was over at that checkpoint, and its best model is not there: nothing is left to do.")
        if self._settings.data.test is not None:
            results = self._test(paths, self._settings.data.test)
        self._summary(paths, results)
        return {"folder": str(paths.folder), **results}

    def _note(self, text: str) -> None:
        self._screen.say(f"note: {text}")

    def _stop(self) -> None:
        self._stopping = True
        self._screen.say("Stopping: after this step a checkpoint is written (Ctrl-C again stops at once).")

    def _report(self, prepared: Prepared) -> Callable[[dict[str, float | int], Path | None], None]:
        """Says a line at every evaluation."""
        from summtune.cli.screen import duration

        objective, training = prepared.objective, self._settings.training
        cheap = self._settings.evaluation.strategy == "proxy"

        def report(metrics: dict[str, float | int], checkpoint: Path | None) -> None:
            score = metrics[objective.name]
            better = self._best is None or (score > self._best if objective.maximize else score < self._best)
            self._best = score if better else self._best
            place = f"step {metrics['step']}/{training.max_steps}" if training.max_steps else None
            place = place or f"epoch {metrics['epoch']:g}/{training.num_train_epochs}"
            named = f"{objective.name} (proxy)" if cheap else objective.name
            scores = f"loss {metrics['loss']:.4f}" + (f"  {named} {score:.4f}" if objective.name != "loss" else "")
            took = f"trained {duration(metrics['train_s'])}, evaluated {duration(metrics['evaluation_s'])}"
            self._screen.say(f"{place}  {scores}  {took}{'  * best so far' if better else ''}")

        if prepared.resume_from is not None:
            from summtune.training.resumption import read_record

            self._best = read_record(prepared.resume_from)["standing"]["best_score"]
        return report

    def _test(self, paths: ExperimentPaths, data_file: Path) -> dict[str, Any]:
        from summtune.inference.on_test_data import add_test

        self._screen.say(f"Summarising {data_file} with the best model …")
        results = add_test(paths, data_file)
        for notice in results["test"]["notices"]:
            self._note(notice)
        return results

    def _summary(self, paths: ExperimentPaths, results: dict[str, Any]) -> None:
        from summtune.cli.next_step import command, summarised
        from summtune.cli.scores import on_a_line
        from summtune.cli.screen import duration

        name = results["objective"]
        self._screen.say()
        cheap = f"; {results['proxy_metrics'][name]:.4f} by the cheap evaluation" if results.get("proxy_metrics") else ""
        place = f"evaluation {results['best_iteration']} of {results['iterations']}"
        self._screen.say(f"Best      {name} {results['best_score']:.4f}, {place}{cheap}")
        if test := results.get("test"):
            scores = on_a_line(test["metrics"] or {})
            self._screen.say(f"Test      {scores or 'no summaries to compare with'}: {paths.test_predictions}")
        self._screen.say(f"Time      {duration(results['seconds'])}; {results['bytes'] / 1e6:.1f} MB on disk")
        self._screen.say(f"Model     {paths.best_model}")
        self._screen.say()
        self._screen.say(f"Next      {command('predict', str(paths.best_model), summarised(self._settings))}")
