"""Sends what transformers, datasets, accelerate and Python's warnings have to say to training.log, and nothing to the screen.

Each training has a handler of its own, taken off at its end: the twentieth training of a process still gets a whole log.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG = logging.getLogger("summtune.training")

_SPEAKERS = ("summtune", "transformers", "datasets", "evaluate", "accelerate", "huggingface_hub", "torch", "absl", "py.warnings")


@contextmanager
def to_file(file: Path | None, level: str) -> Iterator[None]:
    """Let these libraries write to `file` (appending; None: nowhere), and to it alone, while the context lasts."""
    _let_libraries_set_up()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file, encoding="utf-8") if file is not None else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in _SPEAKERS]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
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


def _let_libraries_set_up() -> None:
    """Silence progress bars, and let each library attach its handler to the screen now: later it would join ours."""
    import datasets
    import evaluate
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    evaluate.disable_progress_bar()
    disable_progress_bars()
