"""The search as a run uses it, its trials played by whoever holds learning curves: a table's surrogate, a function.

The same `Search` and the same rules that `tuning` wears; what the driver does with them is done here in few lines, without events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import TrialState

from summtune import registry
from summtune.config.stopping import Stopping
from summtune.events.fold import RunState
from summtune.events.kinds import Taught
from summtune.events.rungs import Rung
from summtune.search import pausing
from summtune.search.study import Search
from summtune.space.space import Draw, Space


class Replayed:
    """A search to be asked and told by a referee; less is better.

    Args:
        space: what varies.
        seed: of every random choice.
        method: a file of search/methods.
        stopping: the rungs, and the rule of search/stopping.
        count: trials that the search is said to have.
        last: evaluations of a whole training.
        taught: what earlier searches found out.
    """

    def __init__(
        self, space: Space, seed: int, method: str, stopping: Stopping, count: int, last: int, taught: Sequence[Taught] = ()
    ) -> None:
        self._search = Search(space, method, maximize=False, seed=seed, count=count)
        self._search.replay(RunState(taught=list(taught)))
        self._drawn: dict[int, Draw] = {}
        self._stopping, self._last = stopping, last
        self._rule = registry.load("search.stopping", stopping.type)
        self._scores: dict[int, list[float]] = {}
        self._rungs: dict[int, Rung] = {}

    def suggest(self, trial_id: int) -> dict[str, Any] | None:
        """The next point; None where the space is used up."""
        proposal = self._search.propose(str(trial_id), trial_id)
        if proposal is None:
            return None
        self._drawn[trial_id] = Draw(proposal.point, proposal.params)
        return proposal.point

    def lesson(self) -> Taught:
        """What it has found out."""
        told = [
            {
                "of": str(trial),
                "params": dict(self._drawn[trial].answers),
                "state": ("COMPLETE" if len(scores) == self._last else "PRUNED"),
                "value": min(scores),
                "values": [[step, score] for step, score in enumerate(scores, start=1)],
                "excesses": {},
            }
            for trial, scores in self._scores.items()
        ]
        return Taught("earlier", "", len(self._drawn), told, {})

    def report(self, trial_id: int, step: int, loss: float) -> str:
        """`continue`, `stop` or `pause`."""
        name = str(trial_id)
        self._search.observe(name, step, loss)
        scores = self._scores.setdefault(trial_id, [])
        scores.append(loss)
        rung = self._rule.rung(self._stopping, step, self._last)
        if rung is None:
            return "continue"
        there = self._rungs.setdefault(rung, Rung(maximize=False))
        score, mark = self._rule.measure(self._stopping, dict(enumerate(scores, start=1)), False)
        if self._rule.PAUSES:
            _, weak = pausing.at_arrival(self._rule, self._stopping, there, mark)
        else:
            _, weak = self._rule.judge(self._stopping, score, there.marks, False)
        there.arrive(name, mark)
        if not weak:
            there.go_on(name)
            return "continue"
        if not self._rule.PAUSES:
            return "stop"
        there.pause(name)
        self._search.pause(name, {})
        return "pause"

    def resume(self) -> int | None:
        """A paused trial to go on with: from the highest rung that has one."""
        if not self._rule.PAUSES:
            return None
        for rung in sorted(self._rungs, reverse=True):
            there = self._rungs[rung]
            name = pausing.next_to_go_on(self._rule, self._stopping, there, last=False)
            if name is not None:
                there.go_on(name)
                self._search.adopt(name, self._drawn[int(name)])
                for step, loss in enumerate(self._scores[int(name)], start=1):
                    self._search.observe(name, step, loss)
                return int(name)
        return None

    def finish(self, trial_id: int, step: int, loss: float, stopped: bool) -> None:
        """A trial is over; one that was stopped is told as pruned."""
        self._search.tell(str(trial_id), TrialState.PRUNED if stopped else TrialState.COMPLETE, min(self._scores[trial_id]))
