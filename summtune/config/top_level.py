"""The top level of a search space: its keys by name, their types, and what can't be run so far. What lies deeper is read elsewhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from summtune import registry
from summtune.config.catalogue import catalogue
from summtune.config.complaints import explain, one_of
from summtune.config.labels import selector_problem
from summtune.config.space_document import SpaceDocument
from summtune.config.space_file import (
    MEANINGLESS,
    MEANINGLESS_IN_METRIC,
    METHODS_NOT_YET,
    DecodeSpec,
    SpaceFile,
)
from summtune.config.stopping import types
from summtune.config.workers import resource_problem
from summtune.documents import KeyPath
from summtune.errors import Problem
from summtune.space.naming import Unfit, did_you_mean
from summtune.space.spec import NOT_YET
from summtune.space.values import brief

_OTHER_NAMES = {"metrics": "Did you mean objectives?", "parameter": "Did you mean parameters?"}
_UNSEEN = ("Cc", "Cs", "Zl", "Zp", "Cf")  # control, surrogate, line and format characters: a name that ends otherwise than it looks
_MAX_NAME = 100
_MAX_NAME_BYTES = 200  # of UTF-8: file systems allow 255 for a name, and a stamp comes after it; a Korean letter has three


class TopLevel:
    """Reads it once; what can't be is collected."""

    def __init__(self, space: SpaceDocument) -> None:
        self.space = space
        self.problems: list[Problem] = []
        self.notices: list[str] = []

    def read(self) -> SpaceFile:
        """The top level, as far as it can be read: a key that can't be has its default."""
        self._names()
        values = self._prepared()
        while True:
            try:
                top = SpaceFile.model_validate(values)
                break
            except ValidationError as error:
                for one in error.errors(include_url=False):
                    path = tuple(part for part in one["loc"] if part != DecodeSpec.__name__)
                    if path[0] == "decode" and isinstance(values.get("decode"), dict) != (path != one["loc"]):
                        continue  # the other member of the union
                    unfit = _unknown(path) if one["type"] == "extra_forbidden" else explain(one)
                    if path[0] == "decode" and len(path) > 1 and path[1] == "literal['inline']":
                        path, unfit = ("decode",), Unfit("it must be `inline`, or a mapping with parameters.", "Write `decode: inline`.")
                    if path == ("metric",) and isinstance(values.get("metric"), str):
                        unfit = Unfit(unfit.reason, f"Write `metric: {{name: {brief(values['metric'])}}}`.")
                    self._note(path, unfit.reason, unfit.remedy)
                    _remove(values, path)
        self._contradictions(top)
        return top

    def title(self, top: SpaceFile) -> str:
        """The run's name: given, or the file's."""
        return top.name.strip() if top.name is not None else Path(self.space.document.file).stem

    def _note(self, path: KeyPath, reason: str, remedy: str = "") -> None:
        self.problems.append(self.space.problem(path, reason, remedy))

    def _names(self) -> None:
        """Keys that there aren't, that mean nothing here, or that can't be run so far."""
        for name, value in self.space.value.items():
            if name not in SpaceFile.model_fields:
                unfit = _stranger(name)
                self._note((name,), unfit.reason, unfit.remedy)
            elif name in MEANINGLESS and value is not None:
                self.notices.append(f"{name} is W&B's, and means nothing here.")

        metric = self.space.value.get("metric")
        for name in MEANINGLESS_IN_METRIC:
            if isinstance(metric, dict) and metric.get(name) is not None:
                self.notices.append(f"metric.{name} is W&B's, and means nothing here.")

    def _prepared(self) -> dict[str, Any]:
        """The values as the models take them; null means left out, as everywhere."""
        values = {name: value for name, value in self.space.value.items() if name in SpaceFile.model_fields and value is not None}
        for name in ("name", "description", "base", "method"):
            if isinstance(values.get(name), (bool, int, float)):
                values[name] = self.space.document.plain.get((name,), str(values[name]))  # a name may look like a number
        if isinstance(values.get("warm_start"), (str, int, float)):
            values["warm_start"] = [values["warm_start"]]
        if isinstance(values.get("warm_start"), list):
            runs = enumerate(values["warm_start"])
            values["warm_start"] = [self._as_name(("warm_start", place), run) for place, run in runs]
        if isinstance(values.get("early_terminate"), str):
            values["early_terminate"] = {"type": values["early_terminate"]}
        for name in ("metric", "early_terminate", "resources", "budget"):
            if isinstance(values.get(name), dict):
                values[name] = {key: value for key, value in values[name].items() if value is not None}
        if isinstance(values.get("resources"), dict):
            values["resources"] = {key: value for key, value in values["resources"].items() if value != "auto"}
            selector = values["resources"].get("label_selector")
            if isinstance(selector, dict):
                values["resources"]["label_selector"] = {
                    key: self._as_name(("resources", "label_selector", key), value) for key, value in selector.items()
                }
        return values

    def _as_name(self, path: KeyPath, value: Any) -> Any:
        """A name that looks like a number, as it was written."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return self.space.document.plain.get(path, str(value)) if number else value

    def _contradictions(self, top: SpaceFile) -> None:
        self._name(top)
        self._method(("method",), top.method)
        if top.early_terminate is not None and top.early_terminate.type not in types():
            unfit = one_of(top.early_terminate.type, list(types()))
            self._note(("early_terminate", "type"), unfit.reason, unfit.remedy)
        if top.count is not None and top.run_cap is not None and top.count != top.run_cap:
            self._note(("count",), f"{top.count} contradicts run_cap, which is {top.run_cap}.", "Keep one of them.")
        given = {name: number for name, number in (("count", top.count), ("run_cap", top.run_cap)) if number is not None}
        trials = top.budget.trials if top.budget else None
        if trials is not None and any(number != trials for number in given.values()):
            name, number = next(iter(given.items()))
            self._note(("budget", "trials"), f"{trials} contradicts {name}, which is {number}.", "Keep one of them.")
        wrong = resource_problem(top.resources.workers_per_trial, top.resources.gpus_per_trial)
        if wrong is not None:
            self._note(("resources", "gpus_per_trial"), *wrong)
        misread = selector_problem(top.resources.label_selector)
        if misread is not None:
            self._note(("resources", "label_selector"), misread.reason, misread.remedy)
        if len(set(top.seeds)) < len(top.seeds):
            self._note(("seeds",), "a seed stands here twice.", "Remove one of them.")
        if top.objectives and "metric" in self.space.value:
            self._note(("objectives",), "`metric` names one, too.", "Keep one of them.")
        if isinstance(top.decode, DecodeSpec):
            self._decode_stage(top.decode)

    def _decode_stage(self, decode: DecodeSpec) -> None:
        self._method(("decode", "method"), decode.method)
        if decode.count is not None and decode.run_cap is not None and decode.count != decode.run_cap:
            self._note(("decode", "count"), f"{decode.count} contradicts run_cap, which is {decode.run_cap}.", "Keep one of them.")

    def _method(self, path: KeyPath, method: str) -> None:
        methods = registry.names("search.methods")
        if method in methods:
            return
        if method in METHODS_NOT_YET:
            reason = f"{NOT_YET} the method {method} is understood, but can't be run so far."
            self._note(path, reason, f"Use {', '.join(methods)}.")
        else:
            unfit = one_of(method, list(methods))
            self._note(path, unfit.reason, unfit.remedy)

    def _name(self, top: SpaceFile) -> None:
        title = self.title(top)
        why = _unfit_name(title)
        if why:
            shown_title = title if len(title) <= 60 else f"{title[:57]}..."
            self._note(("name",), f"{shown_title!r} {why}, and names a folder.", "Give another name.")


def _unfit_name(title: str) -> str:
    """Why a title can't name a folder; empty where it can."""
    bad = next((letter for letter in title if letter in "/\\" or unicodedata.category(letter) in _UNSEEN), None)
    if bad is not None:
        return f"holds {bad}" if bad in "/\\" else "holds a control character"
    if not title:
        return "is empty"
    if title.startswith("."):
        return "begins with a dot"
    if title.startswith("-"):
        return "begins like an option"
    if len(title) > _MAX_NAME:
        return f"has more than {_MAX_NAME} letters"
    return f"has more than {_MAX_NAME_BYTES} bytes" if len(title.encode("utf-8", "replace")) > _MAX_NAME_BYTES else ""


def _stranger(name: str) -> Unfit:
    """What to say of a key that the top level doesn't have."""
    known = [field for field in SpaceFile.model_fields if field not in MEANINGLESS]
    if name in catalogue().vocabulary.sections:
        return Unfit(
            "a section of settings doesn't stand at the top of a search space.",
            f"Write it under `settings:`, as `settings: {{{name}: …}}`.",
        )
    close = _OTHER_NAMES.get(name) or did_you_mean(name, known)
    key = None if name in _OTHER_NAMES else catalogue().vocabulary.meaning(name)
    if key is None:
        return Unfit("a search space has no such key.", close)
    written = f"Write it under `parameters:`, or as {key} under `settings:`."
    return Unfit("a search space has no such key: it is a setting.", f"{written} {close if close.startswith('Did') else ''}".strip())


def _unknown(path: KeyPath) -> Unfit:
    """A key that a mapping of the top level doesn't have."""
    models = list(_models(SpaceFile.model_fields[str(path[0])].annotation))
    known = [name for model in models for name in model.model_fields if name not in MEANINGLESS_IN_METRIC]
    return Unfit(f"{path[0]} has no such key.", did_you_mean(re.sub(r"\W", "_", str(path[-1])), known))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _remove(values: dict[str, Any], path: KeyPath) -> None:
    """Take out what was refused, so that the rest can be judged. A location may end in a union's member, which is no key."""
    here: Any = values
    if any(isinstance(part, int) for part in path):
        values.pop(str(path[0]), None)
        return
    for part in path[:-1]:
        if not isinstance(here, dict) or not isinstance(here.get(part), dict):
            break
        here = here[part]
    for part in reversed(path):
        if isinstance(here, dict) and part in here:
            del here[part]
            return
    values.pop(str(path[0]), None)
