"""What all families do alike to have a model and its tokenizer: published ones from this machine or the hub, or made up; tokens added.

It must not know how a family feeds its models.
"""

from __future__ import annotations

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, Problem
from summtune.families import Loaded, Sources
from summtune.families._checkpoints import local_folder, unavailable
from summtune.families._made_up import initial_weights, tokenizer_folder

KOREAN_PROBE = "안녕하세요 오늘은 책을 읽어요"

_MODEL_TYPES = {"kobart": "bart", "kogpt2": "gpt2"}


def weights_arguments(settings: Settings) -> dict[str, Any]:
    """How weights are loaded: always fp32, since half-precision weights can't be unscaled by mixed precision."""
    import torch

    return {"dtype": torch.float32, "trust_remote_code": settings.model.trust_remote_code}


def had_tokenizer(settings: Settings, sources: Sources) -> Any:
    """The checkpoint's tokenizer, or one trained on the sources' texts, with the settings' special tokens added.

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
        named = {f"{role}_token": token for role in ("bos", "eos", "pad") if (token := getattr(wanted, f"{role}_token"))}
        tokenizer = _published(checkpoint, trust_remote_code=settings.model.trust_remote_code, **named)
    # Not additional_special_tokens: skip_special_tokens would delete the speakers from every prediction.
    known = set(tokenizer.get_added_vocab())
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in wanted.special_tokens if token not in known])
    return tokenizer


def had_model(settings: Settings, tokenizer: Any, sources: Sources, auto_class: Any, prepare: Callable[[Any, Any], None]) -> Any:
    """The checkpoint's model, or random weights; its embeddings as many as the tokenizer has tokens.

    Args:
        settings: which model.
        tokenizer: the model's.
        sources: where random weights are kept.
        auto_class: transformers' Auto class of the family.
        prepare: brings the configuration of a model without checkpoint into agreement with its tokenizer: (configuration, tokenizer).

    Raises:
        CheckpointMistake: it can't be had.
    """
    config = _config(settings)
    if settings.model.load_pretrained:
        checkpoint = settings.model.checkpoint
        assert checkpoint is not None, "check_available has seen to it"
        model = had(checkpoint, auto_class.from_pretrained, config=config, **weights_arguments(settings))
    else:
        config.vocab_size = len(tokenizer)
        for role in ("pad", "bos", "eos"):
            setattr(config, f"{role}_token_id", getattr(tokenizer, f"{role}_token_id"))
        prepare(config, tokenizer)
        folder = initial_weights(auto_class, config, settings.general.seed, sources.once)
        model = auto_class.from_pretrained(str(folder), local_files_only=True, **weights_arguments(settings))
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        # mean_resizing draws from a normal distribution fitted to the old rows: seeded by the trainer's global seed.
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return model


def had(checkpoint: str, get: Callable[..., Any], **arguments: Any) -> Any:
    """What `get` returns for a checkpoint, from this machine where it has it, with the hub's many ways to fail made one mistake."""
    here = local_folder(checkpoint) is not None
    try:
        return get(checkpoint, local_files_only=True, **arguments)
    except (OSError, ValueError) as problem:
        if here:
            raise CheckpointMistake(Problem(f"{checkpoint} can't be loaded: {problem}", key="model.checkpoint")) from problem
    except UnpicklingError as problem:
        raise _hostile(checkpoint) from problem
    try:
        return get(checkpoint, **arguments)
    except UnpicklingError as problem:
        raise _hostile(checkpoint) from problem
    except (OSError, ValueError) as problem:
        raise unavailable(checkpoint, str(problem).splitlines()[0].rstrip(".")) from problem


def _hostile(checkpoint: str) -> CheckpointMistake:
    """Torch refused weights in the old form (pytorch_model.bin), which is a pickle: it reads tensors out of them, and nothing else."""
    reason = f"{checkpoint} can't be loaded: its weights (.bin) are a pickle that holds more than weights, and could run code."
    return CheckpointMistake(Problem(reason, "Take a copy with model.safetensors, from a source that you trust.", key="model.checkpoint"))


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


def _config(settings: Settings) -> Any:
    """The checkpoint's configuration, or the architecture's, with the settings' laid over it."""
    from transformers import AutoConfig

    model = settings.model
    if model.checkpoint is not None:
        config = had(model.checkpoint, AutoConfig.from_pretrained, trust_remote_code=model.trust_remote_code)
    else:
        assert model.architecture is not None, "family_of has seen to it"
        config = AutoConfig.for_model(_MODEL_TYPES.get(model.architecture, model.architecture))
    _override(config, settings)
    return config


def _override(config: Any, settings: Settings) -> None:
    for key, value in settings.model.config_overrides.items():
        if not hasattr(config, key):
            raise CheckpointMistake(
                Problem(f"a {config.model_type} configuration has no {key}.", key=f"model.config_overrides.{key}"),
            )
        setattr(config, key, value)
    if settings.model.dropout_rate is not None:
        # BART calls it dropout, T5 dropout_rate, GPT-2 has one each for residuals, embeddings and attention; Llama-likes attention's only.
        names = [name for name in ("dropout", "dropout_rate", "resid_pdrop", "embd_pdrop", "attn_pdrop") if hasattr(config, name)]
        for name in names[:1] if names and names[0].startswith("dropout") else names or ["attention_dropout"]:
            setattr(config, name, settings.model.dropout_rate)
