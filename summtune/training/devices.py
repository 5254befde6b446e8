"""What torch sees of the machine, for those who may not import torch themselves."""

from __future__ import annotations


def cuda_devices() -> list[str]:
    """Names of the GPUs that CUDA offers to this process."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, the GPU's or the machine's, ran out."""
    import torch

    return isinstance(error, (torch.OutOfMemoryError, MemoryError))
