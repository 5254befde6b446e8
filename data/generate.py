"""Write the sample data: the same three CSV files from the same seed, so that anyone can remake or verify them."""

from __future__ import annotations

import argparse
import csv
import io
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from samplekit.handwritten import read_handwritten
from samplekit.render import FillIdentity, Row, draw_fill, render_row
from samplekit.scene import Scene
from scenes import ALL_SCENES

DATA_FOLDER = Path(__file__).resolve().parent
SEED = 20260
SPLIT_SIZES: Mapping[str, int] = {"train": 900, "dev": 120, "test": 120}
HANDWRITTEN_SPLITS = ("dev", "test")
COLUMNS = ("fname", "dialogue", "summary", "topic")
_MAX_DRAWS = 2000


def generate_rows(seed: int = SEED) -> dict[str, list[Row]]:
    """Generate the rows of every split.

    Args:
        seed: Seed of the only source of randomness.

    Returns:
        Shuffled rows by split name. Every scene is in every split; no story (fill identity) is told twice.
    """
    rng = random.Random(seed)
    told: set[FillIdentity] = set()
    splits: dict[str, list[Row]] = {}
    for split, size in SPLIT_SIZES.items():
        share, extra = divmod(size, len(ALL_SCENES))
        rows: list[Row] = []
        for index, scene in enumerate(ALL_SCENES):
            rows.extend(_scene_rows(scene, share + (index < extra), told, rng))
        rng.shuffle(rows)
        splits[split] = rows
    return splits


def build_files(seed: int = SEED) -> dict[str, bytes]:
    """Build the content of every CSV file.

    Args:
        seed: Seed of the generated rows.

    Returns:
        File content by file name.
    """
    files: dict[str, bytes] = {}
    for split, rows in generate_rows(seed).items():
        cells = [(row.dialogue, row.summary, row.topic) for row in rows]
        if split in HANDWRITTEN_SPLITS:
            written = read_handwritten(DATA_FOLDER / "handwritten" / split)
            cells.extend((item.dialogue, item.summary, item.topic) for item in written)
        files[f"{split}.csv"] = _csv_bytes(split, cells)
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check that they are up to date.

    Args:
        arguments: Command line arguments; those of the process when left out.

    Returns:
        The exit status: 1 if a checked file differs, otherwise 0.
    """
    parser = argparse.ArgumentParser(description="Write the sample data, byte for byte the same on every run.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that differ")
    options = parser.parse_args(arguments)
    files = build_files()
    if not options.check:
        for name, content in files.items():
            (DATA_FOLDER / name).write_bytes(content)
        return 0
    stale = [name for name, content in files.items() if not _holds(DATA_FOLDER / name, content)]
    for name in stale:
        print(f"{name} differs from what generate.py makes", file=sys.stderr)
    return 1 if stale else 0


def _scene_rows(scene: Scene, count: int, told: set[FillIdentity], rng: random.Random) -> list[Row]:
    # Starting at a random outcome keeps small splits from always favouring a scene's first ending.
    start = rng.randrange(len(scene.outcomes))
    rows: list[Row] = []
    for _ in range(_MAX_DRAWS):
        if len(rows) == count:
            return rows
        outcome = scene.outcomes[(start + len(rows)) % len(scene.outcomes)]
        row = render_row(scene, outcome, draw_fill(scene, rng), rng)
        if row.identity not in told:
            told.add(row.identity)
            rows.append(row)
    raise RuntimeError(f"the pools of scene {scene.key!r} are too small for {count} different stories")


def _csv_bytes(split: str, cells: Sequence[tuple[str, str, str]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((f"{split}_{index}", *cell) for index, cell in enumerate(cells))
    return buffer.getvalue().encode("utf-8")


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


if __name__ == "__main__":
    sys.exit(main())
