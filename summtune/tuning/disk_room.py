"""Whether the disk has room for what a run's trials leave behind, judged by the first of them: better said then than found out at the last.

It must not know the driver.
"""

from __future__ import annotations

import shutil

from summtune.events.fold import RunState
from summtune.paths import RunPaths
from summtune.training.checkpoints import bytes_on_disk, disk_use
from summtune.training.disk import size_text


def shortage(run: RunPaths, trial_id: str, state: RunState) -> str:
    """What to say where the trials that are to come leave more than there is room for, if each leaves what one did; nothing where not.

    Args:
        run: its directory.
        trial_id: one that has ended, and whose files are in its folder.
        state: the run. Of a finite space there may be fewer trials than were asked for.
    """
    paths = run.trial(trial_id)
    more = state.count - state.drawn + state.under_way
    each, free = bytes_on_disk(paths.folder), shutil.disk_usage(run.folder).free
    if more * each <= free:
        return ""
    use = disk_use(paths.checkpoints, paths.best_model)
    slim = each - use["bytes"] + use["model_bytes"]
    said = f"Disk: a trial leaves {size_text(each)}, {more} more would leave {size_text(more * each)}, and {size_text(free)} are free."
    said += " Make room"
    return f"{said}, or set training.keep_checkpoint: false ({size_text(slim)} each)." if slim < each else f"{said}."
