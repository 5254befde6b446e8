"""Files from strangers, through the whole command: refused within a second and a hundred megabytes, with exit code 2 and no traceback.

Time and memory are taken of a process of its own, beside one that reads a good file: what importing takes is not the file's fault.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROBE = """
import json, resource, sys, time
from summtune.config.catalogue import catalogue
from summtune.config.experiment import load_experiment
from summtune.errors import SettingsMistake
from pathlib import Path
assert catalogue().vocabulary.knows("training.learning_rate")
good = Path(sys.argv[2]); load_experiment(good, environ={})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
try:
    load_experiment(Path(sys.argv[1]), environ={})
    said = ""
except SettingsMistake as mistake:
    said = str(mistake)
spent = time.process_time() - began
print(json.dumps([said, spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024]))
"""
WIDE = "parameters: {seed: {min: 0, max: 4000000000}, gradient_accumulation_steps: {min: 1, max: 1000000000}}\n"
GOOD = "parameters: {seed: {values: [1, 2]}}\n"


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(lines) + "\n" + GOOD


def hundred_megabytes(file: Path) -> None:
    with file.open("wb") as stream:
        stream.seek(100 * 1024 * 1024)
        stream.write(b"a")


HOSTILE: dict[str, tuple[str | bytes | Callable[[Path], None], str]] = {
    "alias bomb": (bomb(9), "aliases"),
    "anchor in itself": (f"a: &a [*a]\n{GOOD}", "stands inside what it names"),
    "deep lists": ("parameters: " + "[" * 10_000, "nested"),
    "deep mappings": ("".join(f"{' ' * level}a:\n" for level in range(500)), "nested"),
    "python object": (f"{GOOD}name: !!python/object/apply:os.system ['echo hello > /dev/null']\n", "is not allowed"),
    "python name": (f"{GOOD}name: !!python/name:os.system\n", "is not allowed"),
    "hundred megabytes": (hundred_megabytes, "at most 1,000,000"),
    "a million values": (f"{GOOD}warm_start: [{'a,' * 400_000}]\n", "values"),
    "NUL": (b"parameters: {seed: {values: [1, 2]}}\nname: a\0b\n", "NUL byte"),
    "not UTF-8": (b"name: \xff\xfe\n", "not UTF-8"),
    "name upwards": (f"{GOOD}name: ../../etc/passwd\n", "names a folder"),
    "absolute name": (f"{GOOD}name: /etc/passwd\n", "names a folder"),
    "hidden name": (f"{GOOD}name: .ssh\n", "names a folder"),
    "preset upwards": (f"{GOOD}settings: {{model: {{preset: ../../../etc/passwd}}}}\n", "is not one of"),
    "metric upwards": (f"{GOOD}settings: {{evaluation: {{metrics: [../../os]}}}}\n", "there is no metric"),
    "method upwards": (f"{GOOD}method: ../../os\n", "is not one of"),
    "rung type upwards": (f"{GOOD}early_terminate: {{type: ../x}}\n", "is not one of"),
    "long condition": (f"{GOOD}constraints: [{{require: '{'seed > 0 and ' * 5000}seed > 0'}}]\n", "letters"),
    "deep condition": (f"{GOOD}constraints: [{{require: '{'(' * 900}seed{')' * 900} > 0'}}]\n", "nested"),
    "code in a condition": (f'{GOOD}constraints: [{{require: \'__import__("os").system("true")\'}}]\n', "is not expected"),
    "huge integer": (f"parameters: {{seed: {{min: 1, max: {'9' * 5000}}}}}\n", "number"),
    "huge range": ("parameters: {seed: {min: 1, max: 1.0e+300}}\nmethod: grid\n", "whole numbers"),
    "many parameters": (
        "parameters:\n" + "".join(f"  model.config_overrides.k{number}: {{values: [1, 2]}}\n" for number in range(3000)),
        "at most 200",
    ),
    "range beyond all counting": (f"parameters: {{gradient_accumulation_steps: {{min: 1, max: {10**32}}}}}\n", "2^53"),
    "epochs without end": (f"{GOOD}settings: {{training: {{num_train_epochs: {10**20}}}}}\n", "it must be at most 10000"),
    "steps without end": (f"{GOOD}settings: {{training: {{max_steps: {10**20}}}}}\n", "it must be at most 100000000"),
    "rungs without end": (f"{GOOD}early_terminate: {{eta: 1.000000001, max_iter: {10**20}}}\n", "hardly above 1"),
    "many rules": (
        f"{WIDE}constraints:\n" + "".join(f"  - require: gradient_accumulation_steps * seed != {number}\n" for number in range(3000)),
        "at most 100",
    ),
    "long rules": (
        f"{WIDE}constraints:\n" + "".join(f"  - require: {' and '.join(['seed > 0'] * 100)}\n" for _ in range(90)),
        "Shorten them to 2,000.",
    ),
    "as many rules as may be": (
        f"{WIDE}constraints:\n"
        + "".join(f"  - require: gradient_accumulation_steps + {number} == seed + {2 * number}\n" for number in range(100)),
        "too rare to be drawn",
    ),
    # Whoever looks at each way in which a parameter hangs on others never ends: there are as many as Fibonacci has rabbits.
    "conditions upon conditions": (
        "decode: inline\nparameters:\n  model.config_overrides.k0: {values: [1, 2]}\n  model.config_overrides.k1: {values: [1, 2]}\n"
        + "".join(
            f"  model.config_overrides.k{number}: {{values: [1, 2], when: {{model.config_overrides.k{number - 1}: 1,"
            f" model.config_overrides.k{number - 2}: 1}}}}\n"
            for number in range(2, 199)
        )
        + "  temperature: {values: [0.5, 1.0]}\n",
        "generation.do_sample is false",
    ),
    "many values": (
        f"parameters: {{optim_args: {{values: [{', '.join(f'a={number}' for number in range(19_000))}]}}}}\n",
        "this training.optim reads none",
    ),
    "many labels": (
        f"parameters: {{b: {{bundle: {{{', '.join(f'l{number}: {{top_k: {number + 1}}}' for number in range(4900))}}}}}}}\n",
        "generation.do_sample is false",
    ),
    "tied grid": (
        "method: grid\nparameters:\n"
        + "".join(f"  model.config_overrides.k{number}: {{min: 1, max: 60}}\n" for number in range(8))
        + "constraints: [{require: '"
        + " + ".join(f"model.config_overrides.k{number}" for number in range(8))
        + " != 100'}]\n",
        "too many values together",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once(name: str, tmp_path: Path) -> None:
    content, said = HOSTILE[name]
    file, good = tmp_path / "hostile.yaml", tmp_path / "good.yaml"
    good.write_text(GOOD, encoding="utf-8")
    if callable(content):
        content(file)
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    import json

    done = subprocess.run([sys.executable, "-c", PROBE, str(file), str(good)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    message, seconds, megabytes = json.loads(done.stdout)
    assert said in message
    assert len(message) < 3000, "a screen, not a book"
    assert megabytes < 100
    # A second is the promise on a quiet machine; this is CPU time on one that may be busy with other tests.
    assert seconds < 3


def test_the_command_says_it_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "hostile.yaml"
    file.write_text(bomb(9), encoding="utf-8")
    command = [sys.executable, "-m", "summtune", "validate", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ})
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert "hostile.yaml" in done.stderr
