"""`summtune decode`: search how trained checkpoints decode best, without training again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from summtune.config.settings import Settings
    from summtune.config.stages import DecodeStage


def decode(
    run: Annotated[str, typer.Argument(help="The run's name (the newest of that name), its folder, or a model's folder.")],
    space: Annotated[Path, typer.Option("--space", help="A search space with `decode: {parameters: …}`, or generation's parameters.")],
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="key=value of the space, such as decode.run_cap=10 or decode.top_k=1.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Of a model's folder: what decides; left out: rouge_combined_f1.")] = None,
    goal: Annotated[str | None, typer.Option(help="maximize or minimize; left out: what is better for that metric.")] = None,
    output_dir: Annotated[str | None, typer.Option(help="Folder of run directories.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON on standard output; all else on standard error.")] = False,
) -> int:
    """Try settings of generation on a run's best checkpoints, or on one model, and keep the best in generation_config.json."""
    from summtune.cli.find import written_to
    from summtune.cli.screen import Screen, stream_console
    from summtune.training.best_model import SETTINGS_FILE

    screen = Screen(stream_console(err=as_json))
    folder = written_to(run, "RUN")
    words = assignments or []
    if (folder / SETTINGS_FILE).is_file():
        result, ended = _folder(folder, space, words, (metric, goal), screen), 0
    else:
        result, ended = _run(run, output_dir, space, words, screen) if metric is goal is None else _refused()
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
    return ended


def _refused() -> NoReturn:
    from summtune.errors import Problem, RunMistake

    raise RunMistake(Problem("a run's own objective decides.", "Leave it out.", key="--metric, --goal"))


def _run(run: str, output_dir: str | None, space: Path, words: list[str], screen: Any) -> tuple[dict[str, Any], int]:
    from summtune.cli.find import check_store, the_run
    from summtune.cli.live_run import LiveRun, command_line
    from summtune.config.experiment import Experiment
    from summtune.errors import SummtuneError
    from summtune.events.mending import read_run
    from summtune.tuning.lock import check_free

    found = the_run(run, output_dir)
    check_store(found)
    check_free(found.lock)
    state, _ = read_run(found)
    assert state.opened is not None
    stage = _stage(space, words, Experiment.from_record(state.opened.experiment).base.settings)
    live = LiveRun(screen, found)
    screen.say(f"Opening {found.folder.name}, then starting Ray …")
    from summtune.tuning.launch import decode as go_on

    try:
        go_on(found, stage, command_line(), live.witness())
        return live.finish(), 0
    except SummtuneError as error:
        return live.ended_by(error), error.exit_code
    finally:
        screen.end()


def _folder(folder: Path, space: Path, words: list[str], wished: tuple[str | None, str | None], screen: Any) -> dict[str, Any]:
    from summtune.config.metrics import LOSS, goals
    from summtune.config.objective import objective
    from summtune.errors import Problem, RunMistake
    from summtune.events.kinds import Decoded
    from summtune.reporting.wording import point_text
    from summtune.space.naming import Unfit
    from summtune.training.reopened import stored_settings
    from summtune.tuning.decode_folder import decode_folder

    settings = stored_settings(folder)
    stage = _stage(space, words, settings)
    try:
        metric, goal = wished
        if goal not in (None, "maximize", "minimize"):
            raise Unfit(f"there is no goal {goal!r}.", "Write --goal maximize or --goal minimize.")
        wanted = objective(metric or "rouge_combined_f1", goal, None, goals(settings.evaluation.metrics))  # type: ignore[arg-type]  # checked above
        if wanted.name == LOSS:
            raise Unfit(f"decoding doesn't change the {LOSS}.", "Give another metric.")
    except Unfit as unfit:
        raise RunMistake(Problem(unfit.reason, unfit.remedy, key="--metric")) from None

    def told(one: Decoded) -> None:
        dropped = f", dropped after {one.dialogues} dialogues" if one.dropped else ""
        screen.say(f"{one.setting}/{stage.count}  {wanted.name} {one.score:.4f}  {point_text(one.point)}{dropped}{'  * best' * one.best}")

    screen.say(f"Decoding with {folder}")
    outcome = decode_folder(folder, stage, wanted.name, maximize=wanted.maximize, told=told)
    screen.say()
    if outcome.best is None:
        screen.say(f"Best      {wanted.name} {outcome.own:.4f}: as it was; none of {outcome.tried} settings is better")
    else:
        screen.say(f"Best      {wanted.name} {outcome.best.score:.4f} instead of {outcome.own:.4f}: {point_text(outcome.best.point)}")
        screen.say(f"Model     {folder}: generation_config.json has it now")
    screen.say(f"Settings  {outcome.tried}, {outcome.dropped} dropped early")
    best = outcome.best
    return {
        "model": str(folder),
        "metric": wanted.name,
        "before": outcome.own,
        "best": best.score if best else outcome.own,
        "decoding": best.point if best else None,
        "settings": outcome.tried,
        "dropped": outcome.dropped,
    }


def _stage(space: Path, words: list[str], settings: Settings) -> DecodeStage:
    """The decode stage of a file, checked against the settings that models were trained with.

    Raises:
        SettingsMistake: with every problem of the file.
        RunMistake: it names nothing of generation that varies.
    """
    import yaml

    from summtune.config.experiment import load_experiment
    from summtune.errors import Problem, RunMistake

    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "settings.yaml")
        plain = {
            name: section for name, section in settings.model_dump(mode="json").items() if name in ("model", "tokenizer", "generation")
        }
        base.write_text(yaml.safe_dump(plain), encoding="utf-8")
        experiment = load_experiment(space, assignments=[f"base={base}", *words], environ={})
    if experiment.decode is None:
        remedy = "Write `decode: {parameters: {num_beams: {values: [1, 4]}}}`."
        raise RunMistake(Problem("it names nothing of generation that varies.", remedy, file=str(space)))
    return experiment.decode
