"""What a search space is after: the metrics that it searches for, and the limits that its trials have to keep to."""

from __future__ import annotations

from dataclasses import dataclass

from summtune import registry
from summtune.config.metrics import goals, is_share, readable
from summtune.config.objective import Objective, check_share, objective, reported_name
from summtune.config.settings import Settings
from summtune.config.space_document import SpaceDocument
from summtune.config.space_file import MetricSpec, SpaceFile
from summtune.documents import KeyPath
from summtune.errors import Problem
from summtune.events.limits import Limit
from summtune.space.constraints import Constraints
from summtune.space.naming import Unfit


@dataclass(frozen=True)
class AimReader:
    """Reads both by the metrics that the settings have; what is wrong is added to the list that it is given.

    Attributes:
        settings: None where they are wrong themselves: that is named already.
    """

    space: SpaceDocument
    problems: list[Problem]
    settings: Settings | None

    def objectives(self, top: SpaceFile) -> tuple[Objective, ...]:
        """What is searched for, one at least."""
        if not top.objectives:
            return (self._objective(("metric",), top.metric),)
        found = tuple(self._objective(("objectives", place), spec) for place, spec in enumerate(top.objectives))
        for place, spec in enumerate(top.objectives):
            if "name" not in spec.model_fields_set:
                reason = "an objective among several needs a name."
                self.problems.append(self.space.problem(("objectives", place), reason, "Write {name: rouge_combined_f1}."))
        names = [one.name for one in found]
        for place, name in enumerate(names):
            if name in names[:place] and not self.problems:
                self.problems.append(self.space.problem(("objectives", place, "name"), f"{name} stands here twice.", "Remove one of them."))
        return found

    def _objective(self, path: KeyPath, spec: MetricSpec) -> Objective:
        try:
            metrics = self.settings.evaluation.metrics if self.settings is not None else registry.names("metrics")
            if not readable(metrics):
                return Objective()
            found = objective(spec.name, spec.goal, spec.target, goals(metrics))
            if self.settings is not None and found.target is not None and is_share(found.name, metrics, self.settings.evaluation.combined):
                check_share(found.name, found.target)
            return found
        except Unfit as unfit:
            wrong = "goal" if "would look for" in unfit.reason else "target" if "lies beyond" in unfit.reason else "name"
            self.problems.append(self.space.problem((*path, wrong), unfit.reason, unfit.remedy))
            return Objective()

    def limits(self, constraints: Constraints) -> tuple[Limit, ...]:
        """What is asked of every trial besides."""
        if self.settings is None or not readable(self.settings.evaluation.metrics):
            return ()  # what stands in the way of that is named already
        known = goals(self.settings.evaluation.metrics)
        found: list[Limit] = []
        for one in constraints.limits:
            try:
                name = reported_name(one.metric, known)
                if is_share(name, self.settings.evaluation.metrics, self.settings.evaluation.combined):
                    check_share(name, one.limit)
                found.append(Limit(name, one.sign, one.limit))
            except Unfit as unfit:
                self.problems.append(self.space.problem(one.path, unfit.reason, unfit.remedy))
        return tuple(found)
