"""What is known of a training's data: for training_results.json, and the sentences about them that a person should read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from summtune.config.settings import Settings
from summtune.corpus.columns import Columns
from summtune.corpus.dialogues import Split

Facts = dict[str, Any]


def cuts(rows: Any) -> tuple[Sequence[int], Sequence[int]]:
    """Tokens cut of each dialogue and of each summary, as a dataset of token ids has them."""
    counted = rows.with_format("numpy")
    return counted["cut"][:], counted["cut_summary"][:]


def data_facts(split: Split, cut: tuple[Sequence[int], Sequence[int]], settings: Settings) -> Facts:
    """One split: its file, how many dialogues were taken of it, and what truncation and cleaning did to them.

    Args:
        split: as it was read.
        cut: tokens cut of each dialogue, and of each summary.
        settings: for the names of columns.
    """
    dialogues, summaries = ([int(count) for count in counts if count] for counts in cut)
    return {
        "file": str(split.file),
        "rows": len(split.dialogues),
        "fingerprint": split.fingerprint,
        "content": split.content,
        "references": [column for column in Columns.of(settings.data).references if column in split.header],
        "dialogues_cut": len(dialogues),
        "dialogue_tokens_cut": sum(dialogues),
        "summaries_cut": len(summaries),
        "summary_tokens_cut": sum(summaries),
        "cleaned": None if split.cleaned is None else {"dialogues": split.cleaned.dialogues, "summaries": split.cleaned.summaries},
    }


def data_notices(facts: Mapping[str, Facts], settings: Settings, *, line_break_added: bool) -> list[str]:
    """What to say of the data of all splits.

    Args:
        facts: of each split, by name.
        settings: for lengths.
        line_break_added: whether the tokenizer had to be given a line break.
    """
    notices = []
    if cut := cut_to_length(facts):
        wanted = settings.tokenizer
        limits = {
            "dialogues_cut": f"tokenizer.encoder_max_len ({wanted.encoder_max_len})",
            "summaries_cut": f"tokenizer.decoder_max_len ({wanted.decoder_max_len})",
        }
        raised = " and ".join(limit for key, limit in limits.items() if any(one[key] for one in facts.values()))
        notices.append(f"{cut}; raise {raised} to keep them whole.")
    if settings.data.clean and not any(one["cleaned"] and any(one["cleaned"].values()) for one in facts.values()):
        notices.append("data.clean changed nothing: the data were clean.")
    if line_break_added:
        notices.append("The tokenizer has no line break, and was given one as a token, so that the turns of a dialogue stay apart.")
    return notices


def cut_to_length(facts: Mapping[str, Facts]) -> str:
    """What truncation cut, as the beginning of a sentence; empty where that is nothing."""
    parts = []
    for name, one in facts.items():
        cut = []
        if one["dialogues_cut"]:
            cut.append(f"{one['dialogues_cut']:,} of {one['rows']:,} dialogues ({one['dialogue_tokens_cut']:,} tokens)")
        if one["summaries_cut"]:
            cut.append(f"{one['summaries_cut']:,} of {one['rows']:,} summaries ({one['summary_tokens_cut']:,} tokens)")
        if cut:
            parts.append(f"{' and '.join(cut)} of {name}")
    return f"Cut to length: {', '.join(parts)}" if parts else ""
