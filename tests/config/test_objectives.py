"""`objectives:` in place of `metric`: what can be, what can't, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from summtune.config.experiment import Experiment

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse

TWO = "objectives: [{name: best/rouge_combined_f1}, {name: loss, goal: minimize}]\n"
LATENCY = "settings: {evaluation: {metrics: [rouge, latency]}}\n"


def test_several_are_read_in_their_order(load: Load) -> None:
    experiment = load(TWO)
    assert [(one.name, one.goal) for one in experiment.objectives] == [("rouge_combined_f1", "maximize"), ("loss", "minimize")]
    assert experiment.objective is experiment.objectives[0]
    assert Experiment.from_record(experiment.to_record()) == experiment


def test_one_is_what_metric_is(load: Load) -> None:
    assert load("objectives: [{name: loss}]\n").objectives == load("metric: {name: loss}\n").objectives


def test_latency_is_better_the_less(load: Load, refuse: Refuse) -> None:
    experiment = load(f"objectives: [{{name: rouge_combined_f1}}, {{name: latency_s}}]\n{LATENCY}")
    assert experiment.further[0].goal == "minimize"
    (found,) = refuse(f"objectives: [{{name: rouge_combined_f1}}, {{name: latency_s, goal: maximize}}]\n{LATENCY}")
    assert "maximize would look for the worst latency_s. Write `goal: minimize`." in found
    (found,) = refuse("objectives: [{name: rouge_combined_f1}, {name: latency_s}]\n")
    assert "evaluation.metrics do not report 'latency_s'. Add latency to evaluation.metrics." in found


@pytest.mark.parametrize("method", ["bayes", "tpe", "nsga2", "gp", "random", "grid"])
def test_methods_that_can(method: str, load: Load) -> None:
    assert load(f"method: {method}\n{TWO}").method == method


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{TWO}method: cmaes\n",
            "s.yaml:2:1: method: cmaes searches for one objective: it moves one normal distribution towards the best by one score. "
            "Use bayes, gp, grid, nsga2, random, tpe, or give one `metric`.",
        ),
        (
            f"{TWO}seeds: [1, 2]\n",
            "s.yaml:2:1: seeds: points that could win are repeated, by the mean of one score; on a front none wins. "
            "Leave it out, or give one `metric`.",
        ),
        (
            f"{TWO}parameters: {{num_beams: {{values: [1, 4]}}, weight_decay: {{values: [0.0, 0.1]}}}}\n",
            "decoding is searched after training by one score, which would take a model off the front unseen. "
            "Write `decode: inline` to train with each, or give one `metric`.",
        ),
        (
            f"{TWO}decode: {{parameters: {{num_beams: {{values: [1, 4]}}}}}}\n",
            "decoding is searched after training by one score, which would take a model off the front unseen.",
        ),
        (f"{TWO}warm_start: []\nseeds: [7]\n", "seeds: points that could win are repeated"),
        (f"{TWO}metric: {{name: loss}}\n", "objectives: `metric` names one, too. Keep one of them."),
        ("objectives: [{name: loss}, {name: eval/loss}]\n", "s.yaml:1:29: objectives.1.name: loss stands here twice. Remove one of them."),
        ("objectives: [{goal: maximize}, {name: loss}]\n", "s.yaml:1:14: objectives.0: an objective among several needs a name."),
        (
            "objectives: [{name: loss}, {name: latency}]\n",
            "latency is a metric that reports latency_s. Name what it reports; it has to stand in evaluation.metrics: latency.",
        ),
        ("objectives: [{name: loss}, {name: rogue1_f1}]\n", "nobody reports a metric 'rogue1_f1'. Did you mean rouge1_f1?"),
        ("objectives: [{name: loss}, {name: rouge1_f1, target: 43}]\n", "Write 0.43."),
    ],
)
def test_what_can_t_be_says_why(text: str, expected: str, refuse: Refuse) -> None:
    (found,) = refuse(text)
    assert expected in found


def test_decoding_may_be_searched_with_training(load: Load) -> None:
    text = f"{TWO}decode: inline\nparameters: {{num_beams: {{values: [1, 4]}}, weight_decay: {{values: [0.0, 0.1]}}}}\n"
    assert load(text).decode is None


def test_that_rungs_look_at_the_first_only_is_said(load: Load) -> None:
    said = "rungs judge by rouge_combined_f1 alone: a trial that is weak in it goes no further, however good it is in loss."
    assert any(notice.startswith(said) for notice in load(TWO).notices)
    assert not any("rungs judge" in notice for notice in load(f"{TWO}early_terminate: none\n").notices)
    assert not any("rungs judge" in notice for notice in load("").notices)


def test_earlier_runs_teach_one_objective_only(refuse: Refuse) -> None:
    found = refuse(f"{TWO}warm_start: [other]\n")
    assert any("not yet: earlier runs teach a search for one objective only" in problem for problem in found)
