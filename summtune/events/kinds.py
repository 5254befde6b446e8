"""The kinds of event, one frozen dataclass each. A line of `events.jsonl` is one of them.

Paths in events are relative to the run directory, so that a run can be moved.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

Metrics = dict[str, float]

BASELINE_ID = "0000"
"""The id of the trial that is the base's own settings; those that are drawn are numbered from 1."""

BUDGET = "budget"
"""The cause of a trial's end that is none of its own."""

_TRIAL_ID = re.compile(r"\d+(-seed\d+)?")
TARGET = "target"
"""What ended a search whose target is reached."""

SPACE = "space"
"""What ended a search that found no further point in its space."""

_UNITS = {"hours": "hours", "gpu_hours": "GPU hours", "epochs": "epochs"}


def repetition_id(of: str, seed: int) -> str:
    """The id of the trial that trains a trial's point once more, with another seed."""
    return f"{of}-seed{seed}"


def is_trial_id(name: str) -> bool:
    """Whether a trial may be called so."""
    return _TRIAL_ID.fullmatch(name) is not None


@dataclass(frozen=True)
class Event:
    """What every event has.

    Attributes:
        time: seconds since the epoch when it was written; 0 until the log writes it.
    """

    kind: ClassVar[str]
    time: float = field(default=0.0, kw_only=True)

    def to_record(self) -> dict[str, Any]:
        """The event as JSON-able values, its kind first."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class RunOpened(Event):
    """A run began.

    Attributes:
        run_id: the run directory's name when it was made.
        name: the title that a person gave it.
        experiment: all that the run was asked to do, resolved; enough to resume it.
        output_dir: as the person gave it; paths in the result files start from it.
        command: the command line.
        folder: where the run lies while this session works on it.
        metrics: people's own metrics, by the path that settings name: `file` (the copy, relative to the run directory) and `sha256`.
    """

    kind: ClassVar[str] = "run_opened"
    run_id: str
    name: str
    experiment: dict[str, Any]
    output_dir: str
    command: list[str]
    folder: str = ""
    metrics: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Taught(Event):
    """The search learned what an earlier run had found out: here to the last value, since that run may be moved or deleted.

    Attributes:
        run: the earlier run.
        folder: where it lay.
        trials: how many it had, the baseline among them, repetitions not.
        told: what could be told of them, in the words of this run's space. Of each `of` (its id there), `params` (the sampler's answers),
            `state` (COMPLETE, or PRUNED), `value` (its score), `values` (pairs of iteration and score) and `excesses` (as in `Told`).
        dropped: how many could not be told, by the reason.
    """

    kind: ClassVar[str] = "taught"
    run: str
    folder: str
    trials: int
    told: list[dict[str, Any]]
    dropped: dict[str, int]

    @property
    def text(self) -> str:
        """What was told, for a person."""
        dropped = ", ".join(f"{number} {reason}" for reason, number in self.dropped.items())
        return f"{len(self.told)} of {self.trials} trials of {self.run}{': ' if dropped else ''}{dropped}"

    @property
    def summary(self) -> dict[str, Any]:
        """As result files hold it."""
        return {"run": self.run, "folder": self.folder, "trials": self.trials, "told": len(self.told), "dropped": self.dropped}


@dataclass(frozen=True)
class RunResumed(Event):
    """A run went on.

    Attributes:
        count: trials asked for from now on, without the baseline.
        way: `restore` (Ray Tune's own state) or `rebuild` (from the events alone).
        folder: where the run lies while this session works on it.
        again: failed trials that are run again from their last checkpoint.
        anew: failed trials that are run again from their beginning.
        budget: what the run may use up from now on, by name; None leaves it as it was.
        past_target: whether a person wants more trials though a target is reached; it ends nothing from now on.
        waiting: trials that had ended since nothing let them go on after a pause, and that wait again, now that there is to be more.
        rescored: trials whose full evaluation had failed for what they are, and is tried again.
    """

    kind: ClassVar[str] = "run_resumed"
    count: int
    way: str
    command: list[str]
    folder: str = ""
    again: list[str] = field(default_factory=list)
    anew: list[str] = field(default_factory=list)
    budget: dict[str, float] | None = None
    past_target: bool = False
    waiting: list[str] = field(default_factory=list)
    rescored: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PointDrawn(Event):
    """A trial came to be.

    Attributes:
        trial: its id.
        number: its place in the study, from 0; -1 for a repetition, which has none.
        point: what was drawn, by dotted settings key.
        params: the sampler's answers that the point was made of.
        baseline: whether it is the base's own settings.
        repeats: the trial whose point it trains once more; empty for a point of its own.
        seed: in place of the settings' own; None for that.
    """

    kind: ClassVar[str] = "point_drawn"
    trial: str
    number: int
    point: dict[str, Any]
    params: dict[str, Any] = field(default_factory=dict)
    baseline: bool = False
    repeats: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class TrialStarted(Event):
    """An attempt at a trial began, where it left off.

    Attributes:
        attempt: from 1.
        iteration: the evaluation that it begins after; 0 where there was none.
        resumed: the checkpoint that it begins from, relative to the trial's folder; empty for a fresh start.
        gpus: GPUs that it holds from now on; fractions too. Several workers hold theirs from `GroupStarted` on.
    """

    kind: ClassVar[str] = "trial_started"
    trial: str
    attempt: int
    iteration: int
    resumed: str = ""
    gpus: float = 0.0


@dataclass(frozen=True)
class GroupStarted(Event):
    """All workers of an attempt that has several are there. From here on it trains; before, it may have waited for room.

    Attributes:
        gpus: GPUs that they hold together.
    """

    kind: ClassVar[str] = "group_started"
    trial: str
    attempt: int
    gpus: float = 0.0


@dataclass(frozen=True)
class Retried(Event):
    """An attempt failed for a cause that can pass by itself: the trial goes on, in its next attempt, from its last checkpoint.

    Attributes:
        attempt: the one that failed; 0 where its process was lost before it began.
        cause: a short word for the failure.
        message: what happened, for a person.
    """

    kind: ClassVar[str] = "retried"
    trial: str
    attempt: int
    cause: str
    message: str


@dataclass(frozen=True)
class Reported(Event):
    """A trial was evaluated.

    Attributes:
        iteration: the evaluation's number, from 1, never reset.
        metrics: every metric.
        checkpoint: folder of the sealed checkpoint, relative to the trial's folder.
        node: address of the node that it ran on.
        pid: the actor's process there.
        workers: where several train it together, `address:process` of each, by rank.
    """

    kind: ClassVar[str] = "reported"
    trial: str
    attempt: int
    iteration: int
    metrics: Metrics
    checkpoint: str | None
    node: str = ""
    pid: int = 0
    workers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Noted(Event):
    """A trial decided or found something that a person should know.

    Attributes:
        trial: the first that said so.
        text: the sentence; each is an event once per run.
    """

    kind: ClassVar[str] = "noted"
    trial: str
    text: str


@dataclass(frozen=True)
class Decided(Event):
    """A trial was judged at a rung.

    Attributes:
        rung: the rung's iteration.
        score: what was compared: the trial's best so far, unless the rule says otherwise.
        cutoff: what it had to reach, or, where it pauses, what the next to go on has; None where there was nothing to compare with.
        stop: whether it ends here.
        pause: whether it pauses here; it goes on once it is the best of those that wait and there is a place.
        mark: what later trials are compared with, where that is not the score.
        bracket: which trials it was compared with: those with the same value of the parameter that `brackets` names; empty: with all.
    """

    kind: ClassVar[str] = "decided"
    trial: str
    iteration: int
    rung: int
    score: float
    cutoff: float | None
    stop: bool
    mark: float | None = None
    bracket: str = ""
    pause: bool = False


@dataclass(frozen=True)
class WentOn(Event):
    """A trial that paused at a rung goes on, in its next attempt: there is a place, and it is the best of those that wait."""

    kind: ClassVar[str] = "went_on"
    trial: str
    rung: int


@dataclass(frozen=True)
class SearchEnded(Event):
    """No more trials are begun, though not all that were asked for have been: a budget is used up, the run has stopped improving, is as
    good as it need be, or its space holds no other training.

    Attributes:
        by: hours, gpu_hours, epochs, patience_trials, target, or space.
        limit: what was asked for.
        used: what had been used up, how many trials in a row had not improved the best, what was reached (of several targets the first), or
            how many points were drawn.
        reached: with a target, which trial reached what.
    """

    kind: ClassVar[str] = "search_ended"
    by: str
    limit: float
    used: float
    reached: str = ""

    @property
    def by_budget(self) -> bool:
        """Whether trials under way are stopped, too."""
        return self.by in _UNITS

    @property
    def by_space(self) -> bool:
        """Whether there was merely nothing left to draw: trials that pause may go on all the same."""
        return self.by == SPACE

    @property
    def reason(self) -> str:
        """Why, for a person."""
        if self.by == TARGET:
            return self.reached
        if self.by_space:
            drawn = f"{self.used:g} of {self.limit:g} trials were drawn"
            return f"{drawn}, and no other was found in the space that would be another training"
        if not self.by_budget:
            return f"{self.used:g} trials in a row have not improved the best (patience_trials {self.limit:g})"
        return f"the budget of {self.limit:g} {_UNITS[self.by]} is used up ({self.used:.3g})"

    @property
    def remedy(self) -> str:
        """What `summtune resume` can be told to go on."""
        if self.by_space:
            return "a wider space is a run of its own, which `warm_start` lets learn from this one"
        return f"`--budget {self.by}=N` raises it" if self.by_budget else "`--count N` trains what was not begun, and N more"


@dataclass(frozen=True)
class Halted(Event):
    """A trial ends at this evaluation, since a budget is used up."""

    kind: ClassVar[str] = "halted"
    trial: str
    iteration: int
    by: str


@dataclass(frozen=True)
class Told(Event):
    """The study learned how a trial ended.

    Attributes:
        state: Optuna's word: COMPLETE, PRUNED, FAIL.
        value: the trial's score, with several objectives a list; None where it has none.
        excesses: by how much it is beyond each limit, by the limit; at most 0 within it.
    """

    kind: ClassVar[str] = "told"
    trial: str
    state: str
    value: float | list[float] | None
    excesses: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended(Event):
    """A trial is over.

    Attributes:
        status: finished, stopped (by a rung or a budget) or failed.
        cause: a short word for a failure; `budget` where a budget stopped it.
        message: what happened, for a person.
        feasible: whether its best evaluation keeps to all limits; None where there is none.
        violations: the limits that it doesn't keep to: metric, limit, value.
    """

    kind: ClassVar[str] = "ended"
    trial: str
    status: str
    cause: str = ""
    message: str = ""
    feasible: bool | None = None
    violations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Scored(Event):
    """A trial's best model was evaluated in full, after all training: by the whole development set and the trial's own decoding.

    Attributes:
        iteration: the evaluation that the model is of.
        metrics: every metric.
        seconds: what it took.
    """

    kind: ClassVar[str] = "scored"
    trial: str
    iteration: int
    metrics: Metrics
    seconds: float


@dataclass(frozen=True)
class NotScored(Event):
    """A trial's best model could not be evaluated in full, and would not be another time: the trial can't be the best.

    Attributes:
        iteration: the evaluation that the model is of.
        cause: as of a failed trial.
        message: what happened, for a person.
    """

    kind: ClassVar[str] = "not_scored"
    trial: str
    iteration: int
    cause: str
    message: str


@dataclass(frozen=True)
class Decoded(Event):
    """A trial's best model was decoded with other settings of generation. It belongs to its trial, and is none itself.

    Attributes:
        setting: its number, from 1.
        point: what was drawn, by dotted settings key.
        params: the sampler's answers that the point was made of.
        dialogues: how many were summarised: all of the development set, or fewer where it was dropped.
        score: the objective over these; where it was dropped, the best setting's over all plus the difference over these.
        dropped: whether it was left before the end, since it could not win any more.
        best: whether it is the trial's best decoding from here on.
        metrics: every metric over all dialogues; empty where it was dropped.
        excesses: by how much it is beyond each limit, by the limit.
        seconds: what it took.
        tokens: what it cost: tokens that were written, once for each beam and once for reading.
    """

    kind: ClassVar[str] = "decoded"
    trial: str
    setting: int
    point: dict[str, Any]
    params: dict[str, Any]
    dialogues: int = 0
    score: float = 0.0
    dropped: bool = False
    best: bool = False
    metrics: Metrics = field(default_factory=dict)
    excesses: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    tokens: int = 0


@dataclass(frozen=True)
class DecodeOpened(Event):
    """Decoding was asked for once the run had been opened: from here on this is the decode stage."""

    kind: ClassVar[str] = "decode_opened"
    stage: dict[str, Any]


@dataclass(frozen=True)
class Promoted(Event):
    """What an ended trial leaves behind was moved from its attempts to its folder."""

    kind: ClassVar[str] = "promoted"
    trial: str
    attempt: int | None


@dataclass(frozen=True)
class StopAsked(Event):
    """A person asked the run to stop, from elsewhere (`summtune stop`).

    Attributes:
        now: whether trials that run are left as they are; otherwise they are trained to their end, and no new one begins.
        by: who asked: process and host.
    """

    kind: ClassVar[str] = "stop_asked"
    now: bool
    by: str


@dataclass(frozen=True)
class Salvaged(Event):
    """The log had been damaged, and this is what could be kept of it.

    Attributes:
        copy: the damaged log, relative to the run directory.
        texts: what could not be kept, for a person.
        lost: trials of which nothing but their number is known; it is not given again.
    """

    kind: ClassVar[str] = "salvaged"
    copy: str
    texts: list[str]
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunClosed(Event):
    """A run ended, or was left resumable.

    Attributes:
        status: finished, interrupted or failed.
    """

    kind: ClassVar[str] = "run_closed"
    status: str
    reason: str = ""


_ALL = (
    *(RunOpened, Taught, RunResumed, PointDrawn, TrialStarted, Retried, Reported, Noted, Decided, WentOn, Told, Ended, Promoted),
    *(GroupStarted, SearchEnded, Halted, Scored, NotScored, DecodeOpened, Decoded, StopAsked, Salvaged, RunClosed),
)

KINDS: dict[str, type[Event]] = {kind.kind: kind for kind in _ALL}


def from_record(record: Any) -> Event:
    """The event that `to_record` made a record of.

    Raises:
        ValueError: it is no mapping, of no known kind, or its fields are not that kind's.
    """
    if not isinstance(record, dict):
        raise ValueError("not an event")
    fields = dict(record)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"no event is called {kind!r}")
    try:
        return KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"not a {kind} event: {error}") from error
