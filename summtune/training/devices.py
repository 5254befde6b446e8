"""What torch sees of the machine, for those who may not import torch themselves."""

from __future__ import annotations

from dataclasses import dataclass

_OUT_OF_MEMORY = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "can't allocate memory", "not enough memory")
"""What libraries below torch say when memory ran out, in a plain RuntimeError."""


@dataclass(frozen=True)
class Capabilities:
    """What this process's GPU does natively; without one, nothing.

    Attributes:
        cuda: there is one.
        bf16: Ampere or newer. Older ones emulate it, slower than fp32.
        fp16: Volta or newer: tensor cores. Older ones compute it, most of them slower than fp32.
        tf32: Ampere or newer.
    """

    cuda: bool = False
    bf16: bool = False
    fp16: bool = False
    tf32: bool = False


def capabilities() -> Capabilities:
    """Of the GPU that a training of this process would run on."""
    import torch

    if not torch.cuda.is_available():
        return Capabilities()
    if torch.version.hip is not None:  # AMD's GPUs number their generations in another way, and have no tf32
        return Capabilities(cuda=True, bf16=torch.cuda.is_bf16_supported(including_emulation=False), fp16=True)
    generation = torch.cuda.get_device_capability()[0]
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Capabilities(cuda=True, bf16=bf16, fp16=generation >= 7, tf32=generation >= 8)


def why_no_cuda() -> str:
    """Why torch can't compute on a GPU in this process; empty where it can."""
    import torch

    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:  # a build without CUDA, no driver, one that is too old, no device
        return f"torch {torch.__version__}: {str(error).splitlines()[0].rstrip('.')}"
    return ""


def cuda_devices() -> list[str]:
    """Names of the GPUs that CUDA offers to this process."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, the GPU's or the machine's, ran out."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


def hand_back() -> None:
    """Give memory that nobody holds any more back to the device, so that one large piece can be had instead of many small ones."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
