"""How fast do the commands answer that a person waits for? Whole processes, from outside."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from summtune.paths import shipped

REPEATS = 7
COMMANDS: dict[str, tuple[list[str], float]] = {
    "summtune --help": (["--help"], 0.4),
    "summtune validate search_spaces/lr.yaml": (["validate", str(shipped("search_spaces") / "lr.yaml")], 1.0),
}
"""What is typed, and the time that it may take."""


def main() -> None:
    """Print the table."""
    print(f"| command | median of {REPEATS} | from | to | limit |\n|---|---|---|---|---|")
    for name, (words, limit_s) in COMMANDS.items():
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "summtune", *words], capture_output=True, check=True)
            times.append(time.perf_counter() - began)
        print(f"| `{name}` | {median(times):.2f} s | {min(times):.2f} s | {max(times):.2f} s | {limit_s} s |", flush=True)
