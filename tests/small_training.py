"""A training small enough for a test: a dozen made-up dialogues, a model of some ten thousand parameters."""

import csv
from pathlib import Path
from typing import Any

from summtune.config.settings import Settings
from summtune.paths import AttemptPaths
from summtune.training.job import Job

PLACES = ("병원", "은행", "식당", "학교", "서점", "공항", "시장", "극장")
TIMES = ("오전 9시", "오후 2시", "저녁 7시")


def rows(count: int, start: int = 0) -> list[dict[str, str]]:
    """Dialogues that differ in place and time, and their summaries."""
    made = []
    for number in range(start, start + count):
        place, time = PLACES[number % len(PLACES)], TIMES[number % len(TIMES)]
        dialogue = f"#Person1#: 내일 {place}에 같이 갈까요?\n#Person2#: 네, 좋아요. {time}에 만나요.\n#Person1#: 그때 봐요."
        dialogue += "\n#Person2#: 네!" * (number % 4)
        made.append({"fname": f"row_{number}", "dialogue": dialogue, "summary": f"#Person1#은 #Person2#와 {time}에 {place}에 간다."})
    return made


def write_csv(file: Path, lines: list[dict[str, str]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return file


def small_settings(folder: Path, train_rows: int = 16, dev_rows: int = 6, **sections: dict[str, Any]) -> Settings:
    """Settings of a small BART on data written to `folder`."""
    train, dev = folder / "data" / f"train{train_rows}.csv", folder / "data" / f"dev{dev_rows}.csv"
    if not train.exists():
        write_csv(train, rows(train_rows))
    if not dev.exists():
        write_csv(dev, rows(dev_rows, start=100))
    layers = {
        f"{part}_{what}": value
        for part in ("encoder", "decoder")
        for what, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 32))
    }
    plain: dict[str, dict[str, Any]] = {
        "general": {"device": "cpu"},
        "model": {
            "architecture": "bart",
            "load_pretrained": False,
            "config_overrides": {"d_model": 16, "max_position_embeddings": 128, "init_std": 0.1, **layers},
        },
        "tokenizer": {"vocab_size": 600, "encoder_max_len": 128, "decoder_max_len": 48},
        "training": {"per_device_train_batch_size": 4, "learning_rate": 3e-3, "num_train_epochs": 2},
        "generation": {"num_beams": 1, "max_length": 24},
        "data": {"train": train, "dev": dev},
    }
    for name, section in sections.items():
        plain[name] = {**plain.get(name, {}), **section}
    return Settings.model_validate(plain)


def job(folder: Path, settings: Settings, attempt: str = "1", **more: Any) -> Job:
    """A job whose attempt lies in `folder`, and whose cache is shared by all jobs of `folder`."""
    chosen = {"objective_name": "rouge_combined_f1", "maximize": True, "threads": 1, **more}
    return Job(settings=settings, attempt=AttemptPaths(folder / "attempts" / attempt), cache=folder / "cache", **chosen)


class Reports:
    """A report function that remembers, and stops the training after so many."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.metrics: list[dict[str, float | int]] = []
        self.checkpoints: list[Path] = []
        self._stop_after = stop_after

    def __call__(self, metrics: dict[str, float | int], checkpoint: Path | None) -> None:
        assert checkpoint is not None
        self.metrics.append(metrics)
        self.checkpoints.append(checkpoint)
        if len(self.metrics) == self._stop_after:
            raise SystemExit

    def lasting(self) -> list[dict[str, float | int]]:
        """The metrics that don't measure time."""
        timed = ("_s", "tokens_per_second")
        return [{name: value for name, value in line.items() if not name.endswith(timed)} for line in self.metrics]
