"""Makes plain text of generated tokens: special tokens and stray spaces go, speakers stay.

It knows tokenizers' ways with spaces, and nothing of models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_PARTICLES = (
    "에게서는|에게서|에게는|에게도|에게만|에게|한테서|한테는|한테|께서는|께서|께|으로부터|로부터|으로는|으로|로|에서는|에서|에는|에도|에|"
    "은|는|이나|이랑|이와|이|가|을|를|의|와의|와는|와|과의|과는|과|도|만|랑|나|처럼|보다|까지|부터|마다|씨의|씨는|씨가|씨에게|씨를|씨"
)
"""What follows a name in Korean without a space, longest first."""

_TORN_PARTICLE = re.compile(rf"(#[A-Za-z]+\d*#) +(?=(?:{_PARTICLES})(?:[\s.,!?…'\"”’)]|$))")


def cleaner(tokenizer: Any, remove_tokens: Iterable[str]) -> Callable[[Any], list[str]]:
    """A function from token ids (batch, tokens) to texts.

    Args:
        tokenizer: a fast tokenizer of transformers, speakers among its added tokens.
        remove_tokens: strings that are deleted wherever they are left over.
    """
    special = {token for token in tokenizer.all_special_tokens if token}
    leftovers = sorted(special | {token for token in remove_tokens if token}, key=len, reverse=True)
    removed = re.compile("|".join(map(re.escape, leftovers))) if leftovers else None
    mend_particles = _tears_particles(tokenizer)

    def clean(ids: Any) -> list[str]:
        texts = tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [tidied(text, removed, mend_particles=mend_particles) for text in texts]

    return clean


def _tears_particles(tokenizer: Any) -> bool:
    """Whether this tokenizer puts a space after a speaker that had none, as KoBART's does."""
    speakers = [token for token in tokenizer.get_added_vocab() if re.fullmatch(r"#[A-Za-z]+\d*#", token)]
    if not speakers:
        return False
    ids = tokenizer(f"{speakers[0]}은", add_special_tokens=False)["input_ids"]
    return f"{speakers[0]} " in tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def tidied(text: str, removed: re.Pattern[str] | None, *, mend_particles: bool) -> str:
    """One text without leftover tokens, doubled or outer spaces; with `mend_particles` also `#Person1# 은` as `#Person1#은`."""
    if removed is not None:
        text = removed.sub("", text)
    text = re.sub(r"[ \t]+", " ", text).strip()
    return _TORN_PARTICLE.sub(r"\1", text) if mend_particles else text
