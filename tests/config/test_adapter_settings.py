"""model.lora, quantization and gguf_file in the language: laid over entry by entry, searched, refused where they can't be."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from summtune.config.complete import load_settings
from summtune.config.settings import Lora

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("settings: {model: {lora: {}}}", Lora()),
        ("settings: {model: {lora: null}}", None),
        ("settings: {model: {lora: {alpha: 32}}}", Lora(alpha=32)),
        ("settings: {model: {lora: {r: 4, target_modules: all-linear}}}", Lora(r=4, target_modules="all-linear")),
        ("settings: {model: {lora: {target_modules: [q_proj, v_proj]}}}", Lora(target_modules=("q_proj", "v_proj"))),
        ("parameters: {lora_r: {value: 16}, num_epochs: {values: [1, 2]}}", Lora(r=16)),
    ],
)
def test_what_is_said_of_adapters(text: str, expected: Lora | None, load: Load) -> None:
    assert load(f"{text}\n").base.settings.model.lora == expected


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (["model.lora.r=16"], Lora(r=16, alpha=64)),
        (["model.lora={dropout: 0.1}"], Lora(alpha=64, dropout=0.1)),
        (["model.lora={}"], Lora(alpha=64)),
        (["model.lora=null"], None),
        (["model.lora=null", "model.lora.r=2"], Lora(r=2)),
    ],
)
def test_the_command_line_is_laid_over_entry_by_entry(assignments: list[str], expected: Lora | None, load: Load) -> None:
    assert load("settings: {model: {lora: {alpha: 64}}}\n", sets=assignments).base.settings.model.lora == expected


def test_adapters_are_searched(load: Load) -> None:
    experiment = load("parameters:\n  lora_r: {values: [4, 8]}\n  model.lora.dropout: {min: 0.0, max: 0.2}\n")
    point = {"model.lora.r": 4, "model.lora.dropout": 0.125}
    assert experiment.base.settings.model.lora is None
    assert experiment.settings_for(point).model.lora == Lora(r=4, dropout=0.125)
    assert experiment.settings_for({}).model.lora is None
    others = [experiment.identity({**point, "model.lora.r": 8}), experiment.identity({}), experiment.identity(point)]
    assert len(set(others)) == 3


def test_whether_there_are_adapters_is_searched(load: Load) -> None:
    experiment = load(
        "parameters:\n  how: {bundle: {whole: {model.lora: null}, adapters: {model.lora.r: 4}}}\n  lora_alpha: {values: [8, 32]}\n"
    )
    assert experiment.settings_for({"model.lora": None, "model.lora.alpha": 8}).model.lora is None
    assert experiment.settings_for({"model.lora.r": 4, "model.lora.alpha": 8}).model.lora == Lora(r=4, alpha=8)
    whole = [experiment.identity({"model.lora": None, "model.lora.alpha": alpha}) for alpha in (8, 32)]
    assert whole[0] == whole[1], "without adapters their scale changes nothing"
    some = [experiment.identity({"model.lora.r": 4, "model.lora.alpha": alpha}) for alpha in (8, 32)]
    assert some[0] != some[1]


def test_the_command_line_takes_adapters_out_of_the_space(load: Load) -> None:
    experiment = load("parameters: {lora_r: {values: [4, 8]}, num_epochs: {values: [1, 2]}}\n", sets=["model.lora=null"])
    assert list(experiment.space.keys) == ["training.num_train_epochs"]
    assert "model.lora.r is fixed at null by --set, and leaves the space." in experiment.notices


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settings: {model: {lora: {rank: 8}}}", "model.lora has no rank. It has r, alpha, dropout, target_modules."),
        ("settings: {model: {lora: {r: 0}}}", "0 is too small: it must be above 0."),
        ("settings: {model: {lora: {dropout: 1.5}}}", "1.5 is too large: it must be at most 1."),
        ("parameters: {lora_r: {min: 0, max: 8}}", "lora_r"),
        ("settings: {model: {quantization: 8bit}}", "8bit weights can't be trained themselves, only adapters over them. Write `lora: {}`"),
        (
            "settings: {model: {quantization: 4bit}}\nparameters: {lora_r: {values: [4, 8]}}",
            "only adapters over them. Write `lora: {}` beside it, or leave it out. Without the baseline it can stay: `baseline: false`.",
        ),
        ("parameters: {quantization: {values: [none, 4bit]}}", "4bit weights can't be trained themselves, only adapters over them."),
        ("settings: {model: {quantization: 2bit, lora: {}}}", "quantization"),
        (
            "settings: {model: {gguf_file: ../a.gguf}}",
            "'../a.gguf' is no file's name. Give the name alone: the file lies in model.checkpoint.",
        ),
        ("settings: {model: {gguf_file: /tmp/a.gguf}}", "'/tmp/a.gguf' is no file's name."),
        ("settings: {model: {gguf_file: a.gguf}}", "seq2seq models can't do it: GGUF files hold causal models. Leave it out."),
    ],
)
def test_what_can_t_be(text: str, message: str, refuse: Refuse) -> None:
    found = refuse(f"{text}\n")
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    "text",
    [
        "settings: {model: {quantization: 8bit, lora: {}}}",
        "baseline: false\nsettings: {model: {quantization: 4bit}}\nparameters: {lora_r: {values: [4, 8]}}",
        "settings: {model: {quantization: 4bit, lora: {}}}\nparameters: {lora_r: {values: [4, 8]}}",
        "settings: {model: {lora: {}}}\nparameters: {quantization: {values: [none, 8bit, 4bit]}}",
        "base: kogpt2\nsettings: {model: {gguf_file: a.gguf}}",
    ],
)
def test_what_can_be(text: str, load: Load) -> None:
    load(f"{text}\n")


@pytest.mark.parametrize(
    ("text", "module", "message"),
    [
        (
            "settings: {model: {lora: {}}}",
            "peft",
            "needs the package peft, which is not installed. Install it: pip install 'summtune[lora]'.",
        ),
        ("parameters: {lora_r: {values: [4, 8]}}", "peft", "needs the package peft, which is not installed."),
        ("settings: {model: {lora: {}, quantization: 8bit}}", "bitsandbytes", "Install it: pip install 'summtune[lora]'."),
        ("parameters: {optim: {values: [adamw_torch, adamw_8bit]}}", "bitsandbytes", "needs the package bitsandbytes"),
        ("base: kogpt2\nsettings: {model: {gguf_file: a.gguf}}", "gguf", "Install it: pip install 'summtune[gguf]'."),
    ],
)
def test_packages_that_are_missing(text: str, module: str, message: str, refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == module else real(name, *rest))
    found = refuse(f"{text}\n")
    assert any(message in problem for problem in found), found


def test_code_of_others_is_warned_of_once(load: Load) -> None:
    said = load("settings: {model: {trust_remote_code: true}}\n").notices
    warned = ["model.trust_remote_code is true: Python code that comes with the checkpoint is run, with all that you may do yourself."]
    assert [notice for notice in said if "trust_remote_code" in notice] == warned
    assert not any("trust_remote_code" in notice for notice in load("count: 1\n").notices)
    for assignments in (["model.trust_remote_code=true"], []):
        told = load_settings("tiny-kobart", assignments=assignments, environ={}).notices
        assert [notice for notice in told if "trust_remote_code" in notice] == (warned if assignments else [])
