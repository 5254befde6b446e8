"""Reads `warm_start`: which earlier runs are meant. What can be learned of them is found out once the data have been read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from summtune import registry
from summtune.config.run_finder import the_run
from summtune.config.settings import Settings
from summtune.config.space_document import SpaceDocument
from summtune.config.space_file import SpaceFile
from summtune.errors import Problem
from summtune.run_folders import find_run
from summtune.space.naming import Unfit


class WarmStartReader:
    """Reads it once; what can't be is collected.

    Args:
        space: for places.
        problems: what is found is added.
        root: what the folder of runs lies under if it is relative.
        all_here: whether each run has to be here; one that isn't stays as it was named.
    """

    def __init__(self, space: SpaceDocument, problems: list[Problem], root: Path, *, all_here: bool) -> None:
        self._space = space
        self._problems = problems
        self._root = root
        self._all_here = all_here

    def folders(self, top: SpaceFile, searched: Sequence[str], settings: Settings) -> tuple[str, ...]:
        """The runs' folders: by name among the results, or by a path that is relative to the file, on the command line to where one stands.

        Args:
            top: the top level.
            searched: names of the parameters that trials vary.
            settings: the base's, which say where results lie.
        """
        if not top.warm_start:
            return ()
        self._check_use(top.method, searched)
        results = Path(settings.general.output_dir).expanduser()
        typed = ("warm_start",) in self._space.assigned
        here = None if typed else Path(self._space.document.file).absolute().parent
        found: list[str] = []
        for place, name in enumerate(top.warm_start):
            listed = not typed and ("warm_start", place) in self._space.document.marks
            path = ("warm_start", place) if listed else ("warm_start",)
            try:
                folder = str(self._found(name, results, here))
            except Unfit as unfit:
                if self._all_here:
                    self._note(path, unfit.reason, unfit.remedy)
                else:
                    found.append(name)
                continue
            if folder in found:
                self._note(path, f"{name} is {folder}, which stands here already.", "Remove one of them.")
            found.append(folder)
        return tuple(found)

    def _found(self, name: str, results: Path, here: Path | None) -> Path:
        """A run's folder: among the runs, or among those that lie where the person stands, as the ones that came along with a job do."""
        try:
            return the_run(name, self._root / results, here).folder
        except Unfit:
            if self._root == Path():
                raise
            elsewhere = find_run(name, results, here or Path())
            if elsewhere is None:
                raise
            return elsewhere.folder

    def _check_use(self, method: str, searched: Sequence[str]) -> None:
        methods = registry.names("search.methods")
        learning = [name for name in methods if getattr(registry.load("search.methods", name), "LEARNS", True)]
        if method in methods and method not in learning:
            reason = f"method {method} takes no notice of what has been found, so that no run can teach it anything."
            self._note(("warm_start",), reason, f"Use {', '.join(learning)}, or leave it out.")
        elif not searched:
            self._note(("warm_start",), "no parameter of the training varies, so that there is nothing to learn.", "Leave it out.")

    def _note(self, path: tuple[str | int, ...], reason: str, remedy: str) -> None:
        self._problems.append(self._space.problem(path, reason, remedy))
