"""Everything that can go wrong, as one tree; each class knows the exit code that a command ends with.

SummtuneError                     1  a fault of ours, or nothing usable came out
├── Mistake                       2  a person's mistake: says what was given, why it can't be, what to do instead
│   ├── SettingsMistake           2  in a search space, a base file, the environment or --set
│   ├── DataMistake               2  in a data file: file, line, column
│   ├── CheckpointMistake         2  a model or tokenizer that can't be had
│   ├── MetricMistake             2  a person's own metric that can't be read, or doesn't do what it declares
│   └── RunMistake                2  a run or model folder that isn't there, is in use, or isn't one
│       └── JobMistake            2  a cluster's job that is in no state for what is asked of it
├── NothingUsable                 1  the run ended without a single scored trial
├── SurroundingsFailure           3  disk, storage or cluster gave way; the run can be resumed
│   └── StorageFailure            3  an object store can't be reached, read or written
├── TrialFailure                  1  one trial failed, with a cause; the run goes on
└── Interrupted                 130  a person stopped it; the run can be resumed

Every class survives pickling, since Ray sends exceptions between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what a person gave.

    Attributes:
        reason: what was given, and why it can't be.
        remedy: what to do instead; empty where the reason says it.
        key: the dotted key it is about, as the person wrote it.
        file: the file as the person named it; empty for the command line and the environment.
        line: 1-based line in the file.
        column: 1-based column in the line.
    """

    reason: str
    remedy: str = ""
    key: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part not in ("", None))
        subject = ": ".join(part for part in (where, self.key) if part)
        text = f"{subject}: {self.reason}" if subject else self.reason
        return f"{text} {self.remedy}".strip()


class SummtuneError(Exception):
    """The root. Catching it catches all that summtune raises on purpose."""

    exit_code = 1


class Mistake(SummtuneError):
    """A person's mistake. It carries every problem that was found, not just the first."""

    exit_code = 2

    def __init__(self, problems: Problem | str | Sequence[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        if isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[Mistake], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class SettingsMistake(Mistake):
    """A search space, base file, environment variable or --set that can't be."""


class DataMistake(Mistake):
    """A data file that can't be read or used as asked."""


class CheckpointMistake(Mistake):
    """A model or tokenizer that is not to be had, or not what it is said to be."""


class MetricMistake(Mistake):
    """A person's own metric that can't be read, or doesn't do what it declares."""


class RunMistake(Mistake):
    """A run or a model folder that isn't there, isn't one, or is in use."""


class JobMistake(RunMistake):
    """A job that is there, and in no state for what is asked of it."""


class NothingUsable(SummtuneError):
    """The run ended, and no trial of it has a score."""


class SurroundingsFailure(SummtuneError):
    """Disk, storage or cluster gave way. What was recorded is safe, and the run can be resumed."""

    exit_code = 3


class StorageFailure(SurroundingsFailure):
    """An object store can't be reached, read or written.

    Attributes:
        refused: the store answered, and said no: a mistake in its name or in credentials, which waiting doesn't mend.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        self.refused = refused
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return _storage_failure, (str(self), self.refused)


def _storage_failure(message: str, refused: bool) -> StorageFailure:
    return StorageFailure(message, refused=refused)


class TrialFailure(SummtuneError):
    """One trial failed.

    Attributes:
        cause: a short stable word for records: `diverged`, `out_of_memory`, `timeout`, `bad_data`, `bad_model`, `bad_settings`,
            `bad_checkpoint`, `bad_metric`, `no_report`, `surroundings`, `worker_lost`, `unreachable`, `hung`, `unseen`, `no_cuda`, `error`.
        message: what happened, for a person.
        node: Ray's id of the node that is to blame; empty where none is.
    """

    def __init__(self, cause: str, message: str, node: str = "") -> None:
        self.cause = cause
        self.message = message
        self.node = node
        super().__init__(message)

    def __reduce__(self) -> tuple[type[TrialFailure], tuple[str, str, str]]:
        return type(self), (self.cause, self.message, self.node)


class Interrupted(SummtuneError):
    """A person stopped it (Ctrl-C, SIGTERM). Nothing is lost, and the run can be resumed."""

    exit_code = 130
