"""Tokenises a split once per (data, encoder) into Arrow on disk, which every trial of a node maps into memory.

It must not know what the encoder does: it is handed a function and a digest of everything that its result depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summtune.corpus.dialogues import Dialogue, Split

if TYPE_CHECKING:
    import datasets

Encode = Callable[[Sequence[Dialogue]], Mapping[str, list[Any]]]
"""Dialogues to columns, such as input_ids, labels and length, one entry per dialogue."""

Once = Callable[[str, str, Callable[[Path], None]], Path]
"""(kind, key, make) to a folder that was made once by whoever came first, and is complete."""


CHUNK = 2000
"""Dialogues tokenised at a time."""


def tokenised(split: Split, encode: Encode, digest: str, once: Once) -> datasets.Dataset:
    """The split as a memory-mapped dataset, in the split's order.

    Args:
        split: what was read.
        encode: makes columns of dialogues.
        digest: of all that `encode` depends on: tokenizer, lengths, text options.
        once: where the result is kept.
    """
    import datasets

    parts = [split.digest, digest, _versions()]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def make(folder: Path) -> None:
        import pyarrow

        # Arrow's token ids take a tenth of the memory of Python's: no more than a chunk of those is ever held.
        starts = range(0, len(split.dialogues), CHUNK)
        tables = [_table(encode(split.dialogues[start : start + CHUNK])) for start in starts]
        datasets.Dataset(datasets.table.InMemoryTable(pyarrow.concat_tables(tables))).save_to_disk(str(folder))

    return datasets.Dataset.load_from_disk(str(once("tokenised", key, make)), keep_in_memory=False)


def _table(columns: Mapping[str, list[Any]]) -> Any:
    """Columns of whole numbers, or of lists of them, as an Arrow table."""
    import pyarrow

    one = pyarrow.int32()
    kinds = {name: pyarrow.list_(one) if column and isinstance(column[0], list) else one for name, column in columns.items()}
    return pyarrow.table({name: pyarrow.array(column, kinds[name]) for name, column in columns.items()})


@cache
def _versions() -> tuple[str, ...]:
    # Looking a version up takes 10 ms each time, which every trial would pay.
    return tuple(version(name) for name in ("datasets", "transformers", "tokenizers"))
