"""What a parameter's spec may hold: every key and every distribution, with what W&B means by it.

`spec` reads by these tables; the JSON schema and the reference page are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SPEC_KEYS: Mapping[str, str] = {
    "value": "The one value that it has.",
    "values": "The values that it may have.",
    "probabilities": "One for each of `values`; they sum to 1. How often `random` draws each; other methods don't look at them.",
    "min": "The least value.",
    "max": "The greatest value.",
    "q": "Values are multiples of this.",
    "distribution": "How values are drawn; left out: `constant` with value, `categorical` with values, with min and max"
    " `int_uniform` where both are integers, otherwise `uniform`.",
    "mu": "Mean (of the logarithm for log_normal).",
    "sigma": "Standard deviation (of the logarithm for log_normal).",
    "a": "The beta distribution's first number.",
    "b": "The beta distribution's second number.",
    "when": "Other parameters or settings and the value, or list of values, that they must have for this one to exist.",
    "bundle": "Labels, each with several settings that move together under it.",
    "parameters": "Parameters in a group; the group's name is their prefix.",
}


@dataclass(frozen=True)
class Distribution:
    """One of W&B's distributions.

    Attributes:
        meaning: a sentence.
        needs: the keys that must stand in the spec.
        defaults: the keys that may, with what is meant where they don't.
    """

    meaning: str
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def takes(self) -> tuple[str, ...]:
        """All keys that may stand in the spec, besides `distribution` and `when`."""
        return (*self.needs, *self.defaults)


_RANGE = ("min", "max")
_STEP = {"q": 1}
_BELL = {"mu": 0.0, "sigma": 1.0}
_BETA = {"a": 1.0, "b": 1.0}
_WITHIN = "multiples of q within the bounds"

DISTRIBUTIONS: Mapping[str, Distribution] = {
    "constant": Distribution("One value.", ("value",)),
    "categorical": Distribution("One of `values`.", ("values",), {"probabilities": None}),
    "categorical_w_probabilities": Distribution("One of `values`, with these probabilities.", ("values", "probabilities")),
    "int_uniform": Distribution("An integer from min to max.", _RANGE),
    "uniform": Distribution("A number from min to max.", _RANGE),
    "q_uniform": Distribution(f"As uniform; {_WITHIN}, each as likely.", _RANGE, _STEP),
    "log_uniform_values": Distribution("A number from min to max whose logarithm is uniform.", _RANGE),
    "q_log_uniform_values": Distribution(f"As log_uniform_values; {_WITHIN}.", _RANGE, _STEP),
    "log_uniform": Distribution("A number from e^min to e^max whose logarithm is uniform: the bounds are exponents.", _RANGE),
    "q_log_uniform": Distribution(f"As log_uniform; {_WITHIN}.", _RANGE, _STEP),
    "inv_log_uniform_values": Distribution("A number from min to max, the logarithm of whose inverse is uniform.", _RANGE),
    "inv_log_uniform": Distribution(
        "A number from e^-max to e^-min, the logarithm of whose inverse is uniform from min to max: the bounds are exponents.", _RANGE
    ),
    "normal": Distribution("Normal with mean mu and standard deviation sigma, within what the setting allows.", (), _BELL),
    "q_normal": Distribution("As normal; multiples of q.", (), {**_BELL, **_STEP}),
    "log_normal": Distribution("A number whose logarithm is normal with mu and sigma, within what the setting allows.", (), _BELL),
    "q_log_normal": Distribution("As log_normal; multiples of q.", (), {**_BELL, **_STEP}),
    "beta": Distribution("Between 0 and 1 by the beta distribution of a and b.", (), _BETA),
    "q_beta": Distribution("As beta; multiples of q.", (), {**_BETA, **_STEP}),
}

ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("log", "log_scale"), "Write `distribution: log_uniform_values`."),
    **dict.fromkeys(("mean", "loc"), "Did you mean mu?"),
    **dict.fromkeys(("std", "sd", "scale"), "Did you mean sigma?"),
    **dict.fromkeys(("step", "quantum"), "Write `distribution: q_uniform` and `q`."),
    **dict.fromkeys(("lower", "low"), "Did you mean min?"),
    **dict.fromkeys(("upper", "high"), "Did you mean max?"),
    **dict.fromkeys(("choices", "choice", "grid", "categories", "options"), "Did you mean values?"),
    **dict.fromkeys(("weights", "p"), "Did you mean probabilities?"),
    "type": "Did you mean distribution?",
}
"""What Ray, Optuna, scikit-learn and NumPy call what is a key or a distribution here: suggested, not taken."""

EXPONENTS = ("log_uniform", "q_log_uniform", "inv_log_uniform")
"""Where the bounds are exponents of e, as in W&B."""


def instead_of(key: str, distribution: str) -> str:
    """What to do where a distribution has no such key: the one of its kin that has it, or what it takes itself."""
    stepped = "q_uniform" if distribution == "int_uniform" else f"q_{distribution}"
    if key == "q" and stepped in DISTRIBUTIONS:
        return f"Write `distribution: {stepped}`, or leave it out."
    return f"It takes {' and '.join(sorted(DISTRIBUTIONS[distribution].takes))}."
