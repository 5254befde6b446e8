"""When weak trials stop: `early_terminate` in our words and in W&B's, brought down to what a rule asks.

It must not know how a rule decides (`search` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from summtune import registry
from summtune.config.complaints import one_of
from summtune.config.space_file import EarlyTerminateSpec
from summtune.space.naming import Unfit

LEAST_ETA = 1.01


@dataclass(frozen=True)
class Stopping:
    """What a stopping rule is told.

    Attributes:
        type: the rule, a file of `search/stopping`; `none` stops no trial.
        eta: at each rung one in eta goes on, and the next rung is eta times as far; above 1.
        min_iter: the first rung.
        max_iter: rungs lie below it; by default the iterations of a full trial.
        given: the rungs themselves, where they are no powers of eta (W&B's max_iter with s).
        strict: a trial is judged by its evaluation at the rung, instead of its best so far (W&B's).
        brackets: the parameter whose values compete among themselves only; None: all compete.
        left_out: which of min_iter and max_iter follow the iterations, since nobody gave them.
    """

    type: str
    eta: float = 3
    min_iter: int = 1
    max_iter: int = 1
    given: tuple[int, ...] = ()
    strict: bool = False
    brackets: str | None = None
    left_out: tuple[str, ...] = field(default=(), compare=False)

    def rungs(self, iterations: int | None = None) -> tuple[int, ...]:
        """min_iter, and eta times as far each, ascending: those below the last iteration, where stopping saves nothing."""
        if self.type == "none":
            return ()
        end = self.max_iter if iterations is None else min(self.max_iter, iterations)
        if self.given:
            return tuple(rung for rung in self.given if rung < end)
        rungs: list[int] = []
        rung: float = self.min_iter
        while rung < end:
            rungs.append(int(rung))
            rung *= self.eta
        return tuple(dict.fromkeys(rungs))

    def judged_at(self, iterations: int) -> tuple[int, ...]:
        """The iterations of a full trial at which its rule judges, ascending."""
        return tuple(self._judged(iterations))

    def judges(self, iterations: int) -> bool:
        """Whether there are any."""
        return next(self._judged(iterations), None) is not None

    def _judged(self, iterations: int) -> Iterator[int]:
        rule = registry.load("search.stopping", self.type)
        return (one for one in range(1, iterations + 1) if rule.rung(self, one, iterations) is not None)

    def over(self, iterations: int) -> Stopping:
        """The same where a full trial has so many iterations: what was left out follows them."""
        first = _first(iterations) if "min_iter" in self.left_out else self.min_iter
        return replace(self, min_iter=first, max_iter=iterations if "max_iter" in self.left_out else self.max_iter)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Stopping:
        """What `dataclasses.asdict` made, read back from JSON."""
        return cls(**{**record, "given": tuple(record["given"]), "left_out": tuple(record.get("left_out", ()))})


def types() -> tuple[str, ...]:
    """What `early_terminate.type` may be: the files of `search/stopping`."""
    return registry.names("search.stopping")


def stopping(spec: EarlyTerminateSpec | None, iterations: int) -> Stopping:
    """What `early_terminate` says, or the default: asha, eta 3, the first rung at a twentieth of the iterations, rounded up.

    `brackets` is left to whoever knows the parameters.

    Raises:
        Unfit: it contradicts itself, or there is no such rule.
    """
    spec = EarlyTerminateSpec() if spec is None else spec
    if spec.type == "hyperband":
        return _hyperband(spec, iterations)
    if spec.type not in types():
        raise one_of(spec.type, list(types()))
    takes = registry.load("search.stopping", spec.type).TAKES
    for name, known in EarlyTerminateSpec.model_fields.items():
        if name != "type" and name not in takes and getattr(spec, name) != known.default:
            remedy = "Use `type: hyperband`, or leave it out." if name in ("s", "strict") else "Leave it out."
            raise Unfit(f"{spec.type} has no `{name}`.", remedy)
    first = spec.min_iter if spec.min_iter is not None else _first(iterations)
    if spec.max_iter is not None and spec.max_iter <= first:
        raise Unfit(f"max_iter {spec.max_iter} is not above the first rung, {first}.", "Raise max_iter.")
    end = spec.max_iter if spec.max_iter is not None else iterations
    left_out = tuple(name for name in ("min_iter", "max_iter") if getattr(spec, name) is None)
    return Stopping(spec.type, _eta(spec), first, end, left_out=left_out)


def stops_nothing(found: Stopping, iterations: int) -> str | None:
    """That no iteration is judged, as a notice; None where one is, or nobody asked for any."""
    if found.type == "none" or found.judges(iterations):
        return None
    return (
        f"no trial will be stopped early: the first rung, {found.min_iter}, is not below the last iteration, {iterations}."
        " Train for more epochs, or lower early_terminate.min_iter."
    )


def _first(iterations: int) -> int:
    return -(-iterations // 20)


def not_looked_at(spec: EarlyTerminateSpec | None) -> str | None:
    """What of hyperband's fields has no say beside the others, as a notice."""
    if spec is None or spec.type != "hyperband":
        return None
    if spec.max_iter is not None and spec.s is not None:
        return "early_terminate: max_iter and s say the rungs, as in W&B; min_iter has no say." if spec.min_iter is not None else None
    return "early_terminate: min_iter says the rungs, as in W&B; s has no say without max_iter." if spec.s is not None else None


def _eta(spec: EarlyTerminateSpec) -> float:
    if spec.eta < LEAST_ETA:
        raise Unfit(f"eta {spec.eta} is hardly above 1: hardly a trial would be stopped.", f"Give at least {LEAST_ETA}.")
    return int(spec.eta) if float(spec.eta).is_integer() else spec.eta


def wandb_rungs(max_iter: int, s: int, eta: float) -> tuple[int, ...]:
    """W&B's rungs for `max_iter` and `s`: max_iter/eta, max_iter/eta², …, s of them, each cut to an integer."""
    rungs: list[int] = []
    band = float(max_iter)
    for _ in range(s):
        band /= eta
        if band < 1:
            break
        rungs.append(int(band))
    return tuple(sorted(set(rungs)))


def _hyperband(spec: EarlyTerminateSpec, iterations: int) -> Stopping:
    """W&B's: max_iter with s if both are there, otherwise min_iter."""
    eta = _eta(spec)
    if spec.max_iter is not None and spec.s is not None:
        rungs = wandb_rungs(spec.max_iter, spec.s, eta)
        if not rungs:
            raise Unfit(f"max_iter {spec.max_iter} with eta {eta} has no rung.", "Raise max_iter, or give min_iter.")
        return Stopping("hyperband", eta, rungs[0], rungs[-1] + 1, rungs, spec.strict)
    if spec.min_iter is None:
        raise Unfit("hyperband needs min_iter, or max_iter with s.", "Write `min_iter: 1`.")
    if spec.max_iter is not None and spec.max_iter <= spec.min_iter:
        raise Unfit(f"max_iter {spec.max_iter} is not above the first rung, {spec.min_iter}.", "Raise max_iter.")
    if spec.max_iter is None:
        return Stopping("hyperband", eta, spec.min_iter, iterations, strict=spec.strict, left_out=("max_iter",))
    return Stopping("hyperband", eta, spec.min_iter, spec.max_iter, strict=spec.strict)
