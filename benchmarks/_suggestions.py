"""How long a suggestion takes, by how much there is to learn from."""

from __future__ import annotations

import math
import random
import time

from optuna.trial import TrialState

from summtune.search.study import Search
from summtune.space.parameters import Reals
from summtune.space.space import Space

SETTINGS = 8
EVALUATIONS = 10
REPEATS = 15


def milliseconds(method: str, finished: int = 1000) -> list[float]:
    """Of several suggestions, each a trial that then runs."""
    space = Space.of([Reals(f"x{number}", 1e-5, 1.0, log=number % 2 == 0) for number in range(SETTINGS)])
    search = Search(space, method, maximize=True, seed=1, count=2 * finished)
    draw = random.Random(1)
    teacher = Search(space, "random", maximize=True, seed=2, count=2 * finished)
    for number in range(finished):
        proposal = teacher.propose(str(number), number)
        assert proposal is not None
        from summtune.space.space import Draw

        search.adopt(str(number), Draw(proposal.point, proposal.params))
        end = sum(math.sin(3 * value) for value in proposal.params.values())
        for evaluation in range(1, EVALUATIONS + 1):
            search.observe(str(number), evaluation, end * (1 - 0.5**evaluation) + draw.gauss(0, 0.01))
        search.tell(str(number), TrialState.COMPLETE, end)
    found = []
    for number in range(finished, finished + REPEATS):
        began = time.perf_counter()
        search.propose(str(number), number)
        found.append(1000 * (time.perf_counter() - began))
    return found
