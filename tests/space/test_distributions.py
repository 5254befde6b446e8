"""Each of W&B's distributions against its definition, and within what the setting takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from summtune.config.catalogue import catalogue
from summtune.documents import parse_document
from summtune.space.distributions import DISTRIBUTIONS
from summtune.space.naming import Unfit
from summtune.space.parameters import Choice, Constant, Parameter
from summtune.space.parsing import parse_parameters
from summtune.space.source import Dice, Number, WholeNumber

REAL = "model.config_overrides.some_number"  # takes any number
SHARES = np.linspace(0.005, 0.995, 199)


class AnyNumber:
    """A catalogue in which every key takes any number, or any integer."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def resolve(self, name: str) -> str:
        return name

    def left_out(self, name: str, value: Any) -> str | None:
        return None

    def judged(self, name: str) -> str:
        return name

    def alike(self, key: str, value: Any) -> tuple[Any, ...]:
        return (value,)

    def searchable(self, key: str) -> None:
        pass

    def kind(self, key: str) -> Any:
        return self._kind

    def bounds(self, key: str) -> tuple[float, float]:
        return -math.inf, math.inf

    def check(self, key: str, value: Any, plain: str | None = None) -> Any:
        return value


def parsed(spec: str, kind: str = "real") -> Parameter:
    found = parse_parameters(parse_document(f"x: {spec}", "s.yaml"), (), AnyNumber(kind))
    assert not found.problems, found.problems
    return found.parameters[0]


def at(parameter: Parameter, share: float) -> float:
    """The value below which that share of even-handed draws lies."""
    question = parameter.question()
    assert isinstance(question, (Number, WholeNumber))
    if question.log:
        answer = math.exp(math.log(question.low) + share * (math.log(question.high) - math.log(question.low)))
    else:
        answer = question.low + share * (question.high - question.low)
    return float(parameter.value_of(answer))


QUANTILES: dict[str, tuple[str, Callable[[float], float]]] = {
    "uniform": ("{distribution: uniform, min: -1.0, max: 3.0}", lambda share: -1 + 4 * share),
    "log_uniform_values": ("{distribution: log_uniform_values, min: 1e-5, max: 1e-1}", lambda share: 1e-5 * 1e4**share),
    "log_uniform": ("{distribution: log_uniform, min: -9, max: -2}", lambda share: math.exp(-9 + 7 * share)),
    # log(1/X) is uniform from 2 to 9.
    "inv_log_uniform": ("{distribution: inv_log_uniform, min: 2, max: 9}", lambda share: 1 / math.exp(9 - 7 * share)),
    "inv_log_uniform_values": ("{distribution: inv_log_uniform_values, min: 0.1, max: 10}", lambda share: 0.1 * 100**share),
    "normal": ("{distribution: normal, mu: 2, sigma: 0.5}", lambda share: float(stats.norm.ppf(share, 2, 0.5))),
    "log_normal": (
        "{distribution: log_normal, mu: -3, sigma: 0.5}",
        lambda share: float(stats.lognorm.ppf(share, 0.5, scale=math.exp(-3))),
    ),
    "beta": ("{distribution: beta, a: 2, b: 5}", lambda share: float(stats.beta.ppf(share, 2, 5))),
}
STEPPED = {
    "q_uniform": "{distribution: q_uniform, min: 0.0, max: 1.0, q: 0.25}",
    "q_log_uniform_values": "{distribution: q_log_uniform_values, min: 0.5, max: 8.0, q: 0.5}",
    "q_log_uniform": "{distribution: q_log_uniform, min: -1, max: 2, q: 0.5}",
    "q_normal": "{distribution: q_normal, mu: 0, sigma: 2, q: 0.5}",
    "q_log_normal": "{distribution: q_log_normal, mu: 0, sigma: 1, q: 0.5}",
    "q_beta": "{distribution: q_beta, a: 2, b: 2, q: 0.25}",
}
OTHERS = ("constant", "categorical", "categorical_w_probabilities", "int_uniform")


def test_none_is_left_out() -> None:
    assert set(DISTRIBUTIONS) == {*QUANTILES, *STEPPED, *OTHERS}


@pytest.mark.parametrize("name", QUANTILES)
def test_quantiles_are_those_of_the_definition(name: str) -> None:
    spec, quantile = QUANTILES[name]
    parameter = parsed(spec)
    assert [at(parameter, share) for share in SHARES] == pytest.approx([quantile(share) for share in SHARES], rel=1e-4, abs=1e-4)


def test_defaults_are_wandb_s() -> None:
    assert parsed("{distribution: normal}") == parsed("{distribution: normal, mu: 0, sigma: 1}")
    assert parsed("{distribution: beta}") == parsed("{distribution: beta, a: 1, b: 1}")
    assert parsed("{distribution: q_uniform, min: 1, max: 9}", "integer") == parsed(
        "{distribution: q_uniform, min: 1, max: 9, q: 1}", "integer"
    )


@pytest.mark.parametrize("name", STEPPED)
def test_quantised_values_are_multiples_near_the_unquantised(name: str) -> None:
    spec = STEPPED[name]
    step = 0.25 if "0.25" in spec else 0.5
    stepped, smooth = parsed(spec), parsed(spec.replace("q_", "", 1).replace(f", q: {step}", ""))
    for share in SHARES:
        value = at(stepped, share)
        assert (value / step).is_integer()
        assert abs(value - at(smooth, share)) <= step * 1.51, "the multiples' own ends may lie half a step inside"


@pytest.mark.parametrize(
    ("spec", "parameter"),
    [
        ("{distribution: constant, value: 3}", Constant("x", 3)),
        ("{distribution: categorical, values: [3, 4]}", Choice("x", (3, 4))),
        ("{distribution: categorical, values: [3, 4], probabilities: [0.25, 0.75]}", Choice("x", (3, 4), (0.25, 0.75))),
        ("{distribution: categorical_w_probabilities, values: [3, 4], probabilities: [0.25, 0.75]}", Choice("x", (3, 4), (0.25, 0.75))),
        ("{values: [3, 4, 5], probabilities: [0.5, 0.5, 0]}", Choice("x", (3, 4), (0.5, 0.5))),
        ("{values: [3, 4], probabilities: [1, 0]}", Constant("x", 3)),
    ],
)
def test_choices(spec: str, parameter: Parameter) -> None:
    assert parsed(spec) == parameter


KEYS = (
    "learning_rate",
    "batch_size",
    "warmup_ratio",
    "weight_decay",
    "label_smoothing",
    "seed",
    "num_beams",
    "adam_beta1",
    "length_penalty",
)
numbers = st.sampled_from([-3, 0, 1, 2, 10, 100, -8.5, 0.01, 0.5, 1e-4, 3.7])


@given(
    key=st.sampled_from(KEYS),
    name=st.sampled_from(sorted(set(DISTRIBUTIONS) - {"constant", "categorical", "categorical_w_probabilities"})),
    values=st.fixed_dictionaries({name: numbers for name in ("min", "max", "mu", "sigma", "a", "b", "q")}),
    seed=st.integers(0, 50),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])  # most numbers don't suit most keys
def test_what_is_drawn_is_what_the_setting_takes(key: str, name: str, values: dict[str, float], seed: int) -> None:
    values["min"], values["max"] = sorted((values["min"], values["max"]))
    fields = ", ".join(f"{field}: {values[field]}" for field in DISTRIBUTIONS[name].takes)
    found = parse_parameters(parse_document(f"{key}: {{distribution: {name}, {fields}}}", "s.yaml"), (), catalogue())
    assume(not found.problems)
    parameter = found.parameters[0]
    question = parameter.question()
    if question is None:
        return
    dice = Dice(seed)
    for _ in range(30):
        answer = dice.answer("x", question)
        value = parameter.value_of(answer)
        try:
            assert catalogue().check(parameter.name, value) == value
        except Unfit as unfit:
            raise AssertionError(f"{value}: {unfit}") from None
        assert parameter.value_of(parameter.answer_to(value)) == pytest.approx(value), "what was drawn is known again"
