"""What a run may use up: the file's `budget`, and what `summtune resume --budget` makes of it.

It must not know how it is counted (`events.spending` does). `trials` is another word for run_cap, and none of these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from summtune.errors import Problem, SettingsMistake
from summtune.scalars import plain_value
from summtune.space.naming import did_you_mean

NAMES = ("hours", "gpu_hours", "epochs")


def raised(budget: Mapping[str, float], words: Sequence[str]) -> dict[str, float]:
    """A budget with other limits.

    Args:
        budget: as it was.
        words: `hours=2`, as after `--budget`: limits of the whole run, what has been used up included; `hours=none` takes one away.

    Raises:
        SettingsMistake: with every word that is none.
    """
    limits = dict(budget)
    problems = []
    for word in words:
        name, equals, text = word.partition("=")
        if name == "trials":
            problems.append(Problem("the number of trials is raised by `--count N`, which adds N.", "Use that.", "--budget"))
        elif name not in NAMES or not equals:
            problems.append(Problem(f"{word!r} is no budget. {did_you_mean(name, NAMES)}", "Write `hours=2`, or `hours=none`.", "--budget"))
        elif text == "none":
            limits.pop(name, None)
        elif isinstance(limit := plain_value(text), (int, float)) and not isinstance(limit, bool) and 0 < limit < math.inf:
            limits[name] = limit
        else:
            problems.append(Problem(f"{name} is {text!r}, and has to be a number above 0, or none.", f"Write `{name}=2`.", "--budget"))
    if problems:
        raise SettingsMistake(problems)
    return limits
