"""Where a run is seen in W&B; apart from the mirror, since whoever only wants the address need not load Ray.

W&B itself is not asked: there may be no network, and no key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import quote

from summtune.config.settings import Settings
from summtune.paths import RunPaths

DEFAULT_PROJECT = "summtune"
_CLOUD = "https://wandb.ai"


def page(run: RunPaths, settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """The address of the run's group of W&B runs, and what else is to be said; an empty address where it has no page.

    Args:
        run: its directory.
        settings: its base's.
        environ: names the server, and whose account it is.
    """
    if not run.wandb.is_dir():
        return "", "not mirrored"
    if not any(run.wandb.glob("wandb/run-*")):
        return "", f"mirrored offline: `wandb sync {run.wandb}/wandb/offline-run-*` uploads it"
    wanted = settings.wandb
    base = environ.get("WANDB_BASE_URL", "").rstrip("/")
    base = base if base and base != "https://api.wandb.ai" else _CLOUD
    project, group = wanted.project or DEFAULT_PROJECT, wanted.group or run.folder.name
    entity = wanted.entity or environ.get("WANDB_ENTITY")
    if not entity:
        return f"{base}/home", f"project {project}, group {group} of your account"
    return f"{base}/{quote(entity)}/{quote(project)}/groups/{quote(group)}", ""
