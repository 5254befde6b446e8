"""Machines that exist by name only: network namespaces of Linux, joined by a switch whose links can be cut.

Each machine has its own loopback, so that ports never collide, and one link to a switch in a namespace of its own: nothing is added to the
network of the machine that the tests run on, and nothing can be reached from beyond it. A program is started in a machine by `nsenter`;
what runs in a machine is known by its namespace, so that a machine can die with all its processes, and no other process is ever ended.

It must not know what runs in machines.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SUBNET = "10.231.77"


def why_not() -> str:
    """Why there can be no machines here; empty where there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None or shutil.which("nsenter") is None:
        return "`ip` (Debian's iproute2) and `nsenter` (util-linux) are needed"
    probe = f"st-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"network namespaces can't be made: {made.stderr.strip()}"
    _ip("netns", "del", probe)
    return ""


def _name(pid: int) -> str:
    """A process's command line; empty once it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


class Machine:
    """One machine.

    Attributes:
        address: its IP address.
    """

    def __init__(self, lan: str, number: int) -> None:
        self.address = f"{SUBNET}.{number}"
        self._space = f"{lan}-{number}"
        self._switch = lan
        self._port = f"port{number}"
        _ip("netns", "add", self._space)
        _ip("-n", self._space, "link", "set", "lo", "up")
        _ip("-n", self._switch, "link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", self._space)
        _ip("-n", self._switch, "link", "set", self._port, "master", "bridge", "up")
        _ip("-n", self._space, "address", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self._space, "link", "set", "eth0", "up")
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, words: Sequence[str], environment: Mapping[str, str], output: Path, cwd: Path) -> subprocess.Popen[bytes]:
        """Start a program; what it says is appended to a file."""
        inside = ["nsenter", f"--net=/var/run/netns/{self._space}", *words]
        with output.open("ab") as stream:
            process = subprocess.Popen(
                inside, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )
        self._started.append(process)
        return process

    def pids(self) -> list[int]:
        """The processes that run in it."""
        return [int(pid) for pid in _ip("netns", "pids", self._space).split()]

    def die(self) -> None:
        """All its processes are killed, as where a container is taken away: who talked with them finds the connection closed."""
        deadline = time.monotonic() + 30
        while pids := self.pids():
            assert time.monotonic() < deadline, pids
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for process in self._started:
            process.wait()
        self._started.clear()

    def lose_power(self) -> None:
        """It is gone from one moment to the next: who talked with it hears nothing at all. `join` before it is started again."""
        self.cut()
        self.die()

    def wait_until_only(self, names: Sequence[str], within_s: float = 60) -> None:
        """Wait until all its processes have ended by themselves, but for those that are called so."""
        deadline = time.monotonic() + within_s
        while left := [name for pid in self.pids() if (name := _name(pid)) and not name.startswith(tuple(names))]:
            assert time.monotonic() < deadline, left
            for process in self._started:
                process.poll()
            time.sleep(0.2)

    def cut(self) -> None:
        """Take its link down: nothing reaches it any more, nor does it hear that."""
        _ip("-n", self._switch, "link", "set", self._port, "down")

    def join(self) -> None:
        """Take its link up again."""
        _ip("-n", self._switch, "link", "set", self._port, "up")

    def remove(self) -> None:
        """End what is left in it, and forget it."""
        self.die()
        _ip("netns", "del", self._space)


@contextmanager
def local_network(count: int) -> Iterator[list[Machine]]:
    """So many machines in a network of their own; they and all that runs in them end with the block."""
    lan = f"st-{secrets.token_hex(3)}"
    machines: list[Machine] = []
    _ip("netns", "add", lan)
    try:
        _ip("-n", lan, "link", "add", "bridge", "type", "bridge")
        _ip("-n", lan, "link", "set", "bridge", "up")
        for number in range(1, count + 1):
            machines.append(Machine(lan, number))
        yield machines
    finally:
        for machine in machines:
            machine.remove()
        _ip("netns", "del", lan)
