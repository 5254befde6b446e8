"""What says that memory ran out, and how what is free again can be had. It must not know what the memory was for."""

from __future__ import annotations

_OUT_OF_MEMORY = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "can't allocate memory", "not enough memory")
"""What libraries below torch say when memory ran out, in a plain RuntimeError."""


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
