"""The command line: one file per verb, each with a function of the verb's name. It knows how to print, and nothing else."""

from __future__ import annotations
