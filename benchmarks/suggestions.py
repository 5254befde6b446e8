"""What a suggestion costs, by how many finished trials there are to learn from (BENCH_KNOWN)."""

from __future__ import annotations

import math
import os
import random
import time

import numpy as np
from optuna.trial import TrialState

from summtune.search.study import Search
from summtune.space.parameters import Reals
from summtune.space.space import Draw, Space

KNOWN = tuple(map(int, os.environ.get("BENCH_KNOWN", "300,1000,3000,10000").split(",")))
METHODS = ("bayes", "tpe")
SETTINGS = 8
EVALUATIONS = 10
REPEATS = 15


def main() -> None:
    """Print the table."""
    for method in METHODS:
        milliseconds(method, 100)  # the first of a process also loads the libraries
    columns = " | ".join(f"{method}, ms of CPU: median | from – to" for method in METHODS)
    print(f"| finished trials | {columns} |\n|{'---|' * (2 * len(METHODS) + 1)}")
    for finished in KNOWN:
        cells = []
        for method in METHODS:
            found = milliseconds(method, finished)
            cells.append(f"{np.median(found):.0f} | {min(found):.0f} – {max(found):.0f}")
        print(f"| {finished:,} | {' | '.join(cells)} |", flush=True)


def milliseconds(method: str, finished: int) -> list[float]:
    """Of CPU, so that what else the machine does counts little: of several suggestions in a row, each a trial that then runs."""
    space = Space.of([Reals(f"x{number}", 1e-5, 1.0, log=number % 2 == 0) for number in range(SETTINGS)])
    search = Search(space, method, maximize=True, seed=1, count=2 * finished)
    draw = random.Random(1)
    teacher = Search(space, "random", maximize=True, seed=2, count=2 * finished)
    for number in range(finished):
        proposal = teacher.propose(str(number), number)
        assert proposal is not None
        search.adopt(str(number), Draw(proposal.point, proposal.params))
        end = sum(math.sin(3 * value) for value in proposal.params.values())
        for evaluation in range(1, EVALUATIONS + 1):
            search.observe(str(number), evaluation, end * (1 - 0.5**evaluation) + draw.gauss(0, 0.01))
        search.tell(str(number), TrialState.COMPLETE, end)
    found = []
    for number in range(finished, finished + REPEATS):
        began = time.process_time()
        search.propose(str(number), number)
        found.append(1000 * (time.process_time() - began))
    return found
