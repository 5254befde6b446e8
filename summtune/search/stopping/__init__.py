"""Rules that stop weak trials, one file each.

A file has
    SUMMARY                                             a sentence for people
    TAKES                                               the keys of `early_terminate` that say something to it
    PAUSES                                              whether a weak trial pauses and may go on later, or is stopped for good
    rung(stopping, iteration, last) -> int | None       the rung that an evaluation stands at, if any; none at a trial's last
    measure(stopping, scores, maximize) -> (score, mark)    of a trial's evaluations so far: what is judged, what others are judged by;
                                                        scores by their iterations, of which a damaged event log may have lost some
and, where a weak trial is stopped,
    judge(stopping, score, seen, maximize) -> (cutoff | None, stop)    the verdict, given the (ascending) marks of those there before
or, where it pauses,
    places(stopping, arrived, last) -> int              how many of those that came to a rung go on (`search/pausing.py`)

Rules keep no state: what was seen at a rung is part of the run's state, which the event log holds. A verdict is the same after a restart.
"""
