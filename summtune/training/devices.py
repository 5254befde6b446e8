"""What torch sees of the machine, for those who may not import torch themselves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass


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


def why_no_cuda_here(timeout_s: float = 60.0) -> str:
    """The same of this machine, asked in a process of its own: this one need not load torch, nor hold a part of a GPU."""
    asking = "from summtune.training.devices import why_no_cuda; print(why_no_cuda())"
    try:
        asked = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True, timeout=timeout_s, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return asked.stdout.strip()


def cuda_devices() -> list[str]:
    """Names of the GPUs that CUDA offers to this process."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
