"""Stores what a trial's worker has just written, checkpoints and best models, from the process that wrote it.

A store that doesn't answer costs a training a few seconds now and then, nothing else: what is missing there the driver brings later. It
must not know what is kept for how long: deleting is the driver's (`storage`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from summtune.errors import StorageFailure
from summtune.objects import ObjectStore
from summtune.training.checkpoints import is_sealed
from summtune.training.log import LOG
from summtune.training.stored import fetch_folder, put_folder

REST_S = 60.0
"""How long a store that gave way is left alone."""


@dataclass
class Uploads:
    """One attempt's.

    Attributes:
        url: of the run in the store.
        run_folder: the run's directory; names in the store are as in it.
    """

    url: str
    run_folder: Path
    _stored: list[str] = field(default_factory=list)
    _rest_until: float = 0.0

    def __call__(self, folder: Path) -> str:
        """Store a folder; what a person should be told, if anything."""
        if time.monotonic() < self._rest_until:
            return ""
        name = folder.relative_to(self.run_folder).as_posix()
        began = time.perf_counter()
        try:
            put_folder(ObjectStore(self.url), folder, name, self._stored[-2:])
        except StorageFailure as failure:
            self._rest_until = time.monotonic() + REST_S
            LOG.warning("%s was not uploaded: %s", name, failure)
            return f"What trials write can't always be uploaded to {self.url} by their own processes; the driver does it later."
        self._stored.append(name)
        LOG.info("%s uploaded in %.2f s", name, time.perf_counter() - began)
        return ""

    def fetch(self, folder: Path) -> None:
        """Bring a checkpoint that the attempt begins with, where this node doesn't see it whole. The training judges what is there then."""
        if is_sealed(folder):
            return
        try:
            faults = fetch_folder(ObjectStore(self.url), folder.relative_to(self.run_folder).as_posix(), folder, sealed=True)
        except StorageFailure as failure:
            faults = [str(failure)]
        for fault in faults:
            LOG.warning("%s", fault)
