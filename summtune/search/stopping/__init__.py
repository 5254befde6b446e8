"""Rules that stop weak trials, one file each.

A file has `SUMMARY` and `rung(stopping, iteration, last) -> int | None`: the rung that an evaluation stands at, if any, and
`judge(stopping, score, seen, maximize) -> (cutoff | None, stop)`: the verdict there, given what other trials scored at that rung.
Rules keep no state: what was seen at a rung is part of the run's state, which the event log holds.
"""
