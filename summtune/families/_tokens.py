"""The tokens of a model: its tokenizer, the special tokens that are added to it, and the embeddings that those begin with.

It must not know how a family feeds its models.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from summtune.config.settings import Settings, Tokenizer
from summtune.errors import CheckpointMistake, Problem
from summtune.families import Loaded, Sources
from summtune.families._checkpoints import had
from summtune.families._line_breaks import LINE_BREAK, keep_line_breaks
from summtune.families._made_up import tokenizer_folder
from summtune.families._plain_tokens import make_plain
from summtune.space.naming import did_you_mean

KOREAN_PROBE = "안녕하세요 오늘은 책을 읽어요"

LEAST_SHARE = 0.75
"""Of a model's embeddings that its tokenizer has tokens for. Published models round up by 2 % at most."""


@dataclass(frozen=True)
class Tokens:
    """A tokenizer, and what became of the settings' special tokens.

    Attributes:
        tokenizer: with them.
        pieces: of each token that was added: its id, and the ids of the tokens that its text was made of before.
        notices: what was decided for the person.
    """

    tokenizer: Any
    pieces: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def had_tokens(settings: Settings, sources: Sources) -> Tokens:
    """The checkpoint's tokenizer, or one trained on the sources' texts, with the settings' special tokens and a line break added.

    Raises:
        CheckpointMistake: it can't be had.
    """
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    wanted = settings.tokenizer
    checkpoint = settings.model.checkpoint
    if checkpoint is None:
        assert wanted.vocab_size is not None, "check_available has seen to it"
        folder = tokenizer_folder(wanted.vocab_size, wanted.special_tokens, sources)
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    else:
        tokenizer = _published(checkpoint, trust_remote_code=settings.model.trust_remote_code)
    known = set(tokenizer.get_vocab())
    if checkpoint is not None and (named := _named(wanted)):
        _check_named(named, known.union(wanted.special_tokens), tokenizer)
        tokenizer = _published(checkpoint, trust_remote_code=settings.model.trust_remote_code, **named)
    new = [token for token in dict.fromkeys(wanted.special_tokens) if token not in known]
    spelt = {token: tokenizer(token, add_special_tokens=False)["input_ids"] for token in new}
    # Not as special tokens: skip_special_tokens would delete the speakers from every prediction.
    plain = make_plain(tokenizer, wanted.special_tokens)
    tokenizer.add_tokens(
        [AddedToken(token, normalized=False) for token in wanted.special_tokens if token not in tokenizer.get_added_vocab()]
    )
    if keep_line_breaks(tokenizer):
        spelt[LINE_BREAK] = []
    unknown = tokenizer.unk_token_id
    pieces = {tokenizer.convert_tokens_to_ids(token): tuple(piece for piece in ids if piece != unknown) for token, ids in spelt.items()}
    return Tokens(tokenizer, pieces, _made_plain(plain))


def _made_plain(tokens: Sequence[str]) -> tuple[str, ...]:
    if not tokens:
        return ()
    said = f"the checkpoint's tokenizer has {', '.join(tokens)} as special tokens, which would be deleted from every summary"
    return (f"{said}: here they stay (tokenizer.special_tokens).",)


def _named(wanted: Tokenizer) -> dict[str, str]:
    """The tokens that begin, end and pad, where the settings say it."""
    return {name: token for name in ("bos_token", "eos_token", "pad_token") if (token := getattr(wanted, name))}


def _check_named(named: Mapping[str, str], known: Collection[str], tokenizer: Any) -> None:
    """Refuse a token that nobody has: transformers would add it, and the model would be taught to end with what it has never seen."""
    own = [token for token in tokenizer.special_tokens_map.values() if isinstance(token, str)]
    problems = [
        Problem(f"the tokenizer has no token {token!r}.", did_you_mean(token, own), key=f"tokenizer.{name}")
        for name, token in named.items()
        if token not in known
    ]
    if problems:
        raise CheckpointMistake(problems)


def give_embeddings(model: Any, tokens: Tokens) -> None:
    """See that every token has an embedding; those of tokens that were added begin as the mean of what they used to be made of.

    So a model that was never shown `#Person1#` still reads something like it, and its output scores it as it scored its pieces.

    Raises:
        CheckpointMistake: tokenizer and model are not of one kind.
    """
    import torch

    rows = model.get_input_embeddings().num_embeddings
    _check_fit(tokens.tokenizer, rows)
    highest = max(tokens.tokenizer.get_vocab().values())
    if highest >= rows:
        model.resize_token_embeddings(highest + 1, mean_resizing=False)
    begun = {**tokens.pieces, **{token: () for token in range(rows, highest + 1) if token not in tokens.pieces}}
    sides = [model.get_input_embeddings()]
    output = model.get_output_embeddings()
    if output is not None and output.weight is not sides[0].weight:
        sides.append(output)
    with torch.no_grad():
        for side in sides:
            for part in filter(lambda one: one is not None, (side.weight, getattr(side, "bias", None))):
                mean = part[:rows].mean(dim=0)
                for token, pieces in begun.items():
                    known = [piece for piece in pieces if piece < rows]
                    part[token] = part[known].mean(dim=0) if known else mean


def _check_fit(tokenizer: Any, rows: int) -> None:
    added = tokenizer.get_added_vocab()
    most = max((place for token, place in tokenizer.get_vocab().items() if token not in added), default=-1) + 1
    if most > rows or len(tokenizer) < LEAST_SHARE * rows:
        count = f"{most:,} tokens of its own" if most > rows else f"{len(tokenizer):,} tokens"
        reason = f"the tokenizer has {count}, and the model {rows:,} embeddings: they are not of one model."
        raise CheckpointMistake(Problem(reason, "Copy the tokenizer's files from where the model's come from.", key="model.checkpoint"))


def check_tokens(loaded: Loaded) -> None:
    """Make sure that there are tokens to pad and to end with.

    Raises:
        CheckpointMistake: there aren't.
    """
    tokenizer = loaded.tokenizer
    if tokenizer.pad_token_id is None:
        reason = "the tokenizer has no padding token."
        raise CheckpointMistake(Problem(reason, "Name one of its tokens, such as `</s>`.", key="tokenizer.pad_token"))
    if tokenizer.eos_token_id is None:
        reason = "the tokenizer has no end token, so summaries would never end."
        raise CheckpointMistake(Problem(reason, "Name one of its tokens.", key="tokenizer.eos_token"))


def share_token_ids(loaded: Loaded) -> None:
    """Tell model and generation which tokens pad, begin and end."""
    for role in ("pad", "eos", "bos"):
        token_id = getattr(loaded.tokenizer, f"{role}_token_id")
        setattr(loaded.model.config, f"{role}_token_id", token_id)
        setattr(loaded.model.generation_config, f"{role}_token_id", token_id)


def _published(checkpoint: str, **arguments: Any) -> Any:
    """The checkpoint's tokenizer as its tokenizer.json says.

    Where a checkpoint doesn't name its tokenizer's class, transformers 5 rebuilds the one that is usual for the architecture, BART's own
    for KoBART, and loses all Korean without a word. So what can't give back Korean is loaded by the file instead, if that one can.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    usual = had(checkpoint, AutoTokenizer.from_pretrained, **arguments)
    if _gives_back(usual, KOREAN_PROBE):
        return usual
    arguments.pop("trust_remote_code")
    try:
        by_file = had(checkpoint, PreTrainedTokenizerFast.from_pretrained, **arguments)
    except CheckpointMistake:
        return usual
    return by_file if _gives_back(by_file, KOREAN_PROBE) else usual


def _gives_back(tokenizer: Any, text: str) -> bool:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return bool(tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == text.replace(" ", ""))
