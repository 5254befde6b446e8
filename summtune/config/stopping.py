"""When weak trials stop: `early_terminate` in our words and in W&B's, brought down to rungs.

It must not know how a rung decides (`search` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from summtune.config.space_file import EarlyTerminateSpec
from summtune.space.naming import Unfit
from summtune.space.spec import NOT_YET


@dataclass(frozen=True)
class Stopping:
    """Rungs.

    Attributes:
        type: `none` stops no trial.
        eta: at each rung one in eta goes on, and the next rung is eta times as far; above 1.
        min_iter: the first rung.
        max_iter: rungs lie below it; by default the iterations of a full trial.
        given: the rungs themselves, where they are no powers of eta (W&B's max_iter with s).
    """

    type: Literal["asha", "none"]
    eta: float = 3
    min_iter: int = 1
    max_iter: int = 1
    given: tuple[int, ...] = ()

    def rungs(self, iterations: int | None = None) -> tuple[int, ...]:
        """Iterations at which trials are stopped, ascending: those below the last one, where stopping saves nothing."""
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


def stopping(spec: EarlyTerminateSpec | None, iterations: int) -> Stopping:
    """What `early_terminate` says, or the default: asha, eta 3, the first rung at a twentieth of the iterations, rounded up.

    Raises:
        Unfit: it contradicts itself, or asks for what can't be done yet.
    """
    spec = EarlyTerminateSpec() if spec is None else spec
    if spec.type == "none":
        return Stopping("none", max_iter=iterations)
    if spec.type == "median":
        raise Unfit(f"{NOT_YET} `type: median` is understood, but can't be run so far.", "Use asha.")
    if spec.brackets is not None:
        raise Unfit(f"{NOT_YET} `brackets` is understood, but can't be run so far.", "Leave it out.")
    if spec.strict:
        raise Unfit(f"{NOT_YET} `strict` is understood, but can't be run so far.", "Leave it out.")
    if spec.type == "hyperband":
        return _hyperband(spec, iterations)
    if spec.s is not None:
        raise Unfit("asha has no `s`.", "Use `type: hyperband`, or leave it out.")
    first = spec.min_iter if spec.min_iter is not None else -(-iterations // 20)
    if spec.max_iter is not None and spec.max_iter <= first:
        raise Unfit(f"max_iter {spec.max_iter} is not above the first rung, {first}.", "Raise max_iter.")
    return Stopping("asha", _eta(spec), first, spec.max_iter if spec.max_iter is not None else iterations)


def not_looked_at(spec: EarlyTerminateSpec | None) -> str | None:
    """What of hyperband's fields has no say beside the others, as a notice."""
    if spec is None or spec.type != "hyperband":
        return None
    if spec.max_iter is not None and spec.s is not None:
        return "early_terminate: max_iter and s say the rungs, as in W&B; min_iter has no say." if spec.min_iter is not None else None
    return "early_terminate: min_iter says the rungs, as in W&B; s has no say without max_iter." if spec.s is not None else None


def _eta(spec: EarlyTerminateSpec) -> float:
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
        return Stopping("asha", eta, rungs[0], rungs[-1] + 1, rungs)
    if spec.min_iter is None:
        raise Unfit("hyperband needs min_iter, or max_iter with s.", "Write `min_iter: 1`.")
    if spec.max_iter is not None and spec.max_iter <= spec.min_iter:
        raise Unfit(f"max_iter {spec.max_iter} is not above the first rung, {spec.min_iter}.", "Raise max_iter.")
    return Stopping("asha", eta, spec.min_iter, spec.max_iter if spec.max_iter is not None else iterations)
