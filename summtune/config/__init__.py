"""Settings: what they are, where each value comes from, and whether they can be. It must not know torch, ray or how anything is run."""

from __future__ import annotations
