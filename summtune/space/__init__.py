"""What varies: parameters, how they are written in YAML, and the points drawn from them. What a setting means it must not know."""

from __future__ import annotations
