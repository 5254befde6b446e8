"""Runs a search with Ray: the only package, beside `cluster`, that knows Ray.

`driver` holds a run together (no Ray in it), `searcher` and `scheduler` are what Ray Tune sees of it, `trainable` is what an actor
executes, `engine` puts them under a Tuner, `launch` opens and resumes runs.
"""
