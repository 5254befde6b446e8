"""How `summtune stop` reaches a run's driver: by a file in the run directory, which the driver looks for as it works.

A file reaches a driver on another machine, too, where a signal could not. It counts for the session that is under way and no other: whoever
takes the run's lock clears it away first.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from summtune import durable
from summtune.paths import RunPaths


@dataclass(frozen=True)
class StopRequest:
    """A person's wish.

    Attributes:
        now: whether trials that run are left as they are, to be resumed.
        by: who wishes it: process and host.
    """

    now: bool
    by: str


def ask(run: RunPaths, request: StopRequest) -> None:
    """Leave the wish for the driver. One to stop now is not taken back by one to finish what runs.

    Raises:
        OSError: the run directory can't be written.
    """
    before = read(run)
    if before is None or request.now or not before.now:
        durable.write_json(run.stop, asdict(request))


def read(run: RunPaths) -> StopRequest | None:
    """The wish that lies there."""
    try:
        record = json.loads(run.stop.read_text(encoding="utf-8"))
        return StopRequest(bool(record["now"]), str(record["by"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):  # somebody's own `touch .stop.json` is a wish, too
        return StopRequest(now=False, by="an unreadable request")


def clear(run: RunPaths) -> None:
    """Take the wish away: of a session that is over, or before a new one."""
    run.stop.unlink(missing_ok=True)
