"""From a search space, its base, the environment and --set to an Experiment; every problem on the way is collected before any is raised."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from summtune.config import presets, several, synonyms, validation, workers
from summtune.config.aim_reader import AimReader
from summtune.config.catalogue import catalogue
from summtune.config.environment import read_assignments, read_environment
from summtune.config.evaluations import longest
from summtune.config.experiment import Experiment, Resources
from summtune.config.layering import Layers, Unwhole, drawn_models
from summtune.config.layers import Entry, Layer, Origin, Resolved
from summtune.config.metrics import LOSS
from summtune.config.objective import Objective
from summtune.config.orphans import lost_bundles, without_lost
from summtune.config.places import is_there, placed_parameter, resolved_path
from summtune.config.resolving import read_base, resolved_settings
from summtune.config.searched import Possible, Searched
from summtune.config.settings import Settings
from summtune.config.settings_file import Reading, SectionReader
from summtune.config.space_check import SpaceCheck, counted
from summtune.config.space_checks import SpaceChecks
from summtune.config.space_document import SpaceDocument, read_space
from summtune.config.space_file import DEFAULT_BASE, DEFAULT_COUNT, DEFAULT_DECODE_COUNT, DecodeSpec, SpaceFile
from summtune.config.stages import GENERATION, DecodeStage, Stages, asked_for, outside_generation, split, together
from summtune.config.stopping_reader import StoppingReader
from summtune.config.top_level import TopLevel
from summtune.config.warm_start_reader import WarmStartReader
from summtune.errors import Problem, SettingsMistake
from summtune.space.constraints import Constraints, parse_constraints
from summtune.space.naming import Unfit, did_you_mean
from summtune.space.parameters import Choice, Constant
from summtune.space.parsing import parse_parameters
from summtune.space.space import Space
from summtune.space.spec import Parsed
from summtune.space.values import shown

SEED = "general.seed"


def load(path: Path, assignments: Sequence[str], environ: Mapping[str, str], *, all_here: bool, root: Path) -> Experiment:
    """As `experiment.load_experiment`."""
    return _Loading(read_space(path, assignments), environ, all_here, root).experiment()


@dataclass
class _Loading:
    """One loading. Each step adds to the problems and the notices."""

    space: SpaceDocument
    environ: Mapping[str, str]
    all_here: bool
    root: Path
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """What relative paths in the file are relative to."""
        return Path(self.space.document.file).absolute().parent

    def experiment(self) -> Experiment:
        self.problems.extend(self.space.problems)
        reader = TopLevel(self.space)
        top = reader.read()
        self.problems.extend(reader.problems)
        self.notices.extend(reader.notices)
        parsed, given = self._parameters(top)
        constraints = self._constraints(top, together(parsed, given))
        layers = self._layers(top, parsed)
        judged = self._judged(top, parsed, given, constraints, layers)
        stages, settings, known, base = judged.stages, judged.settings, judged.known, judged.base
        models, kept, check, decoded, decode_check = known or (), judged.kept, judged.check, judged.decoded, judged.decode_check
        space, afterwards = check.space, decode_check.space
        self.notices.extend(stages.notices(decoded))
        self.problems.extend(validation.not_yet(layers.base, check.searched))
        for entry, reason, remedy in layers.covered(kept):
            self.problems.append(entry.problem(reason, remedy))
        if settings is not None and known is not None:
            at_work = workers.workers_of(top.resources.workers_per_trial, top.resources.gpus_per_trial)
            for drawn, layer, resolved in (({}, layers.base, base), *layers.of_models):
                by_key = {one.parameter.name: one for one in (*check.searched, *decode_check.searched)}
                later = frozenset(afterwards.keys)
                possible = _in_both(check.possible_with(drawn), decode_check.possible_with({}), later)
                found = validation.combinations(resolved.settings, layer, by_key, possible, later, data_here=self.all_here)
                self.problems.extend(found)
                self.problems.extend(workers.problems(resolved.settings, layer, by_key, at_work))
            if top.baseline:
                self.problems.extend(validation.of_baseline(settings, layers.base, self.problems))
            self.problems.extend(check.problems(top.method))
            self.problems.extend(decode_check.problems(asked_for(top).method))
            self.notices.extend(check.notices(layers.base, also_varying=afterwards.keys))
            self.notices.extend([*check.toothless(layers.pinned_keys), *decode_check.toothless(layers.pinned_keys)])
            self.notices.extend([*check.unnarrowed(), *decode_check.unnarrowed(), *decode_check.judged_by_base()])
            self.notices.extend(workers.notices(settings, layers.base, at_work))
            if settings.data.train is None and not set(layers.base_file).isdisjoint(layers.base):
                self.notices.append("no data are named, neither by the base nor here: the sample data are used.")
        for resolved in (base, *(resolved for _, resolved in models)):
            self.notices.extend(validation.warnings(resolved.settings))
        if top.method != "random" and any(isinstance(one, Choice) and one.weights for one in kept.parameters):
            self.notices.append(f"method {top.method} does not look at `probabilities`; `random` draws by them.")
        self._device(top, settings)
        self._proxy_decoding(layers.base, check.searched)
        self._seeds(top, kept, settings)
        beneath = [base, *(resolved for _, resolved in models)]
        after = {one.name for one in stages.decoding.parameters}
        trained = replace(parsed, parameters=[one for one in parsed.parameters if one.name not in after])
        stop = StoppingReader(self.space, self.problems, self.notices).stopping(top, beneath, trained, kept)
        aims = AimReader(self.space, self.problems, settings)
        objectives, limits = aims.objectives(top), aims.limits(constraints)
        decode = self._decode_stage(top, together(parsed, given), decoded, afterwards, objectives[0])
        if len(objectives) > 1:
            self.problems.extend(several.problems(self.space, top, decoded))
            self.notices.extend(several.notices(stop, max(longest(one.flat, kept.parameters) for one in beneath), objectives))
        warm = WarmStartReader(self.space, self.problems, self.root, all_here=self.all_here)
        earlier = warm.folders(top, space.searched, settings) if settings is not None else ()
        if self.problems or settings is None:
            raise SettingsMistake(_in_order(self.problems))
        budget = top.budget.model_dump(exclude_none=True) if top.budget else {}
        count = top.count or top.run_cap or budget.pop("trials", None)
        budget.pop("trials", None)
        asked = count is not None
        if budget and not asked:
            self.notices.append(f"budget: no more than {DEFAULT_COUNT} trials are run, whatever is left of it; `run_cap` says otherwise.")
        experiment = Experiment(
            name=reader.title(top),
            description=top.description,
            file=self.space.document.file,
            source=self.space.document.text,
            base=base,
            models=models,
            space=space,
            method=top.method,
            objective=objectives[0],
            further=objectives[1:],
            limits=limits,
            stopping=stop,
            count=count or DEFAULT_COUNT,
            baseline=top.baseline,
            decode=decode,
            resources=Resources(**{one.name: getattr(top.resources, one.name) for one in fields(Resources)}),
            budget=budget,
            patience_trials=top.patience_trials,
            seeds=top.seeds,
            warm_start=earlier,
        )
        return replace(experiment, notices=tuple(dict.fromkeys([*self.notices, *counted(experiment, asked=asked)])))

    def _judged(self, top: SpaceFile, parsed: Parsed, given: Parsed, constraints: Constraints, layers: Layers) -> _Judged:
        """Both stages' spaces over the settings beneath, without what is pinned."""
        left, given_left = layers.without_pinned(parsed, self.notices), layers.without_pinned(given, self.notices)
        layers.fixed.update(self._fixed(left))
        lost = lost_bundles(together(parsed, given), together(left, given_left))
        rules = without_lost(constraints.rules, lost, self.notices)
        stages = split(self.space, top, left, given_left, replace(constraints, rules=rules))
        self.problems.extend(stages.problems)
        layers.drawn = Space.of(stages.training.parameters, stages.training.conditions).always_set
        settings = resolved_settings(layers.base, self.problems)
        known = self._models(layers, stages.training) if settings is not None else None
        base = Resolved(settings or Settings(), synonyms.mirrored_origins(layers.base))
        idle_alone = partial(self._idle_alone, top, parsed, given, constraints)
        checks = SpaceChecks(self.space, constraints, base, layers.pinned_keys, lost, idle_alone, self.notices)
        whole = settings is not None and known is not None
        kept, check = checks.of(stages.training, stages.training_rules, known or (), whole=whole)
        decoded, decode_check = checks.of(stages.decoding, stages.decoding_rules, (), known or (), whole=whole)
        return _Judged(stages, settings, known, base, kept, check, decoded, decode_check)

    def _idle_alone(self, top: SpaceFile, parsed: Parsed, given: Parsed, constraints: Constraints) -> set[str]:
        """The parameters that have no effect in the file as it stands, with nothing pinned."""
        alone = replace(self, space=replace(self.space, settings=[]), environ={}, problems=[], notices=[])
        judged = alone._judged(top, parsed, given, constraints, alone._layers(top, parsed))
        if alone.problems:
            return set()
        return {one.name for check in (judged.check, judged.decode_check) for one in check.idle()}

    def _take(self, reading: Reading) -> Layer:
        self.problems.extend(reading.problems)
        self.notices.extend(reading.notices)
        return reading.layer

    def _parameters(self, top: SpaceFile) -> tuple[Parsed, Parsed]:
        """What stands under `parameters`, and under `decode.parameters`."""
        found = []
        decode = self.space.value.get("decode")
        within = isinstance(top.decode, DecodeSpec) and isinstance(decode, dict) and decode.get("parameters") is not None
        if self.space.value.get("parameters") is None and not within:
            hint = "Write `parameters: {learning_rate: {min: 1e-5, max: 1e-3}}`."
            self.problems.append(self.space.problem((), "there are no `parameters`: nothing varies.", hint))
        for path, there in ((("parameters",), self.space.value.get("parameters") is not None), (("decode", "parameters"), within)):
            parsed = parse_parameters(self.space.document, path, catalogue()) if there else Parsed()
            self.problems.extend(parsed.problems)
            self.notices.extend(parsed.notices)
            found.append(parsed)
        self.problems.extend(outside_generation(self.space, found[1]))
        return found[0], found[1]

    def _constraints(self, top: SpaceFile, parsed: Parsed) -> Constraints:
        if top.constraints in (None, []):
            return Constraints()
        found = parse_constraints(self.space.document, ("constraints",), self.space.value["constraints"], catalogue(), parsed)
        self.problems.extend(found.problems)
        return found

    def _layers(self, top: SpaceFile, parsed: Parsed) -> Layers:
        preset, base = self._base(top)
        settings = self._take(self._settings_layer())
        fixed = self._fixed(parsed)
        for key in [key for key in fixed if key in settings and settings[key].value != fixed[key].value]:
            value, other = shown(fixed[key].value), shown(settings[key].value)
            self.notices.append(f"{key}: {value} under `parameters` takes the place of {other} under `settings`.")
        environment = self._take(read_environment(self.environ))
        assigned = self._take(read_assignments(self.space.settings))
        return Layers(preset, base, settings, fixed, environment, assigned, self.notices)

    def _models(self, layers: Layers, kept: Parsed) -> tuple[tuple[dict[str, Any], Resolved], ...] | None:
        """Where models are drawn: each of them, with the settings beneath; None where that can't be said."""
        found = []
        try:
            models = drawn_models(kept)
        except Unwhole as unfit:
            self.problems.append(self.space.problem(kept.places[unfit.parameter], unfit.reason, unfit.remedy))
            return None
        for drawn in models:
            place = kept.places[drawn.by]
            where = self.space.document.marks.get(place)
            origin = Origin("search", self.space.document.file, where.line if where else None)
            by = Entry(None, origin, ".".join(str(part) for part in place), where.column if where else None)
            layer = layers.with_model(drawn.model, by)
            settings = resolved_settings(layer, self.problems)
            if settings is not None:
                resolved = Resolved(settings, synonyms.mirrored_origins(layer))
                layers.of_models.append((drawn.model, layer, resolved))
                found.append((drawn.model, resolved))
        for key, entry in layers.shadowing(kept):
            reason = f"it is fixed, and {key} is searched: every model drawn would have it."
            self.problems.append(entry.problem(reason, "Remove one of them."))
        return tuple(found)

    def _base(self, top: SpaceFile) -> tuple[str | None, Layer]:
        """The preset of the base's own model, and the base file."""
        named = top.base
        if named is None or named in presets.names():
            return named or DEFAULT_BASE, {}
        folder = Path.cwd() if ("base",) in self.space.assigned else self.folder
        try:
            path = Path(resolved_path(named, folder))
        except Unfit as unfit:
            self.problems.append(self.space.problem(("base",), unfit.reason, unfit.remedy))
            return DEFAULT_BASE, {}
        if not is_there(path):
            remedy = did_you_mean(named, presets.names()).replace("There are", "The presets are")
            self.problems.append(self.space.problem(("base",), f"there is no preset {named!r}, and no file {path}.", remedy))
            return DEFAULT_BASE, {}
        try:
            preset, base = read_base(path)
        except SettingsMistake as mistake:
            self.problems.extend(mistake.problems)
            return DEFAULT_BASE, {}
        return preset, self._take(base)

    def _settings_layer(self) -> Reading:
        """`settings:`, and the keys at the top that are settings, too."""
        value = self.space.value
        reader = SectionReader(self.space.document, "settings", self.folder)
        reader.sections(("settings",), value.get("settings"))
        for section in ("data", "wandb"):
            if value.get(section) is not None:
                reader.section((section,), section, value[section])
        for name in ("project", "entity"):
            if value.get(name) is not None:
                reader.keep((name,), f"wandb.{name}", value[name])
        return reader.finish()

    def _fixed(self, parsed: Parsed) -> Layer:
        """Parameters with one value that always exist: they hold for the baseline, too."""
        layer: Layer = {}
        for index, parameter in enumerate(parsed.parameters):
            try:
                absolute = placed_parameter(parameter, self.folder)
            except Unfit as unfit:
                self.problems.append(self.space.problem(parsed.places[parameter.name], unfit.reason, unfit.remedy))
                continue
            parsed.parameters[index] = absolute
            if not isinstance(absolute, Constant) or parameter.name in parsed.conditions:
                continue
            path = parsed.places[parameter.name]
            mark = self.space.document.marks[path]
            origin = Origin("parameters", self.space.document.file, mark.line)
            layer[absolute.key] = Entry(absolute.value, origin, ".".join(str(part) for part in path), mark.column)
        self.problems.extend(synonyms.reduce(layer))
        return layer

    def _proxy_decoding(self, layer: Layer, varying: Sequence[Searched]) -> None:
        """Where trials decode differently greedy evaluations would tell the search nothing of it."""
        keys = [one.parameter.name for one in varying if one.parameter.name.startswith(GENERATION)]
        strategy, decoding = layer.get("evaluation.strategy"), layer.get("evaluation.proxy_decoding")
        if keys and decoding is not None and decoding.value == "greedy" and (strategy is None or strategy.value == "proxy"):
            reason = f"cheap evaluations would not show the search what {', '.join(keys)} change."
            self.problems.append(decoding.problem(reason, "Leave it out, or write own."))

    def _device(self, top: SpaceFile, settings: Settings | None) -> None:
        if settings is not None and settings.general.device == "cpu" and top.resources.gpus_per_trial:
            reason = "general.device is cpu, which reserves no GPU."
            self.problems.append(self.space.problem(("resources", "gpus_per_trial"), reason, "Remove one of them."))

    def _seeds(self, top: SpaceFile, kept: Parsed, settings: Settings | None) -> None:
        if top.seeds and any(SEED in parameter.keys for parameter in kept.parameters if not isinstance(parameter, Constant)):
            reason = f"{SEED} is searched, too, so that points could not be repeated with other seeds."
            self.problems.append(self.space.problem(("seeds",), reason, "Remove one of them."))
        elif settings is not None and set(top.seeds) == {settings.general.seed}:
            self.notices.append(f"seeds: {settings.general.seed} is what every trial is trained with; nothing is repeated.")

    def _decode_stage(self, top: SpaceFile, written: Parsed, decoded: Parsed, space: Space, found: Objective) -> DecodeStage | None:
        wanted = asked_for(top)
        if not space.searched:
            after = [one for one in written.parameters if any(key.startswith(GENERATION) for key in one.keys)]
            if isinstance(top.decode, DecodeSpec) and all(isinstance(one, Constant) for one in after) and not self.problems:
                hint = "Write `decode: {parameters: {num_beams: {values: [1, 4]}}}`."
                fixed = "What is fixed stands under `settings: {generation: …}`."
                remedy = fixed if top.decode.parameters else hint
                self.problems.append(self.space.problem(("decode",), "it names nothing that varies.", remedy))
            elif space.constants:
                said = " and ".join(
                    f"{key} is not set to {shown(value)}, either (`--set {key}={shown(value)}` does that)"
                    for key, value in space.constants.items()
                )
                self.notices.append(f"nothing is left to be searched after training: {said}.")
            return None
        if found.name == LOSS:
            reason = f"decoding doesn't change the {LOSS}, which is searched for."
            self.problems.append(
                self.space.problem(decoded.places[space.searched[0]], reason, "Search for another metric, or leave it out.")
            )
        return DecodeStage(space, wanted.method, wanted.count or wanted.run_cap or DEFAULT_DECODE_COUNT, wanted.top_k)


@dataclass(frozen=True)
class _Judged:
    """What `_Loading._judged` found.

    Attributes:
        stages: what is searched when.
        settings: the base's; None where they can't be.
        known: the models that are drawn; None where that can't be said.
        base: the settings beneath.
        kept, check: what trials are trained with.
        decoded, decode_check: what is searched after training.
    """

    stages: Stages
    settings: Settings | None
    known: tuple[tuple[dict[str, Any], Resolved], ...] | None
    base: Resolved
    kept: Parsed
    check: SpaceCheck
    decoded: Parsed
    decode_check: SpaceCheck


def _in_both(training: Possible, decoding: Possible, after: Collection[str]) -> Possible:
    """Whether values are possible together: while training, or with those of the keys searched `after` it in that stage."""

    def possible(wanted: Mapping[str, Any]) -> bool:
        decoded = {key: value for key, value in wanted.items() if key in after}
        if training(wanted):
            return True
        return bool(decoded) and decoding(decoded) and training({key: wanted[key] for key in wanted if key not in decoded})

    return possible


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Each problem once, file by file in the order of lines; those of the environment and the command line last."""
    files = list(dict.fromkeys(problem.file for problem in problems if problem.file))
    known = {file: number for number, file in enumerate([*files, ""])}
    return sorted(dict.fromkeys(problems), key=lambda problem: (known[problem.file], problem.line or 0, problem.column or 0))
