"""`python -m benchmarks [NAME …]`: run measurements, all of them by default; each prints a table in Markdown."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(words: list[str]) -> int:
    """Run the named measurements."""
    known = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))
    unknown = [word for word in words if word not in known]
    if unknown:
        print(f"no measurement is called {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in words or known:
        print(f"## {name}\n", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
