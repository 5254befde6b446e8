"""Secrets on their way."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from summtune.cluster.packing import pack
from summtune.cluster.sealing import PAD, SEALED, open_here, opened, seal
from summtune.cluster.submission import sealed_variables, variables

CANARY = "canary-5d41402abc4b"


def test_what_is_sealed_can_be_opened_with_its_pad_alone() -> None:
    text, pad = seal({"WANDB_API_KEY": CANARY, "빈": ""})
    assert opened(text, pad) == {"WANDB_API_KEY": CANARY, "빈": ""}
    other, other_pad = seal({"WANDB_API_KEY": CANARY, "빈": ""})
    assert text != other
    assert pad != other_pad
    with pytest.raises(ValueError, match="."):
        opened(text, other_pad)


def test_neither_half_shows_it() -> None:
    text, pad = seal({"WANDB_API_KEY": CANARY})
    assert CANARY not in text
    assert CANARY.encode() not in pad


def test_a_worker_opens_it_from_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, pad = seal({"HF_TOKEN": CANARY})
    package = pack((), "installed").write(tmp_path / "p.zip", pad)
    zipfile.ZipFile(package).extractall(tmp_path / "job")
    environ = {SEALED: text, "PYTHONPATH": f"/nowhere:{tmp_path / 'job'}"}
    monkeypatch.chdir(tmp_path)
    open_here(environ)
    assert environ["HF_TOKEN"] == CANARY
    with pytest.raises(RuntimeError, match=f"the job's secrets can't be opened: {PAD} is in none of"):
        open_here({SEALED: text})
    untouched: dict[str, str] = {}
    open_here(untouched)
    assert untouched == {}


def test_settings_travel_in_clear_secrets_sealed_and_nothing_else_at_all() -> None:
    environ = {
        "LEARNING_RATE": "1e-3", "SUMMTUNE_TRAINING__WEIGHT_DECAY": "0.1", "WANDB_PROJECT": "p", "SEED": " ", "SUMMTUNE_CACHE": "/c",
        "WANDB_API_KEY": CANARY, "HF_TOKEN": CANARY, "AWS_SECRET_ACCESS_KEY": CANARY, "PATH": "/bin", "MINE": "x", "HF_ENDPOINT": "http://hub",
    }  # fmt: skip
    assert variables(environ) == {
        "LEARNING_RATE": "1e-3", "SUMMTUNE_TRAINING__WEIGHT_DECAY": "0.1", "WANDB_PROJECT": "p", "HF_ENDPOINT": "http://hub",
    }  # fmt: skip
    assert sealed_variables(environ, ["MINE"]) == {"WANDB_API_KEY": CANARY, "HF_TOKEN": CANARY, "MINE": "x"}


def test_logins_that_lie_in_files_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is logged in here is mirrored here, and would not be there."""
    (tmp_path / "netrc").write_text(f"machine api.wandb.ai login user password {CANARY}\nmachine wandb.mine login user password own\n")
    (tmp_path / "token").write_text("hf_of_mine")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    netrc = {"NETRC": str(tmp_path / "netrc")}
    assert sealed_variables(netrc, []) == {"WANDB_API_KEY": CANARY, "HF_TOKEN": "hf_of_mine"}
    assert sealed_variables({**netrc, "WANDB_BASE_URL": "https://wandb.mine:8080"}, [])["WANDB_API_KEY"] == "own"
    assert "WANDB_API_KEY" not in sealed_variables({**netrc, "WANDB_BASE_URL": "https://another"}, [])
    assert sealed_variables({**netrc, "WANDB_API_KEY": "set"}, [])["WANDB_API_KEY"] == "set"


def test_the_variable_itself_is_no_setting() -> None:
    from summtune.config.environment import read_environment
    from summtune.config.places import PACKED_ROOT

    reading = read_environment({SEALED: "x", PACKED_ROOT: "/y"})
    assert not reading.problems
    assert not reading.layer


def test_a_package_without_secrets_has_no_pad(tmp_path: Path) -> None:
    with zipfile.ZipFile(pack((), "installed").write(tmp_path / "p.zip", b"")) as archive:
        assert archive.namelist() == ["summtune-package.json"]
        assert json.loads(archive.read("summtune-package.json"))["digest"] == ""
