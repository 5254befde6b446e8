"""A person's own metric in a search space: found by its path, read without being run, searched for, and limited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from summtune.config import validation
from summtune.config.metrics import declared, goals
from summtune.config.objective import Objective
from summtune.errors import MetricMistake
from summtune.events.limits import Limit

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse

GOOD = """
import no_such_module_in_the_world  # read without being run: nobody notices here

KEYS = ("my_score", "mine/other")
GOAL = {"my_score": "minimize", "mine/other": None}
UNIT: dict[str, str] = {"my_score": "things", "mine/other": "share, 0..1"}
NEEDS = ("dialogues",)


def score(summaries):
    raise SystemExit("nobody runs this")
"""
METRICS = "settings: {evaluation: {metrics: [rouge, metrics/mine.py]}}\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "metrics" / "mine.py"
    file.parent.mkdir()
    file.write_text(GOOD, encoding="utf-8")
    return file


def test_a_declaration_is_read_without_running_the_file(mine: Path) -> None:
    found = declared(str(mine))
    assert found.keys == ("my_score", "mine/other")
    assert found.goal == {"my_score": "minimize", "mine/other": None}
    assert found.unit["mine/other"] == "share, 0..1"
    assert found.needs == ("dialogues",)
    assert len(found.sha256) == 64
    assert goals(["rouge", str(mine)])["my_score"] == "minimize"


def test_a_metric_s_path_is_relative_to_the_file_that_names_it(
    load: Load, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(METRICS).base.settings.evaluation.metrics == ("rouge", str(mine))
    assert load("", base="evaluation: {metrics: [rouge, ./metrics/mine.py]}\n").base.settings.evaluation.metrics == ("rouge", str(mine))
    monkeypatch.chdir(mine.parent)
    assert load("", sets=["evaluation.metrics=[rouge, mine.py]"]).base.settings.evaluation.metrics == ("rouge", str(mine))
    environ = {"SUMMTUNE_EVALUATION__METRICS": "[rouge, mine.py]"}
    assert load("", environ=environ).base.settings.evaluation.metrics == ("rouge", str(mine))


def test_one_s_own_metric_is_the_objective(load: Load, refuse: Refuse, mine: Path) -> None:
    assert load(f"{METRICS}metric: {{name: my_score}}\n").objective == Objective("my_score", "minimize")
    assert load(f"{METRICS}metric: {{name: best/my_score, goal: minimize, target: 3.0}}\n").objective == Objective(
        "my_score", "minimize", 3.0
    )
    assert load(f"{METRICS}metric: {{name: mine/other, goal: maximize}}\n").objective == Objective("mine/other", "maximize")
    found = refuse(f"{METRICS}metric: {{name: my_score, goal: maximize}}\n")
    assert found == ["s.yaml:2:26: metric.goal: maximize would look for the worst my_score. Write `goal: minimize`."]
    found = refuse(f"{METRICS}metric: {{name: mine/other}}\n")
    assert found == [
        "s.yaml:2:10: metric.name: neither more nor less mine/other is better by itself. Write `goal: maximize` or `goal: minimize`."
    ]
    assert "Did you mean my_score?" in refuse(f"{METRICS}metric: {{name: my_scor}}\n")[0]


def test_a_shipped_metric_that_is_not_asked_for_is_named(refuse: Refuse) -> None:
    found = refuse("metric: {name: latency_s}\n")
    assert found == ["s.yaml:1:10: metric.name: evaluation.metrics do not report 'latency_s'. Add latency to evaluation.metrics."]


def test_limits(load: Load, refuse: Refuse, mine: Path) -> None:
    text = METRICS + "constraints:\n- require_metric: my_score <= 2\n- require_metric: 'eval_rouge1 > 1e-1'\n"
    loaded = load(text)
    assert loaded.limits == (Limit("my_score", "<=", 2.0), Limit("rouge1_f1", ">", 0.1))
    assert type(loaded).from_record(loaded.to_record()).limits == loaded.limits
    found = refuse("constraints:\n- require_metric: 'guardrails/invented_speakers <= 0.02'\n")
    assert found == [
        "s.yaml:2:3: constraints.0.require_metric: evaluation.metrics do not report 'guardrails/invented_speakers'. "
        "Add guardrails to evaluation.metrics."
    ]
    assert load(
        "settings: {evaluation: {metrics: [rouge, guardrails]}}\nconstraints:\n- require_metric: guardrails/invented_speakers <= 0.02\n"
    ).limits == (Limit("guardrails/invented_speakers", "<=", 0.02),)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("def score(summaries):", "def score(summaries"), "mine.py:10:10: not Python: '(' was never closed. Mend it."),
        (("def score", "def other"), "mine.py: it defines no function score or scorer. Write `def score(summaries):`."),
        (('GOAL = {"my_score": "minimize", ', "GOAL = dict("), "mine.py:5"),
        (("KEYS = (", "KEYZ = ("), 'mine.py: a metric declares KEYS, GOAL, UNIT; here is no KEYS. Write KEYS = ("my_score",).'),
        (('KEYS = ("my_score", "mine/other")', 'KEYS = ("my_score")'), "mine.py:4: KEYS: it must be a tuple of names. Write KEYS ="),
        (('"my_score", "mine/other")', '"my score", "mine/other")'), "mine.py:4: KEYS: 'my score' can't name a metric."),
        (('"my_score", "mine/other")', '"loss", "mine/other")'), "mine.py:4: KEYS: 'loss' is reported anyway. Give it another name."),
        (('"my_score", "mine/other")', '"rouge1_f1")'), "mine.py reports 'rouge1_f1', which rouge reports already."),
        (('"minimize"', '"lower"'), "mine.py:5: GOAL: 'my_score' can't be 'lower'. Give it \"maximize\", \"minimize\", or None"),
        (('"my_score": "things", ', ""), "mine.py:6: UNIT: 'my_score' of KEYS is missing."),
        (('NEEDS = ("dialogues",)', 'NEEDS = ("model",)'), "mine.py:7: NEEDS: a metric can have references, dialogues, seconds, finished"),
        (("\nKEYS", "\nKEYS = compute()\nKEYS2"), "KEYS is computed, and it is read without running the file. Write it out:"),
    ],
)
def test_what_a_file_gets_wrong_is_said_with_its_line(refuse: Refuse, mine: Path, change: tuple[str, str], problem: str) -> None:
    text = GOOD.replace(*change)
    if "rouge1_f1" in text:
        text = 'KEYS = ("rouge1_f1",)\nGOAL = {"rouge1_f1": "maximize"}\nUNIT = {"rouge1_f1": "x"}\ndef score(summaries): pass\n'
    assert text != GOOD
    mine.write_text(text, encoding="utf-8")
    found = refuse(METRICS)
    assert any(problem in one for one in found), found


def test_a_file_that_is_not_there(refuse: Refuse, mine: Path) -> None:
    found = refuse("settings: {evaluation: {metrics: [rouge, metrics/mein.py]}}\n")
    assert found == ["metrics/mein.py: there is no such file. Its folder has mine.py."]
    found = refuse("settings: {evaluation: {metrics: [rogue]}}\n")
    assert found == [
        "s.yaml:1:25: settings.evaluation.metrics: there is no metric 'rogue'. Did you mean rouge? A file of your own ends in .py."
    ]


def test_files_that_are_no_metric(mine: Path) -> None:
    for content, reason in (
        (b"\xff\xfe", "not UTF-8"),
        (b"a = '\0'", "not Python"),
        (b"x" * 1_100_000, "more than a megabyte"),
        (b"", "KEYS"),
    ):
        mine.write_bytes(content)
        with pytest.raises(MetricMistake, match=reason):
            declared(str(mine))
    folder = mine.with_name("folder.py")
    folder.mkdir()
    with pytest.raises(MetricMistake, match="can't be read: Is a directory"):
        declared(str(folder))


def test_a_metric_stands_there_once(refuse: Refuse) -> None:
    found = refuse("settings: {evaluation: {metrics: [rouge, rouge]}}\n")
    assert found == ["s.yaml:1:25: settings.evaluation.metrics: a metric stands here twice. Remove one of them."]


def test_kiwi_is_refused_where_it_is_not_installed(load: Load, refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "settings: {evaluation: {rouge_tokenizer: kiwi}}\n"
    assert load(text).base.settings.evaluation.rouge_tokenizer == "kiwi"
    monkeypatch.setattr(validation, "find_spec", lambda package: None)
    assert refuse(text) == [
        "s.yaml:1:25: settings.evaluation.rouge_tokenizer: kiwi needs the package kiwipiepy, which is not installed. "
        "Install it: pip install 'summtune[kiwi]'."
    ]


@pytest.mark.parametrize(
    ("combined", "said"),
    [("{bleu: 1}", "there is no 'bleu' to weigh."), ("{}", "all weights are zero."), ("{rouge1: 0}", "all weights are zero.")],
)
def test_weights_that_nothing_could_be_scored_by_are_refused(combined: str, said: str, refuse: Refuse) -> None:
    (found,) = refuse(f"settings: {{evaluation: {{combined: {combined}}}}}\n")
    assert found.startswith("s.yaml:1:25: settings.evaluation.combined")
    assert said in found
