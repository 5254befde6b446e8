"""What travels in the wheel: presets, sample data and search spaces, found from anywhere."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LOOK = """
from summtune.config import presets
from summtune.config.experiment import load_experiment
from summtune.paths import shipped
assert (shipped("data") / "train.csv").is_file()
assert "tiny-kobart" in presets.names()
print(load_experiment(shipped("search_spaces") / "lr.yaml", environ={}).name, shipped("data"))
"""


@pytest.mark.slow
def test_a_wheel_holds_everything_that_a_run_needs(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("summtune-*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    looked = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    name, data = looked.stdout.split()
    assert name == "lr"
    assert Path(data) == unpacked / "summtune" / "shipped" / "data"
    assert (unpacked / "summtune" / "reporting" / "templates" / "report.html.j2").is_file()
