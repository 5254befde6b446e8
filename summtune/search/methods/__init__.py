"""Ways of choosing the next point, one file each.

A file has `SUMMARY`, a sentence for people, and
`suggest(study, space, number, seed, count) -> (optuna trial, point) | None`: the next point, asked of the Optuna study, as a pure
function of what the study has been told, so that a run that was interrupted goes on as if it had not been. None says that the
space is used up.
"""
