"""Finds out, without torch and within seconds, whether a checkpoint can be had: a local folder, the hub's cache, or the hub.

It must not load models. (`summtune.families` offers it as `checkpoints`; its underscore says that it is no family.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, Problem
from summtune.families._gguf import gguf_model_type, gguf_path

HUB_TIMEOUT_S = 3.0
KEY = "model.checkpoint"


def local_folder(checkpoint: str) -> Path | None:
    """The folder that a checkpoint names, or None where it names a model on the hub."""
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return folder
    looks_local = checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1
    if looks_local:
        reason = f"{checkpoint} is a file, not a model folder." if folder.exists() else f"there is no folder {checkpoint}."
        raise CheckpointMistake(Problem(reason, "Give a folder with config.json, weights and tokenizer, or a name on the hub.", key=KEY))
    return None


def check_available(settings: Settings) -> None:
    """Make sure that the model's files can be had, before anything starts.

    Raises:
        CheckpointMistake: the folder isn't a model, or the hub can't be reached and its cache has no such model.
    """
    checkpoint = settings.model.checkpoint
    if checkpoint is None:
        if settings.model.load_pretrained:
            raise CheckpointMistake(
                Problem("no checkpoint is named.", "Name one, or say --set model.load_pretrained=false for random weights.", key=KEY)
            )
        if settings.tokenizer.vocab_size is None:
            reason = "without a checkpoint there is no tokenizer."
            raise CheckpointMistake(Problem(reason, "Set it, and one is trained on the training data.", key="tokenizer.vocab_size"))
        return
    folder = local_folder(checkpoint)
    if settings.model.gguf_file is not None:
        gguf_path(settings, folder)
    elif folder is not None:
        _check_folder(folder, weights=settings.model.load_pretrained)
    elif _cached_config(checkpoint) is None:
        _ask_hub(checkpoint)


def check_local(settings: Settings) -> None:
    """As `check_available`, of a model that lies in a folder here; the hub is not asked.

    Raises:
        CheckpointMistake: the folder isn't there, or isn't a model.
    """
    checkpoint = settings.model.checkpoint
    if checkpoint is not None and Path(checkpoint).is_absolute():
        check_available(settings)


def problems_of(models: Iterable[Settings], check: Callable[[Settings], None]) -> list[Problem]:
    """What a check says of several models, each problem once."""
    found: list[Problem] = []
    for settings in models:
        try:
            check(settings)
        except CheckpointMistake as mistake:
            found += [problem for problem in mistake.problems if problem not in found]
    return found


def model_type(settings: Settings) -> str:
    """The `model_type` of the checkpoint's configuration.

    Raises:
        CheckpointMistake: there is no checkpoint, or it can't be had.
    """
    if settings.model.gguf_file is not None and settings.model.checkpoint is not None:
        return gguf_model_type(gguf_path(settings, local_folder(settings.model.checkpoint)))
    return str(_known_config(settings)["model_type"])


def own_code(settings: Settings) -> frozenset[str]:
    """The Auto classes of transformers that the checkpoint brings Python code of its own for; it is not looked into."""
    if settings.model.checkpoint is None or settings.model.gguf_file is not None:
        return frozenset()
    mapped = _known_config(settings).get("auto_map")
    return frozenset(mapped) if isinstance(mapped, dict) else frozenset()


def _known_config(settings: Settings) -> dict[str, Any]:
    check_available(settings)
    checkpoint = settings.model.checkpoint
    if checkpoint is None:
        raise CheckpointMistake(Problem("neither architecture nor checkpoint is given.", "Say which model.", key="model.architecture"))
    folder = local_folder(checkpoint)
    config = folder / "config.json" if folder is not None else _cached_config(checkpoint)
    if config is None:
        from huggingface_hub import hf_hub_download

        config = Path(hf_hub_download(checkpoint, "config.json", etag_timeout=HUB_TIMEOUT_S))
    return _config(config)


def untrusted(checkpoint: str) -> CheckpointMistake:
    """The error for a checkpoint whose own code nobody has allowed to run."""
    reason = f"{checkpoint} brings Python code of its own, which would have to be run."
    return CheckpointMistake(
        Problem(reason, "Read it; where you trust its author, say `--set model.trust_remote_code=true`.", key="model.trust_remote_code")
    )


def had(checkpoint: str, get: Callable[..., Any], **arguments: Any) -> Any:
    """What `get` returns for a checkpoint, from this machine where it has it, with the hub's many ways to fail made one mistake."""
    from safetensors import SafetensorError

    here = local_folder(checkpoint) is not None
    try:
        return get(checkpoint, local_files_only=True, **arguments)
    except (OSError, ValueError, SafetensorError) as problem:
        if "trust_remote_code" in str(problem):
            raise untrusted(checkpoint) from None
        if here:
            raise CheckpointMistake(Problem(f"{checkpoint} can't be loaded: {problem}", key=KEY)) from problem
    except UnpicklingError as problem:
        raise _hostile(checkpoint) from problem
    except RuntimeError as problem:
        if "ignore_mismatched_sizes" not in str(problem):
            raise
        reason = f"the weights of {checkpoint} have other shapes than its config.json says."
        raise CheckpointMistake(Problem(reason, "Copy both from one model; see training.log for their names.", key=KEY)) from problem
    try:
        return get(checkpoint, **arguments)
    except UnpicklingError as problem:
        raise _hostile(checkpoint) from problem
    except (OSError, ValueError) as problem:
        if "trust_remote_code" in str(problem):
            raise untrusted(checkpoint) from None
        raise unavailable(checkpoint, str(problem).splitlines()[0].rstrip(".")) from problem


def _hostile(checkpoint: str) -> CheckpointMistake:
    """Torch refused weights in the old form (pytorch_model.bin), which is a pickle: it reads tensors out of them, and nothing else."""
    reason = f"{checkpoint} can't be loaded: its weights (.bin) are a pickle that holds more than weights, and could run code."
    return CheckpointMistake(Problem(reason, "Take a copy with model.safetensors, from a source that you trust.", key=KEY))


def unavailable(checkpoint: str, reason: str) -> CheckpointMistake:
    """The error for a checkpoint that can't be had, with the three ways out."""
    return CheckpointMistake(
        Problem(
            f"{checkpoint} can't be had: {reason}.",
            f"Download it where there is a network (`hf download {checkpoint} --local-dir FOLDER`) and say "
            "`--set model.checkpoint=FOLDER`, or use the preset tiny-kobart, which needs no download.",
            key=KEY,
        )
    )


def _check_folder(folder: Path, *, weights: bool) -> None:
    config = folder / "config.json"
    if not config.is_file():
        has = ", ".join(sorted(entry.name for entry in folder.iterdir())[:6]) or "nothing"
        reason = f"{folder} is not a model folder: it has no config.json, but {has}."
        raise CheckpointMistake(Problem(reason, "Give the folder that config.json lies in.", key=KEY))
    _config(config)
    if weights and not any((*folder.glob("*.safetensors"), *folder.glob("*.bin"))):
        raise CheckpointMistake(Problem(f"{folder} has no weights (model.safetensors).", "Copy them there.", key=KEY))
    if not any(folder.glob("*token*")) and not any(folder.glob("*.model")) and not (folder / "vocab.json").is_file():
        raise CheckpointMistake(Problem(f"{folder} has no tokenizer (tokenizer.json).", "Copy it there.", key=KEY))


def _config(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise CheckpointMistake(Problem(f"{file} can't be read: {problem}.", "Copy the model again.", key=KEY)) from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise CheckpointMistake(Problem(f"{file} names no model_type.", "Give the configuration of a transformers model.", key=KEY))
    return config


def _cached_config(checkpoint: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(checkpoint, "config.json")
    except HFValidationError as problem:
        raise CheckpointMistake(Problem(f"{checkpoint} is neither a folder nor a name on the hub: {problem}.", key=KEY)) from None
    return Path(found) if isinstance(found, str) else None


def _ask_hub(checkpoint: str) -> None:
    import urllib.error
    import urllib.request

    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise unavailable(checkpoint, "HF_HUB_OFFLINE is set, and the hub's cache on this machine has no such model")
    headers = {}
    token = os.environ.get("HF_TOKEN")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    url = f"{constants.ENDPOINT}/{checkpoint}/resolve/main/config.json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD", headers=headers), timeout=HUB_TIMEOUT_S):
            return
    except urllib.error.HTTPError as problem:
        if problem.code in (401, 403, 404):
            raise unavailable(checkpoint, f"the hub ({constants.ENDPOINT}) has no such model, or it is private (set HF_TOKEN)") from None
        raise unavailable(checkpoint, f"the hub ({constants.ENDPOINT}) answered with status {problem.code}") from None
    except OSError as problem:
        reason = getattr(problem, "reason", problem)
        raise unavailable(checkpoint, f"the model hub ({constants.ENDPOINT}) can't be reached ({reason})") from None
