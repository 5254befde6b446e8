"""Several objectives as one, for a sampler that learns a single score: each time it is asked other weights (ParEGO).

Knowles, ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective optimization problems, 2006; SMAC does
the same. It must not know how a sampler learns.
"""

from __future__ import annotations

import math

import numpy as np

from summtune.search.columns import Array
from summtune.search.known import Known

RHO = 0.05
"""Knowles' share of the plain weighted sum: of two points that are equally bad where they are worst, the better one elsewhere counts."""


def weighed(known: Known, draw: np.random.Generator) -> tuple[Array, Array]:
    """What is known as if there were one objective: the largest of the weighted losses, each from 0 to 1 between the least and the most of
    the usable points (augmented Tchebycheff), so that also bays of the front are found. With one objective, what is known as it is.

    Args:
        known: of each point.
        draw: of the weights.

    Returns:
        Losses of shape (points,), and those by each look, of shape (points, looks).
    """
    usable = known.losses[(known.beyond == 0) & np.isfinite(known.losses[:, 0])]
    objectives = known.losses.shape[1]
    if objectives < 2 or not len(usable):
        return known.losses[:, 0], known.values[:, :, 0]
    weights = draw.dirichlet(np.ones(objectives))
    least = usable.min(axis=0)
    width = np.maximum(usable.max(axis=0) - least, 1e-12)

    def loss(losses: Array) -> Array:
        finite = np.all(np.isfinite(losses), axis=-1)
        parts = weights / width * (np.nan_to_num(losses, posinf=0.0) - least)
        return np.where(finite, parts.max(axis=-1) + RHO * parts.sum(axis=-1), math.inf)

    return loss(known.losses), loss(known.values)
