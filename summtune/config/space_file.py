"""The top level of a search space: every key by name, its type, and what can't be run so far.

The JSON schema of search spaces is made from these models. What stands below `parameters`, `settings`, `data` and `wandb` is read elsewhere
(`space.parsing`, `settings_file`). It must not know what comes of the values (`experiment` does).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from summtune.config.settings import NaturalInt, PositiveInt, Real, Section

METHODS_NOT_YET = ("qmc", "pbt", "gp-bo")


class MetricSpec(Section):
    """What is searched for."""

    name: str = Field(
        "best/rouge_combined_f1", description="A metric that evaluations report; W&B's prefixes (best/, eval/, val/) may stay."
    )
    goal: Literal["maximize", "minimize"] | None = Field(
        None, description="maximize or minimize; left out: what is better for that metric."
    )
    target: Real | None = Field(
        None,
        description="Once a trial's score is as good, no more trials are begun (W&B's); a cheap one, unless evaluation.strategy is full.",
    )
    impute: Any = Field(None, description="W&B's; means nothing here.")
    impute_while_running: Any = Field(None, description="W&B's; means nothing here.")


class BudgetSpec(Section):
    """What a run may use up; the first that is ends it."""

    trials: PositiveInt | None = Field(None, description="Another word for run_cap.")
    hours: Annotated[Real, Field(gt=0.0)] | None = Field(None, description="Hours that the run was at work; not those between sessions.")
    gpu_hours: Annotated[Real, Field(gt=0.0)] | None = Field(None, description="Hours of each trial times its GPUs, summed.")
    epochs: Annotated[Real, Field(gt=0.0)] | None = Field(
        None, description="Epochs of all trials together, also those that were trained again."
    )


class DecodeSpec(Section):
    """Generation parameters searched on trained checkpoints."""

    top_k: PositiveInt = Field(3, description="How many of the best trials are decoded.")
    method: str = Field("bayes", description="bayes, or another file of search/methods.")
    run_cap: PositiveInt | None = Field(None, description="Settings tried on each checkpoint; left out: 30.")
    count: PositiveInt | None = Field(None, description="The same.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="What varies, by the rules of `parameters`; generation's keys only."
    )


class EarlyTerminateSpec(Section):
    """When weak trials stop. An iteration is an evaluation, by default one per epoch."""

    type: str = Field("asha", description="asha, hyperband (W&B's fields), median, or none.")
    min_iter: PositiveInt | None = Field(None, description="First rung; left out: a twentieth of the iterations, rounded up.")
    max_iter: PositiveInt | None = Field(
        None, description="No rung from here on; hyperband with s: rungs are max_iter/eta, max_iter/eta², …"
    )
    eta: Annotated[Real, Field(gt=1.0)] = Field(
        3, description="asha, hyperband: at each rung one in eta goes on; the next rung is eta times as far."
    )
    s: PositiveInt | None = Field(None, description="hyperband: how many rungs are counted down from max_iter.")
    strict: StrictBool = Field(
        False, description="hyperband: judge a trial by its evaluation at the rung, as W&B's strict does, not by its best so far."
    )
    brackets: str | None = Field(None, description="A parameter whose values compete among themselves only.")


class ResourcesSpec(Section):
    """What a trial gets."""

    gpus_per_trial: Annotated[Real, Field(ge=0.0)] | None = Field(
        None,
        description="GPUs: a fraction of one, or whole ones, each with a worker; left out: one for each worker where there are any.",
    )
    cpus_per_trial: Annotated[Real, Field(gt=0.0)] | None = Field(
        None, description="CPUs, of all workers together; left out: a fair share."
    )
    max_concurrent_trials: PositiveInt | None = Field(
        None, description="Trials at a time, full evaluations and decoding at the end too; left out: as many as fit."
    )
    max_failures: NaturalInt = Field(
        2, description="Retries, with no evaluation in between, of a trial whose process or node was lost, or that hung; 0: none."
    )
    hung_after_s: Annotated[Real, Field(gt=0.0)] | None = Field(
        None, description="Seconds without an evaluation after which a trial has hung; left out: judged by how long the others took."
    )
    workers_per_trial: PositiveInt | None = Field(
        None, description="Workers that share each optimiser step's rows (data parallel); left out: one, or one for each of several GPUs."
    )
    accelerator_type: str | None = Field(None, description="Only nodes with GPUs of this type, by Ray's names (A100, T4, …).")
    label_selector: dict[str, str] = Field(
        default_factory=dict,
        description="Only nodes with these labels of Ray's: `{key: value}`, `!value`, `in(one, other)`, `!in(one, other)`.",
    )


class SpaceFile(Section):
    """A search space."""

    name: str | None = Field(None, description="Title; left out: the file's name.")
    description: str = Field("", description="A sentence.")
    base: str | None = Field(
        None, description="Settings to start from: a YAML file (relative to this one) or a preset; left out: tiny-kobart."
    )
    data: Any = Field(None, description="train, dev, test: paths; columns: dialogue, summary, id.")
    method: str = Field("bayes", description="bayes, or another file of search/methods.")
    metric: MetricSpec = Field(default_factory=MetricSpec, description="What is searched for.")
    objectives: tuple[MetricSpec, ...] = Field(
        (),
        description="Several metrics at once, instead of `metric`: a list of {name, goal}. Rungs and `best_…` go by the first; what comes "
        "out is a front (docs/objectives.md).",
    )
    parameters: Any = Field(None, description="What varies.")
    constraints: Any = Field(None, description="Rules between parameters.")
    early_terminate: EarlyTerminateSpec | None = Field(None, description="When weak trials stop.")
    run_cap: PositiveInt | None = Field(None, description="How many trials, as W&B calls it.")
    count: PositiveInt | None = Field(None, description="How many trials; left out: 20.")
    budget: BudgetSpec | None = Field(
        None, description="What the run may use up; once the first is, no trial is begun, and those under way end at their next evaluation."
    )
    baseline: StrictBool = Field(True, description="Train the base's own settings as trial 0.")
    warm_start: tuple[str, ...] = Field(
        (), description="Earlier runs, by name or folder, whose trials teach the search where they fit this space (docs/warm_start.md)."
    )
    patience_trials: PositiveInt | None = Field(
        None, description="Begin no more trials once so many in a row have not improved the best (with `objectives`: the front)."
    )
    seeds: tuple[NaturalInt, ...] = Field((), description="Seeds that promising points are repeated with; the mean names the winner.")
    resources: ResourcesSpec = Field(default_factory=ResourcesSpec, description="What a trial gets.")
    decode: Literal["inline"] | DecodeSpec | None = Field(None, description="`inline`: train with each; or a space of its own.")
    wandb: Any = Field(None, description="The section wandb of the settings.")
    project: Any = Field(None, description="wandb.project, as in W&B.")
    entity: Any = Field(None, description="wandb.entity, as in W&B.")
    settings: Any = Field(None, description="Fixed values laid over the base, by section.")
    program: Any = Field(None, description="W&B's; means nothing here.")
    command: Any = Field(None, description="W&B's; means nothing here.")
    controller: Any = Field(None, description="W&B's; means nothing here.")
    scheduler: Any = Field(None, description="W&B's; means nothing here.")
    job: Any = Field(None, description="W&B's; means nothing here.")
    image_uri: Any = Field(None, description="W&B's; means nothing here.")
    apiVersion: Any = Field(None, description="W&B's; means nothing here.")
    kind: Any = Field(None, description="W&B's; means nothing here.")


DEFAULT_BASE = "tiny-kobart"
DEFAULT_COUNT = 20
DEFAULT_DECODE_COUNT = 30

MEANINGLESS = ("program", "command", "controller", "scheduler", "job", "image_uri", "apiVersion", "kind")
MEANINGLESS_IN_METRIC = ("impute", "impute_while_running")
