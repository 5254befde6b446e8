"""How many pairs of summary and reference ROUGE scores in a second, by tokenizer and engine, references analysed anew or remembered.

The pairs are the sample data's training summaries, which are Korean, each against its neighbour's; `english` sees nothing of them but tags.
Counting is what engines differ in; analysing is the floor.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from summtune.config.settings import Data, Evaluation
from summtune.corpus.dialogues import read_split
from summtune.metrics import Summaries
from summtune.metrics import _words as words
from summtune.metrics._engines import PACKAGES, Engine
from summtune.metrics.rouge import TYPES, Rouge

REPEATS = 5
PAIRS = 500


def main() -> None:
    """Print the table."""
    texts = [dialogue.summary or "" for dialogue in read_split(Data(), "train").dialogues][:PAIRS]
    predictions, references = texts[1:] + texts[:1], [[text] for text in texts]
    print(f"Pairs per second, median of {REPEATS} over {len(texts)} pairs (least and most), through `evaluate`:\n")
    print("| tokenizer | engine | references anew | references remembered | counting alone |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in words.TOKENIZERS:
            for engine in PACKAGES:
                made = Rouge(Evaluation(rouge_tokenizer=name), Path(folder), engine)
                summaries = Summaries(predictions, references)
                made.score(summaries)  # loads dictionaries

                def score(made: Rouge = made, summaries: Summaries = summaries) -> object:
                    return made.score(summaries)

                cells = [
                    speed(score, len(texts), before=words.remembered.cache_clear),
                    speed(score, len(texts)),
                    speed(counting(engine, name, predictions, texts), len(texts)),
                ]
                print(f"| {name} | {engine} | {' | '.join(cells)} |", flush=True)


def counting(engine: str, tokenizer: str, predictions: list[str], references: list[str]) -> Callable[[], object]:
    """Scoring of texts that have been analysed."""
    pairs = [
        (words.analysed(reference, tokenizer), words.analysed(guess, tokenizer))
        for reference, guess in zip(references, predictions, strict=True)
    ]
    counter = Engine(engine, TYPES)
    return lambda: [counter.score(reference, guess) for reference, guess in pairs]


def speed(function: Callable[[], object], pairs: int, before: Callable[[], object] = lambda: None) -> str:
    """Pairs per second."""
    found = []
    for _ in range(REPEATS):
        before()
        began = time.perf_counter()
        function()
        found.append(pairs / (time.perf_counter() - began))
    return f"{median(found):,.0f} ({min(found):,.0f}–{max(found):,.0f})"
