"""`python -m summtune` is `summtune`."""

from __future__ import annotations

import sys

from summtune.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
