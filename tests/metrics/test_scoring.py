"""Several metrics at once, and what a person's own metric may do wrong while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest

from summtune.config.metrics import NEEDS
from summtune.config.settings import Evaluation
from summtune.errors import MetricMistake
from summtune.metrics import Summaries
from summtune.metrics._scoring import Scoring
from summtune.tuning.failures import failure_of

HEAD = 'KEYS = ("mine",)\nGOAL = {"mine": "maximize"}\nUNIT = {"mine": "share, 0..1"}\n'
SUMMARIES = Summaries(["가 나", "다"], [["가"], ["다"]], ["가 나 다"] * 2, [0.1, 0.2], [True, False])


def scoring(folder: Path, body: str, name: str = "mine.py") -> Scoring:
    file = folder / name
    file.write_text(HEAD + body, encoding="utf-8")
    return Scoring(Evaluation(metrics=("rouge", str(file))), folder, NEEDS)


def test_an_own_metric_is_scored_beside_others(tmp_path: Path) -> None:
    body = """
def score(summaries):
    pairs = zip(summaries.predictions, summaries.dialogues)
    return {"mine": [float(text in dialogue) for text, dialogue in pairs]}
"""
    found = scoring(tmp_path, body)
    scores = found.score(SUMMARIES)
    assert scores.per_dialogue["mine"] == [1.0, 1.0]
    assert scores.means["mine"] == 1.0
    assert scores.means["rouge1_f1"] > 0
    assert found.description["mine.py"]["file"] == "mine.py"
    assert len(found.description["mine.py"]["sha256"]) == 64
    assert not (tmp_path / "__pycache__").exists(), "nothing is left beside a person's file"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_syllable_is_the_same_however_it_is_encoded(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    """Files of some systems hold Hangul as the letters that its syllables are made of."""
    texts = ["#Person1#은 두 시에 밥을 먹는다.", "학교에 간다."]
    own, others = ([normalize(one, text) for text in texts] for one in (form, "NFC"))
    found = Scoring(Evaluation(metrics=("rouge", "guardrails", "length_ratio", "copying")), tmp_path, NEEDS)
    for summaries in (Summaries(own, [[text] for text in others], others), Summaries(others, [[text] for text in own], own)):
        scores = found.score(summaries).means
        assert (scores["rouge1_f1"], scores["rouge2_f1"], scores["length_ratio"]) == (1.0, 1.0, 1.0)
        assert not any(value for key, value in scores.items() if key.startswith("guardrails/"))
    alone = Scoring(Evaluation(), tmp_path, NEEDS)
    assert alone.score(Summaries(own, [[text] for text in own])).means["rouge1_f1"] == 1.0
    assert alone.description["rouge"]["tokenizer"].startswith("mecab")


def test_an_own_metric_may_have_settings(tmp_path: Path) -> None:
    body = """
from dataclasses import dataclass


@dataclass
class Scorer:
    references: str

    def score(self, summaries):
        return {"mine": [float(self.references == "max")] * len(summaries.predictions)}


def scorer(evaluation, cache):
    return Scorer(evaluation.references)
"""
    assert scoring(tmp_path, body).score(SUMMARIES).means["mine"] == 1.0


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("def score(summaries):\n    return 1 / 0\n", r"mine.py:5: ZeroDivisionError: division by zero. Mend it."),
        ("def score(summaries):\n    raise ValueError\n", r"mine.py:5: ValueError: without a word."),
        ("def score(summaries):\n    return [1, 2]\n", r"it returned list, not a mapping of each key to one value per dialogue"),
        ("def score(summaries):\n    return {'other': [1, 2]}\n", r"it declares mine, and returned other"),
        ("def score(summaries):\n    return {'mine': [1]}\n", r"'mine' must have one value for each of 2 dialogues, and has 1 values"),
        ("def score(summaries):\n    return {'mine': 0.5}\n", r"'mine' must have one value for each of 2 dialogues, and has 0.5"),
        ("def score(summaries):\n    return {'mine': [1, None]}\n", r"'mine' of dialogue 2 is None, which is no number"),
        ("def score(summaries):\n    return {'mine': [float('nan'), 1]}\n", r"'mine' of dialogue 1 is nan, and has to be finite"),
        ("def score(summaries):\n    return {'mine': [1, 7]}\n", r"'mine' of dialogue 2 is 7, and its unit promises 0\.\.1"),
        ("import no_such_module_at_all\ndef score(summaries): pass\n", r"mine.py:4: ModuleNotFoundError: No module named"),
    ],
)
def test_what_an_own_metric_does_wrong_is_said_with_its_line(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(MetricMistake, match=problem) as caught:
        scoring(tmp_path, body).score(SUMMARIES)
    assert failure_of(caught.value).cause == "bad_metric"


def test_an_edited_file_is_run_again(tmp_path: Path) -> None:
    body = "def score(summaries):\n    return {'mine': [%s] * len(summaries.predictions)}\n"
    assert scoring(tmp_path, body % 0).score(SUMMARIES).means["mine"] == 0
    assert scoring(tmp_path, body % 1).score(SUMMARIES).means["mine"] == 1


def test_what_is_not_known_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(MetricMistake, match=r"latency needs seconds, which are not known here") as caught:
        Scoring(Evaluation(metrics=("latency", "guardrails")), tmp_path, ("references",))
    assert len(caught.value.problems) == 2
