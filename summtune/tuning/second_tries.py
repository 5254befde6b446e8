"""Work after training that failed for a cause that can pass: whether it is begun again, and how soon.

What `retries` says of trials. It must not know what the work is, nor Ray.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from summtune.errors import TrialFailure
from summtune.tuning.causes import OF_THE_NODE, PASSING, UNREACHABLE

LOOK_EVERY_S = 0.5
"""How often it is asked in a pause whether a person wants an end."""


@dataclass
class SecondTries:
    """Of one kind of work, by name.

    Attributes:
        most: second tries of each since it last got on.
        first_pause_s: pause for a server that doesn't answer; a lost process is begun elsewhere, which may be done at once.
        growth: each next pause is so many times as long.
    """

    most: int = 3
    first_pause_s: float = 3.0
    growth: float = 4.0
    _failed: Counter[str] = field(default_factory=Counter)
    _pause_s: float = 0.0

    def allowed(self, name: str, failure: TrialFailure) -> bool:
        """Whether what failed so is begun again."""
        if failure.cause in OF_THE_NODE:
            return True  # its node is given nothing any more: there are only so many
        if failure.cause not in PASSING:
            return False
        self._failed[name] += 1
        if failure.cause == UNREACHABLE:
            self._pause_s = max(self._pause_s, self.first_pause_s * self.growth ** (self._failed[name] - 1))
        return self._failed[name] <= self.most

    def got_on(self, name: str) -> None:
        """Something came of it: what failed before doesn't count any more."""
        self._failed.pop(name, None)

    def pause(self, stop_asked: Callable[[], bool]) -> None:
        """Let the pause pass that the last failures call for."""
        until, self._pause_s = time.monotonic() + self._pause_s, 0.0
        while time.monotonic() < until and not stop_asked():
            time.sleep(LOOK_EVERY_S)
