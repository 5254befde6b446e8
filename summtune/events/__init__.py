"""The event log: what a run decided and saw, in order; the one source of truth.

`kinds` says what may be written, `log` writes and reads it, `fold` makes the state of a run out of it.
`salvage` says what is left of a damaged one, `mending` writes that beside it.
"""
