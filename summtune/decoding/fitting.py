"""Works through rows in batches that fit into memory: where one doesn't, smaller ones from there on.

It must not know what is done with a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from summtune.decoding.room import hand_back, is_out_of_memory
from summtune.errors import TrialFailure


class BatchSize:
    """How many rows come at a time, until memory says otherwise.

    Attributes:
        asked: as the settings say.
        now: what has fitted so far.
    """

    def __init__(self, asked: int) -> None:
        self.asked = self.now = asked

    @property
    def notice(self) -> str:
        """A sentence for whoever reads the results; empty while what was asked for fits."""
        if self.now == self.asked:
            return ""
        return f"Memory does not suffice to summarise {self.asked} dialogues at a time: it is done with {self.now}."

    def work_through(
        self, lengths: Sequence[int], batches: Callable[[Sequence[int], int], list[list[int]]], work: Callable[[list[int]], None]
    ) -> None:
        """Do `work` with every row, batch by batch.

        Args:
            lengths: of the rows.
            batches: makes batches of lengths, as lists of places, by a batch size.
            work: is done with the places of a batch; anew with parts of it where memory ran out.

        Raises:
            TrialFailure: a single row doesn't fit.
        """
        left = list(range(len(lengths)))
        while left:
            done: set[int] = set()
            for batch in batches([lengths[place] for place in left], self.now):
                places = [left[place] for place in batch]
                if not self._fits(work, places):
                    break
                done |= set(places)
            left = [place for place in left if place not in done]

    def _fits(self, work: Callable[[list[int]], None], places: list[int]) -> bool:
        try:
            work(places)
            return True
        except (RuntimeError, MemoryError) as problem:
            if not is_out_of_memory(problem):
                raise
            if len(places) == 1:
                raise TrialFailure(
                    "out_of_memory",
                    f"memory does not suffice to evaluate a single dialogue ({problem}). Fewer beams or a shorter encoder_max_len help.",
                ) from problem
        # Only out here the error has let go of the frames that held the batch.
        hand_back()
        self.now = max(min(self.now, len(places)) // 2, 1)
        return False
