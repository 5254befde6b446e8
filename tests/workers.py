"""Trains in several processes of one machine, joined by torch's gloo, without Ray."""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_IMPORTED = ("tests.workers", "datasets", "accelerate", "transformers.trainer", "summtune.training.train")
"""What processes begin with: imported once, in a server that they are forked from."""


@dataclass(frozen=True)
class Came:
    """What came of one process: what its work returned, or what it raised."""

    value: Any = None
    error: str = ""


def together(size: int, work: Callable[..., Any], *arguments: Any, timeout_s: float = 120) -> list[Came]:
    """Let so many processes do the same together; `work` has to be a function of a module, and is given `arguments`.

    As with Ray Train, an error of one ends the others, which would wait for it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    pipes = [context.Pipe(duplex=False) for _ in range(size)]
    processes = [
        context.Process(target=_run, args=(rank, size, port, pipe[1], work, arguments), daemon=True) for rank, pipe in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    for _, sender in pipes:
        sender.close()
    try:
        return _collect([receiver for receiver, _ in pipes], timeout_s)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _collect(receivers: Sequence[Any], timeout_s: float) -> list[Came]:
    from multiprocessing.connection import wait

    came: dict[int, Came] = {}
    while len(came) < len(receivers) and not any(one.error for one in came.values()):
        ready = wait([receiver for rank, receiver in enumerate(receivers) if rank not in came], timeout_s)
        assert ready, f"nothing more came in {timeout_s} s"
        for receiver in ready:
            found: Any = receiver
            try:
                came[receivers.index(found)] = found.recv()
            except EOFError:
                came[receivers.index(found)] = Came(error="the process was lost")
    return [came.get(rank, Came(error="ended, since another had failed")) for rank in range(len(receivers))]


def _run(rank: int, size: int, port: int, pipe: Any, work: Callable[..., Any], arguments: Sequence[Any]) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size), LOCAL_WORLD_SIZE=str(size))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), OMP_NUM_THREADS="1")
    import torch.distributed

    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        pipe.send(Came(work(*arguments)))
    except BaseException as error:  # whatever it was: the test says what it expects
        pipe.send(Came(error=f"{type(error).__name__}: {error}\n{traceback.format_exc()}"))
    os._exit(0)  # its peers may be gone: torch would wait for them
