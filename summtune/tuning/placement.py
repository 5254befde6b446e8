"""Where trials are placed: what each reserves, on which nodes, and which nodes are given none any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ray import tune
from ray.util.placement_group import NODE_ID_LABEL_KEY

from summtune.errors import SurroundingsFailure, TrialFailure
from summtune.tuning.allotment import Allotment


@dataclass
class Placement:
    """Of all trials of a run.

    Attributes:
        allotment: what each has.
        shunned: ids of the nodes that are given none: those that turned out not to see the run's folder, or to have no usable GPU.
    """

    allotment: Allotment
    shunned: set[str] = field(default_factory=set)

    @property
    def of_a_worker(self) -> Allotment:
        """One worker's share, on the nodes that are left."""
        share = self.allotment.of_a_worker
        return replace(share, label_selector=elsewhere(share.label_selector, self.shunned))

    def factory(self) -> tune.PlacementGroupFactory:
        """What Ray Tune reserves for a trial's actor.

        Several workers have a placement group of their own. Their trial's actor computes nothing: a part of a CPU that it took could be
        missing to a worker, and Ray Tune asks that it reserve something.
        """
        bundle = self.allotment.bundle if self.allotment.workers == 1 else {"memory": 1}
        selector = elsewhere(self.allotment.label_selector, self.shunned)
        return tune.PlacementGroupFactory([bundle], **({"bundle_label_selector": [selector]} if selector else {}))

    def shun(self, failure: TrialFailure, note: Callable[[str], None], room: Callable[[], int]) -> None:
        """Give the node of a failure nothing any more; it would be free at once, and be given the next.

        Args:
            failure: lies in the node.
            note: says a sentence to the person.
            room: what there is left for.

        Raises:
            SurroundingsFailure: there is no other node.
        """
        self.shunned.add(failure.node)
        note(f"{failure.message} No trial is given to that node any more; a resume asks every node again.")
        if not room():
            raise SurroundingsFailure(f"{failure.message} No other node is left. Mend that; `summtune resume` goes on.")


def elsewhere(selector: Mapping[str, str], shunned: Iterable[str]) -> dict[str, str]:
    """A label selector that leaves out these nodes."""
    ids = sorted(shunned)
    return {**selector, NODE_ID_LABEL_KEY: f"!in({','.join(ids)})"} if ids else dict(selector)
