"""Models in one GGUF file, as llama.cpp's: found, looked into without torch, and unpacked once per node into a plain model folder.

De-quantising takes many times as long as loading what came of it, and every trial would pay for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summtune.config.settings import Settings
from summtune.errors import CheckpointMistake, Problem
from summtune.families._writing import write

if TYPE_CHECKING:
    from summtune.families import Sources

KEY = "model.gguf_file"

_MAGIC = b"GGUF"
_ENDS = 1 << 20  # bytes at either end of a file that tell it from others of its size and time

# GGUF's names for architectures, where transformers has others.
_MODEL_TYPES: Mapping[str, str] = {"gemma3": "gemma3_text", "qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe", "phi2": "phi"}


def gguf_path(settings: Settings, folder: Path | None) -> Path:
    """The file: in the checkpoint's local folder, or (None) in the hub's cache, where it is put if it isn't there.

    Raises:
        CheckpointMistake: there is none, or it is no GGUF file.
    """
    name, checkpoint = settings.model.gguf_file, settings.model.checkpoint
    assert name is not None, "whoever asks has looked"
    assert checkpoint is not None, "whoever asks has looked"
    if name != Path(name).name or name in ("", ".", ".."):
        raise CheckpointMistake(Problem(f"{name!r} is no file's name.", "Give the name alone: the file lies in model.checkpoint.", key=KEY))
    file = folder / name if folder is not None else _of_hub(checkpoint, name)
    if not file.is_file():
        there = sorted(entry.name for entry in file.parent.glob("*.gguf"))
        remedy = f"There {'is' if len(there) == 1 else 'are'} {', '.join(there)}." if there else "There is no GGUF file in it at all."
        raise CheckpointMistake(Problem(f"{checkpoint} has no file {name}.", remedy, key=KEY))
    with file.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise CheckpointMistake(Problem(f"{file} is no GGUF file.", "Name one, or leave gguf_file out.", key=KEY))
    return file


def _of_hub(checkpoint: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(checkpoint, name))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as problem:
        said = str(problem).splitlines()[0].rstrip(".")
        raise CheckpointMistake(Problem(f"{name} of {checkpoint} can't be had: {said}.", "Check both names.", key=KEY)) from problem


def gguf_model_type(file: Path) -> str:
    """What transformers calls the architecture that a GGUF file names.

    Raises:
        CheckpointMistake: the file is damaged.
    """
    stamp = file.stat()
    return _model_type(file, stamp.st_size, stamp.st_mtime_ns)


@cache
def _model_type(file: Path, size: int, changed: int) -> str:
    from gguf import GGUFReader

    try:
        field = GGUFReader(file).get_field("general.architecture")
        named = str(field.contents()) if field is not None else ""
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError) as problem:
        raise CheckpointMistake(Problem(f"{file} is damaged: {problem}.", "Copy it again.", key=KEY)) from problem
    return _MODEL_TYPES.get(named, named)


def unpacked(settings: Settings, file: Path, sources: Sources, auto_class: Any) -> Settings:
    """The same settings with a plain folder as checkpoint: weights de-quantised to fp32, tokenizer, chat template.

    Raises:
        CheckpointMistake: transformers can't read it.
        SurroundingsFailure: the cache can't be written.
    """
    from summtune.families._made_up import digest_of, versions

    stamp = file.stat()
    with file.open("rb") as stream:
        first = stream.read(_ENDS)
        stream.seek(max(stamp.st_size - _ENDS, 0))
        key = digest_of(["gguf 1", file.name, stamp.st_size, stamp.st_mtime_ns, digest_of([first.hex(), stream.read().hex()]), versions()])
    folder = sources.once("gguf", key, lambda made: _unpack(file, made, auto_class))
    model = settings.model.model_copy(update={"checkpoint": str(folder), "gguf_file": None})
    return settings.model_copy(update={"model": model})


def _unpack(file: Path, folder: Path, auto_class: Any) -> None:
    import torch
    from transformers import AutoTokenizer, GgufConfig

    from summtune.families._checkpoints import had

    place = str(file.parent)
    had(place, AutoTokenizer.from_pretrained, gguf_file=file.name).save_pretrained(str(folder))
    model = had(
        place,
        auto_class.from_pretrained,
        gguf_file=file.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    write(model, folder)
