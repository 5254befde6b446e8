"""Generates summaries and scores them: the same code for evaluations in training and for `predict`.

It must not know of training, trials or files.
"""
