"""One Ray cluster for all integration tests, with GPUs that exist by name only, and a search space that trains in seconds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from summtune.config.experiment import load_experiment
from summtune.events.fold import RunState, fold
from summtune.events.kinds import Event
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.run_folders import find_run

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ray)


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """A Ray cluster in this process with 2 CPUs and 4 GPUs, logical ones; gives its address for other processes.

    As many CPUs as most machines that test have: each process of a trial takes seconds to start, and starts once for each CPU.
    """
    import ray

    from summtune.tuning.engine import prepare_environment

    prepare_environment()
    os.environ["SUMMTUNE_LOGICAL_GPUS"] = "1"  # its workers inherit it
    context = ray.init("local", num_cpus=2, num_gpus=4, include_dashboard=False, log_to_driver=False)
    yield context.address_info["gcs_address"]
    ray.shutdown()


TINY: dict[str, Any] = {
    "name": "tiny",
    "method": "grid",
    "parameters": {"learning_rate": {"values": [1e-2, 1e-7, 1e-3]}},
    "early_terminate": {"type": "none"},
    "settings": {
        "general": {"device": "cpu"},
        "model": {
            "config_overrides": {
                "d_model": 16,
                "encoder_layers": 1,
                "decoder_layers": 1,
                "encoder_attention_heads": 2,
                "decoder_attention_heads": 2,
                "encoder_ffn_dim": 16,
                "decoder_ffn_dim": 16,
            }
        },
        "tokenizer": {"vocab_size": 400, "encoder_max_len": 64, "decoder_max_len": 16},
        "training": {"num_train_epochs": 2, "per_device_train_batch_size": 8},
        "generation": {"max_length": 8, "num_beams": 1},
        "evaluation": {"strategy": "full"},
        "data": {"max_train_samples": 16, "max_val_samples": 4},
    },
}


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Mappings laid over each other; None takes a key away."""
    result = dict(one)
    for key, value in other.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict) and key != "parameters":
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


@pytest.fixture
def space_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes the tiny search space with changes, and gives its path."""

    def write(**changes: Any) -> Path:
        file = tmp_path / f"{changes.get('name', 'tiny')}.yaml"
        file.write_text(yaml.safe_dump(merged(TINY, changes), sort_keys=False), encoding="utf-8")
        return file

    return write


@dataclass
class Heard:
    """A witness that remembers."""

    events: list[Event] = field(default_factory=list)
    notices: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    resumed: str = ""
    most_at_once: int = 0
    hook: Callable[[Event, RunState], None] = lambda event, state: None

    def event(self, event: Event, state: RunState) -> None:
        self.events.append(event)
        running = sum(trial.status == "running" for trial in state.trials.values())
        self.most_at_once = max(self.most_at_once, running)
        self.hook(event, state)

    def opened(self, opened: Any) -> None:
        self.notices, self.resumed = opened.notices, opened.resumed


@pytest.fixture
def tune_here(cluster: str, tmp_path: Path) -> Callable[..., tuple[RunPaths, Heard]]:
    """Runs a search space in this process, on the shared cluster."""

    def run(file: Path, heard: Heard | None = None, output_dir: str | None = None) -> tuple[RunPaths, Heard]:
        from summtune.tuning.drive import Witness
        from summtune.tuning.launch import start

        heard = heard or Heard()
        witness = Witness(heard.opened, heard.event, lambda: None, heard.notes.append)
        run = start(load_experiment(file, environ={}), output_dir or str(tmp_path / "out"), ["test"], witness)
        return run, heard

    return run


@pytest.fixture
def resume_here(cluster: str) -> Callable[..., Heard]:
    """Resumes a run in this process, on the shared cluster."""

    def go_on(run: RunPaths, heard: Heard | None = None, **options: Any) -> Heard:
        from summtune.tuning.drive import Witness
        from summtune.tuning.launch import resume

        heard = heard or Heard()
        resume(run, ["test"], Witness(heard.opened, heard.event, lambda: None, heard.notes.append), **options)
        return heard

    return go_on


def state_of(run: RunPaths) -> RunState:
    """The run as its log tells it; the log has to be whole."""
    events, warnings = read_events(run.events)
    assert warnings == []
    return fold(events)


class CommandLine:
    """`summtune …` in a process of its own, in a folder of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command; its output is collected in `<folder>/output.txt`, too."""
        with (self.folder / "output.txt").open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "summtune", *map(str, words)],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def __call__(self, *words: str | Path, timeout_s: float = 240) -> tuple[int, str]:
        """Run a command to its end: exit code and output."""
        process = self.start(*words)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return code, self.output()

    def kill_at(self, pattern: str, *words: str | Path) -> None:
        """Run a command, and kill it as soon as its output matches."""
        process = self.start(*words)
        self.wait_for(pattern, process)
        process.send_signal(signal.SIGKILL)
        process.wait(60)

    def run_called(self, name: str) -> RunPaths:
        """The newest run of that name."""
        found = find_run(name, self.folder / "results")
        assert found is not None
        return found

    def output(self) -> str:
        return (self.folder / "output.txt").read_text(encoding="utf-8")

    def wait_for(self, pattern: str, process: subprocess.Popen[str], timeout_s: float = 120) -> None:
        """Wait until the output matches."""
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self.output()):
            assert process.poll() is None, f"ended with {process.returncode} before {pattern!r}:\n{self.output()}"
            assert time.monotonic() < deadline, f"no {pattern!r} in {timeout_s} s:\n{self.output()}"
            time.sleep(0.05)


@pytest.fixture
def summtune(tmp_path: Path) -> CommandLine:
    """The command line, with a Ray of its own for each command."""
    return CommandLine(tmp_path, dict(os.environ))


@pytest.fixture
def summtune_on_cluster(tmp_path: Path, cluster: str) -> CommandLine:
    """The command line, against the shared cluster, which outlives it."""
    return CommandLine(tmp_path, {**os.environ, "RAY_ADDRESS": cluster})
