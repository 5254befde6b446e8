"""What several objectives don't go together with, and what they change. It must not know what comes of them (`search`, `events` do)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from summtune import registry
from summtune.config.objective import Objective
from summtune.config.space_document import SpaceDocument
from summtune.config.space_file import SpaceFile
from summtune.config.stopping import Stopping
from summtune.errors import Problem
from summtune.space.parameters import Constant
from summtune.space.spec import NOT_YET, Parsed


def problems(space: SpaceDocument, top: SpaceFile, decoded: Parsed) -> Iterator[Problem]:
    """What a search for several objectives can't do.

    Args:
        space: for places.
        top: its top level.
        decoded: what would be searched after training.
    """
    if (why := one_only(top.method)) is not None:
        reason = f"{top.method} searches for one objective: {why}."
        yield space.problem(("method",), reason, f"Use {', '.join(methods())}, or give one `metric`.")
    if top.seeds:
        reason = "points that could win are repeated, by the mean of one score; on a front none wins."
        yield space.problem(("seeds",), reason, "Leave it out, or give one `metric`.")
    if top.warm_start:
        reason = f"{NOT_YET} earlier runs teach a search for one objective only: what is told of their trials is one score."
        yield space.problem(("warm_start",), reason, "Leave it out, or give one `metric`.")
    varying = next((one for one in decoded.parameters if not isinstance(one, Constant)), None)
    if varying is not None:
        reason = "decoding is searched after training by one score, which would take a model off the front unseen."
        yield space.problem(decoded.places[varying.name], reason, "Write `decode: inline` to train with each, or give one `metric`.")


def notices(stopping: Stopping, iterations: int, objectives: Sequence[Objective]) -> Iterator[str]:
    """What a person who searches for several should know.

    Args:
        stopping: the rule.
        iterations: evaluations of the longest trial.
        objectives: what is searched for.
    """
    first, others = objectives[0].name, ", ".join(one.name for one in objectives[1:])
    if stopping.judged_at(iterations):
        yield (
            f"rungs judge by {first} alone: a trial that is weak in it goes no further, however good it is in {others}. "
            "`early_terminate: none` trains all to their end."
        )


def one_only(method: str) -> str | None:
    """Why a method can't search for several objectives; None where it can, or there is no such method."""
    if method not in registry.names("search.methods"):
        return None
    why: str | None = getattr(registry.load("search.methods", method), "ONE_OBJECTIVE", None)
    return why


def methods() -> tuple[str, ...]:
    """Those that can."""
    return tuple(name for name in registry.names("search.methods") if one_only(name) is None)
