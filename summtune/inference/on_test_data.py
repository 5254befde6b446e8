"""Summarises the test data with the best model of a training by itself, and adds how well it did to the training's results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from summtune import durable
from summtune.inference.predict import predict
from summtune.paths import ExperimentPaths


def add_test(paths: ExperimentPaths, data_file: Path) -> dict[str, Any]:
    """Write test_predictions.csv, as `summtune predict` would, and return the completed results.

    Args:
        paths: the training's folder, which has a best model.
        data_file: dialogues, with or without summaries.

    Raises:
        DataMistake: the data can't be used.
        SurroundingsFailure: the folder can't be written.
    """
    done = predict(paths.best_model, data_file, paths.test_predictions)
    results: dict[str, Any] = json.loads(paths.results.read_text(encoding="utf-8"))
    results["test"] = {
        "file": str(data_file),
        "rows": done.rows,
        "metrics": done.metrics,
        "predictions": done.out.name,
        "seconds": round(done.seconds, 3),
        "notices": list(done.notices),
    }
    durable.write_json(paths.results, results)
    return results
