"""Generation's parameters leave the trials for the decode stage, and what ties the two together is refused."""

from __future__ import annotations

import json

import pytest

from summtune.config.description import summary_lines
from summtune.config.experiment import Experiment
from tests.config.conftest import Load, Refuse

MIXED = """
parameters:
  learning_rate: {values: [1e-4, 1e-3]}
  num_beams: {values: [1, 2, 4]}
  length_penalty: {min: 0.6, max: 1.6, when: {num_beams: [2, 4]}}
  max_length: {value: 40}
constraints:
  - {condition: num_beams > 2, then: {length_penalty: {max: 1.2}}}
  - {condition: learning_rate > 5e-4, then: {warmup_ratio: {max: 0.1}}}
"""


def test_generation_s_parameters_are_searched_after_training(load: Load) -> None:
    text = MIXED.replace("  num_beams", "  warmup_ratio: {min: 0.0, max: 0.3}\n  num_beams", 1)
    experiment = load(text + "decode: {top_k: 2, run_cap: 12, parameters: {no_repeat_ngram_size: {values: [0, 3]}}}\n")
    assert experiment.space.keys == ("training.learning_rate", "training.warmup_ratio", "generation.max_length")
    stage = experiment.decode
    assert stage is not None
    assert stage.space.keys == ("generation.num_beams", "generation.length_penalty", "generation.no_repeat_ngram_size")
    assert (stage.top_k, stage.count, stage.method) == (2, 12, "bayes")
    assert [len(space.rules) for space in (experiment.space, stage.space)] == [1, 1]
    assert experiment.base.settings.generation.max_length == 40, "one value is fixed, for trials, too"
    assert any("generation.num_beams, generation.length_penalty are searched after training" in notice for notice in experiment.notices)
    assert "decode      bayes, 12 settings on each of the best 2 checkpoints" in summary_lines(experiment)
    again = Experiment.from_record(json.loads(json.dumps(experiment.to_record())))
    assert again.decode == stage


def test_what_is_pinned_is_not_said_to_be_searched(load: Load) -> None:
    text = "parameters: {num_beams: {values: [1, 4]}, no_repeat_ngram_size: {values: [0, 2]}, batch_size: {values: [4, 8]}}\n"
    notices = load(text, sets=["num_beams=2"]).notices
    assert "generation.num_beams is fixed at 2 by --set, and leaves the space." in notices
    assert any(notice.startswith("generation.no_repeat_ngram_size is searched after training") for notice in notices)


def test_inline_trains_with_each(load: Load) -> None:
    experiment = load("parameters: {num_beams: {values: [1, 4]}}\ndecode: inline\n")
    assert experiment.decode is None
    assert experiment.space.keys == ("generation.num_beams",)
    assert experiment.base.settings.evaluation.proxy_decoding == "own"


def test_nothing_but_decoding(load: Load) -> None:
    experiment = load("parameters: null\ndecode: {parameters: {num_beams: {values: [1, 4]}}}\n")
    assert experiment.space.size() == 1
    assert experiment.decode is not None
    assert experiment.decode.count == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("decode: {}", "decode: it names nothing that varies."),
        ("decode: {parameters: {weight_decay: {values: [0.1, 0.2]}}}", "training.weight_decay needs a training"),
        ("decode: {parameters: {length_penalty: {min: 0.5, max: 2.0}}}", "has no effect: generation.num_beams is 1"),
        ("decode: {method: grid, parameters: {repetition_penalty: {min: 1.0, max: 2.0}}}", "a grid needs values that can be counted"),
        ("decode: {method: bayse, parameters: {num_beams: {values: [1, 2]}}}", "bayse is not one of"),
        ("decode: {count: 3, run_cap: 4, parameters: {num_beams: {values: [1, 2]}}}", "3 contradicts run_cap"),
        ("decode: {parameters: {max_length: {values: [64, 4096]}}}", "4096 is beyond the model's 1024 positions"),
        ("metric: {name: loss}\ndecode: {parameters: {num_beams: {values: [1, 2]}}}", "decoding doesn't change the loss"),
        (
            "parameters: {num_beams: {values: [1, 2]}}\ndecode: {parameters: {num_beams: {values: [3, 4]}}}",
            "this is generation.num_beams, which parameters.num_beams is already.",
        ),
        (
            "parameters: {b: {bundle: {x: {num_beams: 1}, y: {num_beams: 4}}}, seed: {values: [1, 2]}}\n"
            "decode: {parameters: {b: {bundle: {p: {no_repeat_ngram_size: 0}, q: {no_repeat_ngram_size: 3}}}}}",
            "decode.parameters.b: another parameter is called b already: parameters.b.",
        ),
        (
            "parameters: {batch_size: {values: [4, 8], }, num_beams: {values: [1, 2], when: {batch_size: 4}}}",
            "one is decided by training, the other after it.",
        ),
        (
            "parameters: {batch_size: {values: [4, 8]}, num_beams: {values: [1, 2]}}\n"
            "constraints: [{require: batch_size * num_beams <= 8}]",
            "ties what is trained to what is decoded afterwards.",
        ),
        (
            "parameters: {size: {bundle: {a: {batch_size: 4, max_length: 20}, b: {batch_size: 8, max_length: 30}}}}",
            "it ties keys of generation, which are searched after training, to others.",
        ),
    ],
)
def test_what_can_not_be(text: str, message: str, refuse: Refuse) -> None:
    seed = "" if "parameters: {" in text.splitlines()[0] and text.startswith("parameters") else "parameters: {seed: {values: [1, 2]}}\n"
    found = refuse(f"{seed}{text}\n")
    assert any(message in problem for problem in found), found


def test_greedy_cheap_evaluations_hide_what_is_decoded_inline(refuse: Refuse) -> None:
    text = "parameters: {num_beams: {values: [1, 4]}}\ndecode: inline\nsettings: {evaluation: {proxy_decoding: greedy}}\n"
    assert any("cheap evaluations would not show the search what generation.num_beams change" in one for one in refuse(text))


@pytest.mark.parametrize("spec", ["{value: 8}", "{values: [8]}"])
def test_a_decode_stage_in_which_nothing_varies_is_refused(spec: str, refuse: Refuse) -> None:
    found = refuse(
        f"parameters: {{seed: {{values: [1, 2]}}}}\ndecode: {{parameters: {{num_beams: {spec}, length_penalty: {{value: 1.4}}}}}}\n"
    )
    assert found == ["s.yaml:2:1: decode: it names nothing that varies. What is fixed stands under `settings: {generation: …}`."]


def test_a_decode_stage_without_anything_that_varies_is_told_how_it_could(refuse: Refuse) -> None:
    found = refuse("parameters: {seed: {values: [1, 2]}, num_beams: {value: 4}}\ndecode: {count: 5}\n")
    hint = "Write `decode: {parameters: {num_beams: {values: [1, 4]}}}`."
    assert found == [f"s.yaml:2:1: decode: it names nothing that varies. {hint}"]


def test_a_decode_stage_whose_last_parameter_is_pinned_is_left_out(load: Load) -> None:
    text = "parameters: {seed: {values: [1, 2]}}\ndecode: {parameters: {num_beams: {values: [1, 4]}, length_penalty: {value: 1.4}}}\n"
    experiment = load(text, sets=["num_beams=4"])
    assert experiment.decode is None
    assert experiment.base.settings.generation.length_penalty == 1.0
    remedy = "`--set generation.length_penalty=1.4` does that"
    said = f"nothing is left to be searched after training: generation.length_penalty is not set to 1.4, either ({remedy})."
    assert said in experiment.notices
    assert load(text, sets=["num_beams=4", "generation.length_penalty=1.4"]).base.settings.generation.length_penalty == 1.4


def test_a_decode_stage_s_bundle_of_which_a_part_is_pinned_fixes_nothing_for_trials(load: Load) -> None:
    bundle = "b: {bundle: {x: {num_beams: 1, max_length: 50}, y: {num_beams: 4, max_length: 50}}}"
    experiment = load(f"parameters: {{seed: {{values: [1, 2]}}}}\ndecode: {{parameters: {{{bundle}}}}}\n", sets=["num_beams=4"])
    assert experiment.base.settings.generation.max_length == 64
    assert "generation.max_length is 50 in every label of b that is left." in experiment.notices
    assert not any("fixed" in notice for notice in experiment.notices if "max_length" in notice)
    assert any("generation.max_length is not set to 50, either" in notice for notice in experiment.notices)


def test_two_parameters_of_one_name_are_refused(refuse: Refuse) -> None:
    beams = "b: {bundle: {x: {num_beams: 1}, y: {num_beams: 4}}}"
    ngrams = "b: {bundle: {p: {no_repeat_ngram_size: 0}, q: {no_repeat_ngram_size: 3}}}"
    found = refuse(f"parameters: {{{beams}, seed: {{values: [1, 2]}}}}\ndecode: {{parameters: {{{ngrams}}}}}\n")
    assert found == ["s.yaml:2:23: decode.parameters.b: another parameter is called b already: parameters.b. Give it another name."]


@pytest.mark.parametrize("turned", [False, True])
def test_a_bundle_is_not_called_like_a_parameter(turned: bool, refuse: Refuse) -> None:
    parts = ["training.learning_rate: {bundle: {a: {batch_size: 4}, b: {batch_size: 8}}}", "learning_rate: {values: [1e-4, 2e-4]}"]
    (found,) = refuse(f"parameters: {{{', '.join(parts[::-1] if turned else parts)}}}\n")
    assert "another parameter is called training.learning_rate already: parameters." in found
    assert found.endswith("Give it another name.")


def test_a_decoding_parameter_has_an_effect_where_it_has_one_beneath_some_model(load: Load, refuse: Refuse) -> None:
    text = "parameters: {model: {values: [kobart, t5]}, length_penalty: {min: 0.8, max: 1.5}}\n"
    decode = load(text).decode  # the base, tiny-kobart, has one beam; both models have four
    assert decode is not None
    assert decode.space.searched == ("generation.length_penalty",)
    assert "generation.length_penalty has no effect" in refuse(text.replace("kobart, t5", "tiny-kobart, tiny-t5"))[0]


def test_a_rule_of_decoding_says_by_which_model_it_is_judged(load: Load) -> None:
    text = "base: kobart\nparameters: {model: {values: [kobart, kogpt2]}, num_beams: {values: [1, 4, 8]}}\n"
    rule = "constraints: [{name: mem, condition: encoder_max_len > 512, then: {num_beams: {max: 4}}}]\n"
    said = (
        "the rule 'mem' is judged by the base's tokenizer.encoder_max_len 512 for every model: 768 with model.preset kogpt2 doesn't count."
    )
    assert said in load(text + rule).notices
    assert said not in load(text.replace("kogpt2", "t5") + rule).notices
