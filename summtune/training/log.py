"""Sends what transformers, datasets, accelerate and Python's warnings have to say to training.log, and nothing to the screen.

Each training has a handler of its own, taken off at its end: the twentieth training of a process still gets a whole log.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG = logging.getLogger("summtune.training")

_SPEAKERS = (
    *("summtune", "transformers", "datasets", "evaluate", "accelerate", "huggingface_hub", "torch", "absl", "py.warnings"),
    *("peft", "bitsandbytes", "gguf"),
)

_EVERY_CALL = "bitsandbytes.autograd"
"""It warns of the same cast in every forward pass of every layer."""


class _Log(logging.FileHandler):
    """A log that a full disk leaves incomplete, and that leaves it to others to say so."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: logging would print a traceback to the screen for every line."""

    def close(self) -> None:
        # What could not be written is tried once more here; failing would take the place of the error that ended the training.
        with contextlib.suppress(OSError):
            super().close()


@contextmanager
def to_file(file: Path | None, level: str) -> Iterator[None]:
    """Let these libraries write to `file` (appending; None: nowhere), and to it alone, while the context lasts."""
    _let_libraries_set_up()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    handler = _Log(file, encoding="utf-8") if file is not None else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    loggers = [*(logging.getLogger(name) for name in _SPEAKERS), *_with_ways_of_their_own(), logging.getLogger(_EVERY_CALL)]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers = [handler]
        logger.propagate = False
        if logger.name not in _SPEAKERS:
            continue
        # What torch has to say below a warning is its compiler's, in thousands of lines, and goes to the screen by handlers of its own.
        logger.setLevel("WARNING" if logger.name == "torch" and level in ("debug", "info") else level.upper())
    logging.getLogger(_EVERY_CALL).setLevel("ERROR")
    # catch_warnings alone would restore the filters; captureWarnings sends them to the logger py.warnings.
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            for logger, handlers, old_level, propagate in before:
                logger.handlers = handlers
                logger.setLevel(old_level)
                logger.propagate = propagate
            handler.close()


def _with_ways_of_their_own() -> list[logging.Logger]:
    """Loggers below the speakers' that write to the screen by themselves, as those of torch's compiler do."""
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    return [logger for logger in known if logger.handlers and logger.name not in _SPEAKERS and logger.name.partition(".")[0] in _SPEAKERS]


def _let_libraries_set_up() -> None:
    """Silence progress bars, and let each library attach its handler to the screen now: later it would join ours."""
    import datasets
    import evaluate
    import torch  # noqa: F401  # it gives its loggers their handlers
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    evaluate.disable_progress_bar()
    disable_progress_bars()
