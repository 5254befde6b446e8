"""Submitting to a real head, with token authentication: from a laptop that shares nothing with it but the address."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from summtune import paths
from summtune.cli.main import main
from summtune.cluster.sealing import SEALED
from summtune.config.experiment import Experiment
from summtune.config.layers import flatten
from summtune.events.fold import fold
from summtune.events.kinds import Reported, RunClosed
from summtune.events.log import read_events
from summtune.paths import RunPaths
from summtune.tuning import lock
from tests.cluster.conftest import Head, running_head
from tests.integration.conftest import TINY, merged

pytestmark = pytest.mark.ray

CANARY = "canary-7f3a9e51c2d84b60"
METRIC = """
import os
KEYS = ("has_secret",)
GOAL = {"has_secret": "maximize"}
UNIT = {"has_secret": "0 or 1"}
def score(summaries):
    return {"has_secret": [float("canary-" in os.environ.get("MY_SECRET", "")) for _ in summaries.predictions]}
"""


def write_space(head: Head, name: str, **changes: Any) -> Path:
    file = head.home / "spaces" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    plain = {"name": name, "parameters": {"learning_rate": {"values": [1e-2, 1e-3]}}}
    file.write_text(yaml.safe_dump(merged(merged(TINY, plain), changes), sort_keys=False), encoding="utf-8")
    return file.relative_to(head.home)


def until(asked: Callable[[], Any], timeout_s: float = 240) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := asked()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.3)
    return found


def listed(head: Head) -> dict[str, dict[str, Any]]:
    code, out, err = head.summtune("jobs", "--json")
    assert code == 0, err
    return {job["id"]: job for job in json.loads(out)}


def test_without_the_token_nothing_can_be_done(head: Head) -> None:
    asked = [("POST", "/api/jobs/"), ("POST", "/api/jobs/x/stop"), ("DELETE", "/api/jobs/x"), ("GET", "/api/jobs/")]
    asked += [("GET", "/api/jobs/x/logs"), ("PUT", "/api/packages/gcs/_ray_pkg_x.zip"), ("GET", "/api/v0/nodes")]
    for headers, status in (({}, 401), ({"Authorization": "Bearer " + "0" * 64}, 403)):
        for method, path in asked:
            answer = requests.request(method, head.url + path, headers=headers, json={"entrypoint": "touch /tmp/no"}, timeout=30)
            assert (method, path, answer.status_code) == (method, path, status)


def test_the_token_is_asked_for_in_words(head: Head, tmp_path: Path) -> None:
    code, _, said = head.summtune("jobs", RAY_AUTH_TOKEN_PATH=str(tmp_path / "none"))
    assert code == 2
    assert said == (
        f"the cluster at {head.url} asks for a token, and there is none here. "
        "Put the cluster's token into ~/.ray/auth_token, or name its file in RAY_AUTH_TOKEN_PATH.\n"
    )
    code, _, said = head.summtune("jobs", RAY_AUTH_TOKEN="wrong")
    assert code == 2
    assert said.startswith(f"the cluster at {head.url} doesn't take this token (403). Compare RAY_AUTH_TOKEN with that of the cluster")


def test_jobs_of_others_are_listed_as_they_are_and_one_by_one(head: Head) -> None:
    """Any words may stand in a job's command and metadata; rich would take what stands in brackets for its own."""
    first, second = "odd-20260101-000000-abcd", "resume-odd-x"
    for identity, command in ((first, "true"), (second, "sleep 600")):
        metadata = json.dumps({"run": first, "job_name": "odd", "by": "[/mnt/a] [bart]", "verb": "run"})
        head.ray("job", "submit", "--no-wait", "--submission-id", identity, "--metadata-json", metadata, "--", *command.split())
    head.ray(
        "job", "submit", "--no-wait", "--submission-id", "other", "--metadata-json", json.dumps({"by": "me"}), "--", "echo", "[/mnt/b]"
    )
    until(lambda: listed(head)[first]["status"] == "SUCCEEDED" and listed(head)[second]["status"] == "RUNNING")
    code, out, err = head.summtune("jobs", COLUMNS="200")
    assert code == 0, err
    assert "echo '[/mnt/b]'" in out
    assert "[/mnt/a] [bart]" in out
    for word, ids in (("odd", {first, second}), (first, {first, second}), (second, {first, second}), ("other", {"other"})):
        code, out, err = head.summtune("jobs", word, "--json")
        assert (code, {job["id"] for job in json.loads(out)}) == (0, ids), err
    code, out, err = head.summtune("resume", first)
    assert code == 2
    assert err.startswith(f"{second} is running with that run. Stop it first: `summtune stop {second} --address {head.url}`."), (
        "by its older job"
    )
    before = listed(head).keys()
    code, out, err = head.summtune("resume", "other")
    assert (code, err) == (2, "other has opened no run, by its log. Name the run: `summtune resume RUN --address URL`.\n")
    assert listed(head).keys() == before
    code, out, err = head.by_variable("stop", second, "--wait")
    assert (code, out.splitlines()[-1]) == (0, "Stopped: STOPPED."), err
    code, out, err = head.summtune("jobs", "nobody")
    assert code == 2
    assert f"the cluster at {head.url} has no job 'nobody'." in err


def test_a_run_that_is_nowhere_is_not_resumed_on_a_cluster_that_nobody_named(
    head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What listens there may be another run's own Ray."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("summtune.cluster.addresses.DEFAULT", head.url)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(head.token_file))
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    before = listed(head)
    assert main(["resume", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert "there is no run 'nowhere' here or in results." in said
    assert f"the cluster at {head.url} has no job 'nowhere'." in said
    assert listed(head).keys() == before.keys()
    head.ray("job", "submit", "--no-wait", "--submission-id", "gone", "--", "true")
    until(lambda: listed(head)["gone"]["status"] == "SUCCEEDED")
    assert main(["stop", "gone"]) == 2
    assert capsys.readouterr().err == "gone is over: SUCCEEDED. There is nothing to stop.\n", "it was meant, and no run of this machine"


def test_a_way_to_the_cluster_that_lets_no_log_be_followed(head: Head) -> None:
    """A proxy without websockets is no fault of ours, and is said with what the server answered."""
    head.ray("job", "submit", "--no-wait", "--submission-id", "followed", "--", "true")

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Upgrade"):
                return self.send_error(400, "no websockets here")
            passed = {"Authorization": self.headers["Authorization"]} if self.headers["Authorization"] else {}
            answer = requests.get(head.url + self.path, headers=passed, timeout=30)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            return None

        def log_message(self, format: str, *args: Any) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        words = [sys.executable, "-m", "summtune", "logs", "-f", "followed", "--address", f"http://127.0.0.1:{proxy.server_port}"]
        done = subprocess.run(words, env=head.environment(), capture_output=True, text=True, timeout=120, check=False)
    finally:
        proxy.shutdown()
        proxy.server_close()
    assert done.returncode == 3, done.stderr
    assert "fault" not in done.stderr
    assert "400" in done.stderr


@contextmanager
def watched_command_lines() -> Iterator[tuple[set[str], set[str]]]:
    """The command lines of all processes of this machine meanwhile, and those of them that hold the canary."""
    seen, leaking, ended = set[str](), set[str](), threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    seen.add(line)
                    if CANARY in line:
                        leaking.add(line)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen, leaking
    finally:
        ended.set()
        watcher.join()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_was_checked_here_is_what_runs_there(head: Head, tmp_path: Path) -> None:
    data = head.home / "data"
    data.mkdir()
    for split in ("train", "dev"):
        (data / f"{split}.csv").write_bytes((paths.shipped("data") / f"{split}.csv").read_bytes())
    (head.home / "spaces").mkdir(exist_ok=True)
    (head.home / "spaces" / "has_secret.py").write_text(METRIC, encoding="utf-8")
    changes = {
        "data": {"train": "../data/train.csv", "dev": str(data / "dev.csv")},
        "settings": {"evaluation": {"metrics": ["rouge", "has_secret.py"]}},
    }
    file = write_space(head, "checked", **changes)
    acting = {"SEED": "7", "SUMMTUNE_TRAINING__WEIGHT_DECAY": "0.125", "WANDB_MODE": "disabled"}
    options = ("--count", "2", "--set", "training.warmup_steps=1")

    secrets = {"MY_SECRET": CANARY, "WANDB_API_KEY": CANARY}
    with watched_command_lines() as (seen, leaking):
        code, out, err = head.summtune("submit", file, *options, "--env", "MY_SECRET", "--follow", **acting, **secrets)
    assert any("summtune run" in line for line in seen), "the job's, among them"
    assert leaking == set()
    assert "declares no" not in out
    assert code == 0, out + err
    identity = out.partition(":")[0]
    assert re.fullmatch(r"checked-\d{8}-\d{6}-[0-9a-f]{4}", identity)
    assert f"Dashboard  {head.url}/#/jobs/{identity}" in out
    assert "secrets    MY_SECRET, WANDB_API_KEY: sealed, by the job's environment" in out
    assert "Trials    2: 2 finished" in out, "the log was followed"
    assert err.splitlines()[-1] == f"{identity}: succeeded"

    run = RunPaths(head.storage / "results" / identity)
    events, _ = read_events(run.events)
    state = fold(events)
    assert state.status == "finished"
    assert {event.metrics["has_secret"] for event in events if isinstance(event, Reported)} == {1.0}, "trials have the secret"

    # What `summtune settings` says here is what the job came to, but for places.
    assert state.opened is not None
    there = flatten(Experiment.from_record(state.opened.experiment).base.settings.model_dump(mode="json"))
    local = json.loads(_settings_here(head, file, acting))
    places = {"data.train", "data.dev", "evaluation.metrics"}
    assert {key: value for key, value in there.items() if key not in places} == {
        key: entry["value"] for key, entry in local.items() if key not in places
    }
    assert there["general.seed"] == 7
    assert there["training.weight_decay"] == 0.125
    for place in ("data.train", "data.dev"):
        packed = Path(there[place])
        assert packed.resolve().is_relative_to(head.storage.resolve()), "it outlives the job, and every node sees it"
        assert packed.read_bytes() == Path(os.path.normpath(local[place]["value"])).read_bytes()

    # The canary is nowhere: neither in what Ray tells of the job, nor in any file of the cluster.
    token = {"Authorization": f"Bearer {head.token_file.read_text(encoding='utf-8')}"}
    told = requests.get(f"{head.url}/api/jobs/", headers=token, timeout=30).text
    assert identity in told
    assert SEALED in told
    assert CANARY not in told
    assert CANARY not in out + err
    for folder in (head.storage, head.session.resolve()):
        found = [str(file) for file in folder.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
        assert found == []

    code, out, err = head.summtune("pull", "checked", "--into", tmp_path / "mine")
    assert code == 0, out + err
    mine = tmp_path / "mine" / identity
    assert (mine / "sweep_summary.json").read_bytes() == run.summary.read_bytes()
    best = json.loads(run.summary.read_text(encoding="utf-8"))["best_model_path"]
    assert best.startswith(f"results/{identity}/"), "relative, as here"
    assert (mine / Path(best).relative_to(f"results/{identity}") / "config.json").is_file()
    again, text, said = head.summtune("pull", "checked", "--into", tmp_path / "mine")
    assert again == 0, text + said
    with (mine / "events.jsonl").open("a", encoding="utf-8") as log:  # as if it had gone on here
        log.write("{}\n")
    again, text, said = head.summtune("pull", "checked", "--into", tmp_path / "mine")
    assert again == 2, text + said
    assert "is there, and further than" in said
    again, text, said = head.summtune("logs", "checked")
    assert "Trials    2: 2 finished" in text, "the run's log, and not that of the job that sent its results"


def test_a_cluster_that_nobody_named_is_not_joined(head: Head) -> None:
    """Ray alone would: here it is one that `ray start` began, and it would not even let this run in."""
    program = (
        "from summtune.tuning.engine import connected\nwith connected('x', None) as c: print(c.started_here, c.passed_over, len(c.nodes()))"
    )
    environment = {**os.environ, "RAY_TMPDIR": str(head.session.parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=False)
    address = (head.session.parent / "ray_current_cluster").read_text(encoding="utf-8").strip()
    assert done.stdout.split() == ["True", address, "1"], done.stderr


def test_the_address_of_a_job_server_is_none_to_join(head: Head) -> None:
    """People have it in RAY_ADDRESS for `ray job submit`."""
    file = write_space(head, "local")
    words = [sys.executable, "-m", "summtune", "run", str(file)]
    done = subprocess.run(words, cwd=head.home, env=head.environment(RAY_ADDRESS=head.url), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert f"RAY_ADDRESS: {head.url} is a cluster's job server, through which jobs are submitted" in said
    assert "`summtune submit` lets the cluster run it" in said


def _settings_here(head: Head, file: Path, acting: dict[str, str]) -> str:
    words = [sys.executable, "-m", "summtune", "settings", str(file), "--json", "--set", "training.warmup_steps=1"]
    return subprocess.run(words, cwd=head.home, env=head.environment(**acting), capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_waits_for_its_turn_and_a_stopped_one_is_resumed(head: Head) -> None:
    longer = {"settings": {"training": {"num_train_epochs": 50}}}
    plain, queued = write_space(head, "plain", **longer), write_space(head, "queued", **longer)

    # Ray's own command, with the turn that our cluster files declare, and Ray's own three seconds after a stop.
    said = head.ray("job", "submit", "--no-wait", "--working-dir", str(plain.parent), "--entrypoint-resources", '{"summtune_driver": 1}',
                    "--", "summtune", "run", plain.name)  # fmt: skip
    first = re.search(r"raysubmit_\w+", said)
    assert first is not None, said
    until(lambda: listed(head)[first[0]]["status"] == "RUNNING")
    code, out, err = head.summtune("submit", queued, "--json")
    assert code == 0, err
    second = json.loads(out)["id"]
    said = head.ray("job", "submit", "--no-wait", "--entrypoint-resources", '{"summtune_driver": 1}', "--", "true")
    third = re.search(r"raysubmit_\w+", said)
    assert third is not None, said
    job = listed(head)[second]
    assert job["status"] == "PENDING"
    assert job["waits"] == f"for its turn (summtune_driver), held by {first[0]}"
    assert until(lambda: listed(head)[third[0]]["waits"]) == f"{job['waits']}; 1 more waits before it", "one of Ray's own command, too"

    runs = head.storage / "results"
    log = until(lambda: next(iter(runs.glob("plain-*/events.jsonl")), None))
    until(lambda: '"reported"' in log.read_text(encoding="utf-8"))
    code, out, err = head.summtune("stop", first[0], "--wait")
    assert code == 0, err
    assert f"Go on later with:  summtune resume {first[0]} --address {head.url}\n" in out
    assert out.splitlines()[-1] == "Stopped: STOPPED."

    # Its turn has come. It is stopped in good order: summtune submits with more patience than Ray's.
    until(lambda: '"reported"' in _text(runs / second / "events.jsonl"))
    driver = lock.driver(RunPaths(runs / second).lock)
    assert driver is not None
    assert (driver.dashboard, driver.job) == (head.url, second), "where it is seen, told by its lock"
    code, out, err = head.summtune("dashboard", "queued", "--json")
    assert code == 0, err
    assert json.loads(out)["ray"] == {"url": f"{head.url}/#/jobs/{second}", "remark": "running; asks for the token"}
    assert listed(head)[second]["metadata"]["job_name"] == "queued", "as Ray's dashboard calls it"
    code, out, err = head.summtune("stop", "queued", "--wait")
    assert code == 0, err
    events, warnings = read_events(runs / second / "events.jsonl")
    assert warnings == []
    assert isinstance(events[-1], RunClosed)
    assert events[-1].status == "interrupted"

    # Neither is lost: the one that was killed goes on from its last checkpoint.
    run = RunPaths(log.parent)
    code, out, err = head.summtune("resume", first[0], "--json")
    assert code == 0, err
    assert json.loads(out)["run"] == run.folder.name, "by its job's log; Ray knows nothing of its run"
    held = len(read_events(run.events)[0])
    until(lambda: any(isinstance(event, Reported) for event in read_events(run.events)[0][held:]))

    # Where the storage is seen the run itself is asked, and its driver writes down that it was.
    code, out, err = head.summtune("stop", run.folder.name, "--now", "--wait", SUMMTUNE_STORAGE=str(head.storage))
    assert code == 0, err
    assert out.splitlines()[-1] == "Stopped: interrupted (stopped by `summtune stop`)."
    ended = until(lambda: next((job for job in listed(head).values() if job["verb"] == "resume" and job["status"] == "FAILED"), None))
    assert ended["exit_code"] == 130
    before = {(event.trial, event.iteration) for event in read_events(run.events)[0] if isinstance(event, Reported)}
    code, out, err = head.summtune("resume", run.folder.name, "--follow")
    assert code == 0, out + err
    events, _ = read_events(run.events)
    assert fold(events).status == "finished"
    reports = [(event.trial, event.iteration) for event in events if isinstance(event, Reported)]
    assert before <= set(reports)
    assert len(reports) - len(set(reports)) <= 4, "at most the evaluation that was under way is done again, by each of two trials, twice"


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


@pytest.mark.slow
def test_a_cluster_that_lets_anybody_in_is_refused_unless_allowed() -> None:
    with running_head("disabled", answer=200) as open_head:
        file = write_space(open_head, "tiny")
        for words in (["submit", str(file)], ["resume", "tiny"], ["pull", "tiny"]):
            code, out, err = open_head.summtune(*words)
            assert (code, out) == (2, "")
            assert err == (
                f"the cluster at {open_head.url} asks for no token: whoever reaches it can run code there, and read your job's secrets. "
                "Start Ray with RAY_AUTH_MODE=token and a token on every node. `--allow-unauthenticated` submits all the same.\n"
            )
        assert listed(open_head) == {}
        code, out, err = open_head.summtune("submit", file, "--allow-unauthenticated", "--json")
        assert code == 0, err
        assert json.loads(out)["id"] in listed(open_head)
