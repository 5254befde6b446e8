"""Rules that stop weak trials, one file each.

A file has
    SUMMARY                                             a sentence for people
    TAKES                                               the keys of `early_terminate` that say something to it
    PAUSES                                              whether a weak trial pauses and may go on later, or is stopped for good
    rung(stopping, iteration, last) -> int | None       the rung that an evaluation stands at, if any; none at a trial's last
    measure(stopping, scores, maximize) -> (score, mark)    of a trial's evaluations so far: what is judged, what others are judged by
    judge(stopping, score, seen, maximize) -> (cutoff | None, stop)    the verdict, given the (ascending) marks of those there before
and, where it pauses,
    promotes(stopping, place, arrived, last) -> bool    whether the best of those that pause at a rung goes on

Rules keep no state: what was seen at a rung is part of the run's state, which the event log holds. A verdict is the same after a restart.
"""
