"""One training: optimise, evaluate, keep checkpoints and the best model, report. It is told where to report, and never asks where it runs.

It must not know of Ray, trials or runs.
"""
