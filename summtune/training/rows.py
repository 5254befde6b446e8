"""The token ids of a split, made once per node and shared by all trials whose texts, tokenizer and lengths are the same."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from summtune.config.settings import Settings
from summtune.corpus.dialogues import Dialogue, Split
from summtune.corpus.tokenised import tokenised
from summtune.families import Loaded
from summtune.training.store import Store


def token_rows(family: ModuleType, loaded: Loaded, split: Split, settings: Settings, store: Store, *, taught: bool) -> Any:
    """A memory-mapped dataset of the columns that the family's `encode` makes, in the split's order.

    Args:
        family: the model's.
        loaded: for its tokenizer.
        split: whose dialogues all have summaries.
        settings: lengths and prompt.
        store: where it is kept.
        taught: whether the targets are what is taught. What is scored by, which cleaning never changes, are they otherwise: so that the
            development loss of trials with and without `data.clean` can be compared.
    """

    def target(dialogue: Dialogue) -> str:
        return (dialogue.summary if taught else dialogue.references[0]) or ""

    def encode(dialogues: Sequence[Dialogue]) -> dict[str, list[Any]]:
        texts = [dialogue.dialogue for dialogue in dialogues]
        columns: dict[str, list[Any]] = family.encode(loaded.tokenizer, texts, [target(one) for one in dialogues], settings)
        return columns

    which = "as written" if split.cleaned is not None and not taught else "as taught"
    return tokenised(split, encode, f"{family.encoding_digest(loaded, settings)} {which}", store.once)
