"""What travels to a cluster to look at it: alone, and with no need of anything but Python and Ray."""

from __future__ import annotations

import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from summtune.cluster import probe
from summtune.cluster.packing import pack_module


def test_it_travels_alone_and_needs_nothing_else(tmp_path: Path) -> None:
    package = pack_module(probe.__name__)
    assert sorted(member.name for member in package.members) == [
        "summtune/__init__.py",
        "summtune/cluster/__init__.py",
        "summtune/cluster/probe.py",
    ]
    with zipfile.ZipFile(package.write(tmp_path / "package.zip", b"")) as archive:
        archive.extractall(tmp_path / "there")
    # Isolated: what is installed here is not seen, but for the standard library.
    code = f"import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; sys.path.insert(0, {str(tmp_path / 'there')!r})\n"
    code += "import summtune.cluster.probe as probe; print(probe.__file__, probe.look()['versions']['summtune'])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == [str(tmp_path / "there" / "summtune" / "cluster" / "probe.py"), "None"], done.stderr


def test_torch_is_asked_whether_it_can_use_a_gpu() -> None:
    import torch

    assert bool(probe.cuda()) is not torch.cuda.is_available(), probe.cuda()


def test_any_answer_means_that_a_server_can_be_reached(server: str) -> None:
    assert probe.reachable(server) == ""
    assert probe.reachable("http://127.0.0.1:9") == "[Errno 111] Connection refused"
    assert "unknown url type" in probe.reachable("nonsense")


def test_each_node_reads_what_the_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SEEN_S", 0.3)
    assert probe.write(str(tmp_path), "n1") == ""
    assert probe.write(str(tmp_path / "none"), "n2") == "No such file or directory"
    (tmp_path / "n3").write_text("something else", encoding="utf-8")
    assert probe.seen(str(tmp_path), ["n1"]) == ["n1"]
    assert probe.seen(str(tmp_path), ["n1", "n2", "n3"]) == ["n1"], "another's file by the same name doesn't count"


def test_a_file_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    late = threading.Timer(0.3, probe.write, (str(tmp_path), "n1"))
    late.start()
    assert probe.seen(str(tmp_path), ["n1"]) == ["n1"]
    late.join()
