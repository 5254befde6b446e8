"""`summtune run` and `resume` for the chaos test: a driver that can die while it writes, and writes down its live state as it goes.

Run as a program: `chaos_driver.py start SPACE OUTPUT_DIR` or `chaos_driver.py resume RUN`. CHAOS_STATES names the file for states, one JSON
line for each; CHAOS_DEATH says at which of its events this process dies, and where: `3:within`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from summtune.config.experiment import load_experiment
from summtune.events.fold import RunState
from summtune.events.log import EventLog, SomeEvent, as_line
from summtune.paths import RunPaths
from summtune.search.study import Search


def picture(state: RunState, search: Search) -> Any:
    """A run's state and its study as JSON-able values, so that two of them can be compared."""
    study = [
        [one.number, one.state.name, one.params, one.values, sorted(one.intermediate_values.items()), one.constraints]
        for one in search.study.get_trials()
    ]
    return json.loads(json.dumps(_with_text_keys([dataclasses.asdict(state), study]), default=sorted))


def _with_text_keys(value: Any) -> Any:
    """A rung's place is a number and a bracket; JSON's keys are texts."""
    match value:
        case dict():
            return {str(key): _with_text_keys(one) for key, one in value.items()}
        case list() | tuple():
            return [_with_text_keys(one) for one in value]
    return value


def main(words: list[str]) -> None:
    from summtune.tuning.drive import Witness
    from summtune.tuning.launch import resume, start
    from summtune.tuning.observer import Observer
    from summtune.tuning.session import current

    states = Path(os.environ["CHAOS_STATES"])
    pictured = -1
    look_up = Observer.on_step_begin

    def on_step_begin(self: Observer, *args: Any, **more: Any) -> None:
        """Between two steps of Ray Tune's loop nothing is under way."""
        nonlocal pictured
        look_up(self, *args, **more)
        driver = current().driver
        if driver._log._number != pictured:
            pictured = driver._log._number
            with states.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"events": pictured, "state": picture(driver.state, driver._search)}) + "\n")

    Observer.on_step_begin = on_step_begin  # type: ignore[method-assign]
    if "CHAOS_DEATH" in os.environ:
        _die_at(*os.environ["CHAOS_DEATH"].split(":"))
    witness = Witness(lambda opened: None, lambda event, state: None, lambda: None, print)
    if words[0] == "start":
        start(load_experiment(Path(words[1]), environ={}), words[2], ["chaos"], witness)
    else:
        resume(RunPaths(Path(words[1])), ["chaos"], witness)


def _die_at(number: str, where: str) -> None:
    left, append = int(number), EventLog.append

    def mortal(self: EventLog, event: SomeEvent, *, sync: bool = True) -> SomeEvent:
        nonlocal left
        left -= 1
        if left > 0:
            return append(self, event, sync=sync)
        if where == "within":
            line = as_line(event, self._number + 1)
            self._stream.write(line[: len(line) // 2])
        elif where == "unsynced":
            self._stream.write(as_line(event, self._number + 1))
        elif where == "after":
            append(self, event)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("dead")

    EventLog.append = mortal  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1:])
