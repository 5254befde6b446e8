"""Runs on a Ray cluster: packed and submitted here, watched and fetched from here, and what a run has to mind inside a cluster's job.

Everything from here to the cluster goes through Ray's Jobs API (`access`), but for pulling where the cluster's storage is visible. What is
tuned, and how, it must not know: a job executes `summtune run` as a person would.
"""
