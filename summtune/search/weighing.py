"""Several objectives as one, for a sampler that learns a single score: each time it is asked other weights (ParEGO).

Knowles, ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective optimization problems, 2006; SMAC does
the same. It must not know how a sampler learns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from summtune.events.fronts import Losses
from summtune.search.observed import Observed

RHO = 0.05
"""Knowles' share of the plain weighted sum: of two points that are equally bad where they are worst, the better one elsewhere counts."""


def weighed(seen: Sequence[Observed], draw: np.random.Generator) -> list[Observed]:
    """What is known as if there were one objective: the largest of the weighted losses, each from 0 to 1 between the least and the most of
    the usable points (augmented Tchebycheff), so that also bays of the front are found. With one objective, what is known as it is.

    Args:
        seen: of each point.
        draw: of the weights.
    """
    if not seen or len(seen[0].losses) < 2:
        return list(seen)
    usable = [one.losses for one in seen if one.usable]
    if not usable:
        return list(seen)
    weights = draw.dirichlet(np.ones(len(usable[0])))
    least = np.min(usable, axis=0)
    width = np.maximum(np.max(usable, axis=0) - least, 1e-12)
    scales, bottoms = (weights / width).tolist(), least.tolist()  # plain numbers: there are many points, of few objectives each

    def loss(losses: Losses) -> Losses:
        if not all(map(math.isfinite, losses)):
            return (math.inf,)
        parts = [scale * (value - bottom) for scale, value, bottom in zip(scales, losses, bottoms, strict=True)]
        return (max(parts) + RHO * sum(parts),)

    return [replace(one, losses=loss(one.losses), curve={step: loss(at) for step, at in one.curve.items()}) for one in seen]
