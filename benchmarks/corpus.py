"""How long do 12,460 dialogues take to read, to fingerprint and to tokenise; and how long for every trial after the first?

The dialogues are DialogSum's where `SUMMTUNE_DIALOGSUM` names a folder with its train file, else the sample data again and again.
One process, one thread, a new cache; tokenisers are trained beforehand, and not counted. Seconds of CPU stand in brackets: where they are
far less than those of the clock, the machine had other work.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from summtune.config import presets
from summtune.config.settings import Settings
from summtune.corpus.dialogues import read_split
from summtune.families import Sources, family_of
from summtune.paths import shipped
from summtune.training.data_facts import cut_to_length, cuts, data_facts
from summtune.training.log import to_file
from summtune.training.rows import token_rows
from summtune.training.store import Store

COUNT = 12_460
MODELS = ("tiny-kobart", "tiny-kogpt2", "tiny-t5")


def main() -> None:
    """Print the tables."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # as in a training
    with tempfile.TemporaryDirectory() as folder, to_file(None, "error"):
        file = _data(Path(folder))
        _reading(file, Path(folder))
        _tokenising(file, Path(folder))


def _reading(file: Path, folder: Path) -> None:
    print("| format | MB | read and fingerprint |\n|---|---|---|")
    for suffix in (".csv", ".tsv", ".json", ".jsonl", ".parquet"):
        copy = file if file.suffix == suffix else _written(file, folder / f"copy{suffix}")
        data = Settings.model_validate({"data": {"train": copy}}).data
        spent: list[str] = []
        with _timed(spent):
            read_split(data, "train")
        print(f"| {suffix} | {copy.stat().st_size / 1e6:.1f} | {spent[0]} |", flush=True)
    spent = []
    with _timed(spent):
        read_split(Settings.model_validate({"data": {"train": file, "clean": True}}).data, "train")
    print(f"| {file.suffix}, data.clean | {file.stat().st_size / 1e6:.1f} | {spent[0]} |\n")


def _tokenising(file: Path, folder: Path) -> None:
    print("| model | dialogues | tokenise and write | again | mapped MB | |\n|---|---|---|---|---|---|")
    for name in MODELS:
        plain: dict[str, Any] = {section: dict(keys) for section, keys in presets.document(name).value.items()}
        settings = Settings.model_validate({**plain, "general": {"device": "cpu"}, "data": {"train": file}})
        store, split = Store(folder / "cache"), read_split(settings.data, "train")
        texts = [text for one in split.dialogues for text in (one.dialogue, one.summary or "")]
        family = family_of(settings)
        loaded = family.load(settings, Sources(store.once, lambda texts=texts: texts, split.digest))  # type: ignore[misc]  # bound at once
        spent: list[str] = []
        for _ in range(2):
            with _timed(spent):
                rows = token_rows(family, loaded, split, settings, store, taught=True)
        made = sum(entry.stat().st_size for entry in Path(rows.cache_files[0]["filename"]).parent.iterdir())
        cut = cut_to_length({"train": data_facts(split, cuts(rows), settings)})
        print(f"| {name} | {len(rows):,} | {spent[0]} | {spent[1]} | {made / 1e6:.0f} | {cut} |", flush=True)


@contextmanager
def _timed(spent: list[str]) -> Iterator[None]:
    began, worked = time.perf_counter(), time.process_time()
    yield
    spent.append(f"{time.perf_counter() - began:.2f} s ({time.process_time() - worked:.2f} s)")


def _data(folder: Path) -> Path:
    given = os.environ.get("SUMMTUNE_DIALOGSUM")
    if given:
        return Path(given) / "train.csv"
    with (shipped("data") / "train.csv").open(encoding="utf-8", newline="") as stream:
        sample = list(csv.DictReader(stream))
    file = folder / "train.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(sample[0]))
        writer.writeheader()
        writer.writerows({**sample[number % len(sample)], "fname": f"row_{number}"} for number in range(COUNT))
    return file


def _written(file: Path, copy: Path) -> Path:
    """The same rows in another format."""
    import pyarrow
    from pyarrow import parquet

    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if copy.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), copy)
        return copy
    with copy.open("w", encoding="utf-8", newline="") as stream:
        if copy.suffix == ".tsv":
            writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t")
            writer.writeheader()
            writer.writerows(rows)
        elif copy.suffix == ".json":
            json.dump(rows, stream, ensure_ascii=False)
        else:
            stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return copy


if __name__ == "__main__":
    main()
