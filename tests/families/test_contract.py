"""What every file of families/ must declare; runs over all of them without being told."""

import subprocess
import sys

import pytest

from summtune import registry
from summtune.config.settings import Settings


def known_keys() -> set[str]:
    return {
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in field.annotation.model_fields  # type: ignore[union-attr]
    } | {"training.*"}


@pytest.mark.parametrize("name", registry.names("families"))
def test_family_declares_itself(name: str) -> None:
    family = registry.load("families", name)
    assert family.__doc__
    assert family.ARCHITECTURES
    assert all(isinstance(architecture, str) for architecture in family.ARCHITECTURES)
    assert family.AUTO_CLASS.startswith("AutoModelFor")
    assert set(family.CONSUMES) <= known_keys()
    assert set(family.LIMITS) <= known_keys()
    assert not set(family.LIMITS) & set(family.CONSUMES)
    assert set(getattr(family, "TAKES_FP16", ())) <= set(family.ARCHITECTURES)
    assert all(reason for reason in family.LIMITS.values())
    for function in (
        "load",
        "load_folder",
        "encode",
        "encoding_digest",
        "collate",
        "token_counts",
        "logits_and_targets",
        "adapted",
        "new_tokens",
    ):
        assert callable(getattr(family, function)), function


def test_no_architecture_belongs_to_two_families() -> None:
    names = [architecture for name in registry.names("families") for architecture in registry.load("families", name).ARCHITECTURES]
    assert len(names) == len(set(names))


def test_looking_at_declarations_loads_nothing_heavy() -> None:
    code = """
import sys
from summtune import registry
for folder in ("families", "metrics"):
    for name in registry.names(folder):
        registry.load(folder, name)
import summtune.corpus.check, summtune.corpus.tokenised, summtune.decoding.evaluation, summtune.training.train, summtune.inference.predict
import summtune.training.best_model, summtune.training.checkpoints
heavy = {"torch", "transformers", "datasets", "evaluate", "ray", "rouge_score", "mecab", "tokenizers", "accelerate"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
