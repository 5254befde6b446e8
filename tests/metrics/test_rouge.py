"""ROUGE for Korean, against the figures that were measured with stock ROUGE and by hand."""

import csv
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from summtune.config.settings import Evaluation
from summtune.errors import SettingsMistake
from summtune.metrics import Columns, Summaries
from summtune.metrics._words import TOKENIZERS, cutter
from summtune.metrics.rouge import KEYS, Rouge, scorer, weights

DATA = Path(__file__).parents[3] / "shared" / "data"
F1 = ("rouge1_f1", "rouge2_f1", "rougeL_f1")


def column(file: str, name: str, count: int = 50) -> list[str]:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with path.open(encoding="utf-8", newline="") as stream:
        return [row[name] for row in csv.DictReader(stream)][:count]


@pytest.fixture(scope="module")
def summaries() -> list[str]:
    """The 50 rows that the figures of the table were measured on."""
    return column("dialogsum_ko/train.csv", "summary")


def scored(predictions: list[str], against: list[list[str]], cache: Path, **evaluation: object) -> Columns:
    made = scorer(Evaluation.model_validate(evaluation), cache)
    return made.score(Summaries(predictions, against))


def means(predictions: list[str], references: list[str], cache: Path, **evaluation: object) -> dict[str, float]:
    columns = scored(predictions, [[reference] for reference in references], cache, **evaluation)
    return {key: sum(column) / len(column) for key, column in columns.items()}


def stock(predictions: list[str], references: list[str], tokenize: Callable[[str], object] | None = None) -> list[float]:
    """rouge-score as it comes, F1 * 100, with another tokenizer where one is given."""
    from rouge_score.rouge_scorer import RougeScorer

    kinds = ("rouge1", "rouge2", "rougeL")

    class Given:
        def tokenize(self, text: str) -> object:
            assert tokenize is not None
            return tokenize(text)

    engine = RougeScorer(list(kinds), tokenizer=Given() if tokenize else None)
    found = [engine.score(reference, prediction) for reference, prediction in zip(references, predictions, strict=True)]
    return [round(100 * sum(score[kind].fmeasure for score in found) / len(found), 2) for kind in kinds]


def f1_times_100(found: dict[str, float]) -> list[float]:
    return [round(100 * found[key], 2) for key in F1]


def kiwi_untouched() -> Callable[[str], list[str]]:
    """Kiwi with tags left to it, as the table was measured."""
    from kiwipiepy import Kiwi

    analyser = Kiwi(num_workers=1)
    return lambda text: [token.form for token in analyser.tokenize(text)]


def mecab_untouched(text: str) -> list[str]:
    from mecab import MeCab

    return list(MeCab().morphs(text))


def test_table_the_reference_itself(summaries: list[str], tmp_path: Path) -> None:
    assert stock(summaries, summaries) == [94.00, 86.00, 94.00]
    for name in TOKENIZERS:
        found = means(summaries, summaries, tmp_path, rouge_tokenizer=name)
        expected = 0.94 if name == "english" else 1.0  # which reads tags and nothing else, and finds none in three of the rows
        assert found["rouge1_f1"] == pytest.approx(expected), name
        if name != "english":
            assert found == pytest.approx(dict.fromkeys(KEYS, 1.0))


def test_table_random_syllables(summaries: list[str], tmp_path: Path) -> None:
    drawn = random.Random(0)
    garbled = ["".join(chr(drawn.randrange(0xAC00, 0xD7A4)) if "가" <= letter <= "힣" else letter for letter in text) for text in summaries]
    assert stock(garbled, summaries) == [94.00, 86.00, 94.00], "this is why stock ROUGE is of no use"
    # The syllables are drawn anew, so that the table's figures can be met only nearly.
    assert f1_times_100(means(garbled, summaries, tmp_path, rouge_tokenizer="whitespace")) == pytest.approx([1.69, 0, 1.69], abs=0.5)
    assert stock(garbled, summaries, kiwi_untouched()) == pytest.approx([19.70, 3.32, 19.48], abs=1.5)
    assert f1_times_100(means(garbled, summaries, tmp_path)) == pytest.approx([19.70, 3.32, 19.48], abs=4), "tags and punctuation"


def test_table_the_next_rows_summary(summaries: list[str], tmp_path: Path) -> None:
    shifted = summaries[1:] + summaries[:1]
    assert stock(shifted, summaries) == [35.40, 17.42, 35.40]
    assert f1_times_100(means(shifted, summaries, tmp_path, rouge_tokenizer="whitespace")) == [3.31, 0.10, 2.97]
    assert stock(shifted, summaries, kiwi_untouched()) == [25.92, 5.97, 20.74]
    # Ours keep tags whole.
    assert f1_times_100(means(shifted, summaries, tmp_path, rouge_tokenizer="kiwi")) == [28.48, 6.32, 22.29]
    assert f1_times_100(means(shifted, summaries, tmp_path)) == [25.33, 4.80, 19.60]


def test_torn_tags_inflate_the_sum(summaries: list[str], tmp_path: Path) -> None:
    shifted = summaries[1:] + summaries[:1]
    torn = sum(stock(shifted, summaries, mecab_untouched))
    whole = sum(f1_times_100(means(shifted, summaries, tmp_path)))
    assert 15 <= torn - whole <= 19


def test_joined_morphemes_do_not_help_the_default_scorer(tmp_path: Path) -> None:
    """It drops them again: what is left is the tags."""
    second, first = (column("dialogsum_ko/dev_multiref.csv", name) for name in ("summary2", "summary"))
    cut = cutter("mecab")
    joined = [[" ".join(cut(text)) for text in texts] for texts in (second, first)]
    assert stock(joined[0], joined[1]) == stock(second, first) == [71.89, 57.53, 71.89]
    assert f1_times_100(means(second, first, tmp_path)) == [64.54, 41.57, 59.78]


def test_rouge_l_and_lsum_differ(tmp_path: Path) -> None:
    names = [f"summary{number}" for number in ("", "2")]
    second, first = (column("dialogsum_ko/dev_multiref.csv", name, 60) for name in reversed(names))
    found = means(second, first, tmp_path)
    assert 0.005 < found["rougeLsum_f1"] - found["rougeL_f1"] < 0.06
    columns = scored(["나 다 라. 가 나 다."], [["가 나 다. 나 다 라."]], tmp_path, rouge_tokenizer="whitespace")
    assert (columns["rougeL_f1"], columns["rougeLsum_f1"]) == ([0.5], [1.0]), "Lsum goes by sentences, whose order is free"


def test_by_hand(tmp_path: Path) -> None:
    found = means(["a b c d"], ["a c b e f"], tmp_path, rouge_tokenizer="whitespace")
    common = {"precision": 2 / 4, "recall": 2 / 5, "f1": 4 / 9}
    assert found == pytest.approx(
        {
            **{"rouge1_precision": 3 / 4, "rouge1_recall": 3 / 5, "rouge1_f1": 2 / 3},
            **{"rouge2_precision": 0.0, "rouge2_recall": 0.0, "rouge2_f1": 0.0},
            **{f"{kind}_{part}": value for kind in ("rougeL", "rougeLsum") for part, value in common.items()},
            "rouge_combined_f1": (2 / 3 + 4 / 9) / 3,
        }
    )


def test_combined(tmp_path: Path) -> None:
    pair = ["a b c d"], ["a c b e"]
    assert means(*pair, tmp_path, combined="sum", rouge_tokenizer="whitespace")["rouge_combined_f1"] == pytest.approx(5 / 4)
    combined = {"rouge1": 0.5, "rougeL_f1": 0.5, "rouge-2": 0.0}
    assert means(*pair, tmp_path, combined=combined, rouge_tokenizer="whitespace")["rouge_combined_f1"] == pytest.approx(5 / 8)
    assert means(*pair, tmp_path, combined={"Lsum": 2}, rouge_tokenizer="whitespace")["rouge_combined_f1"] == pytest.approx(1)
    with pytest.raises(SettingsMistake, match="there is no 'rouge3' to weigh. Weigh rouge1, rouge2, rougeL, rougeLsum."):
        weights({"rouge3": 1.0})
    with pytest.raises(SettingsMistake, match="all weights are zero"):
        weights({"rouge1": 0.0})
    with pytest.raises(SettingsMistake, match="rouge1 is weighed twice"):
        weights({"rouge1": 1.0, "rouge-1": 0.5})


def test_several_references(tmp_path: Path) -> None:
    for over, expected in (("max", (1.0, 1.0)), ("mean", (0.5, 0.5))):
        columns = scored(["a b"], [["a b", "x y"]], tmp_path, references=over, rouge_tokenizer="whitespace")
        assert (columns["rouge1_f1"][0], columns["rouge1_recall"][0]) == expected
    # The reference with the best F1 gives precision and recall, too: here not the one with the best precision.
    columns = scored(["a b c d"], [["a b c d e", "a b"]], tmp_path, rouge_tokenizer="whitespace")
    assert (columns["rouge1_precision"][0], columns["rouge1_recall"][0]) == (1.0, 0.8)


def test_max_is_what_rouge_score_calls_score_multi(tmp_path: Path) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return text.split()

    first, second = (column("dialogsum_ko/dev_multiref.csv", name) for name in ("summary", "summary2"))
    guesses = first[1:] + first[:1]
    references = [list(pair) for pair in zip(first, second, strict=True)]
    columns = scored(guesses, references, tmp_path, rouge_tokenizer="whitespace")
    engine = RougeScorer(["rouge1", "rougeL"], tokenizer=Words())
    for row, (guess, several) in enumerate(zip(guesses, references, strict=True)):
        expected = engine.score_multi(several, guess)
        for kind in ("rouge1", "rougeL"):
            assert columns[f"{kind}_f1"][row] == expected[kind].fmeasure
            assert columns[f"{kind}_precision"][row] == expected[kind].precision


@pytest.mark.parametrize("engine", ["rouge-score", "rouge-score-rs"])
@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_odd_predictions_are_scored(name: str, engine: str, tmp_path: Path) -> None:
    """Empty ones, marks alone, 5,000 words in one sentence and in 2,500, one word of 5,000 letters: within seconds."""
    odd = ["", "   \n", ".", "\n.\n\n", "간다 " * 5_000, "간다. yes. " * 2_500, "가" * 5_000, "#Person1#" * 2_000, "\u3000\ufeff😀"]
    references = [["#Person1#은 yes 간다. 그리고 no 온다."]] * len(odd)
    made = Rouge(Evaluation(rouge_tokenizer=name), tmp_path, engine)
    columns = made.score(Summaries(odd, references))
    assert columns["rouge_combined_f1"][:2] == [0.0, 0.0]
    assert columns["rouge2_f1"][2] == 0.0
    assert all(0.0 <= value < 0.5 for value in columns["rouge_combined_f1"])
    assert all(len(values) == len(odd) for values in columns.values())


def test_references_may_be_odd_too(tmp_path: Path) -> None:
    columns = scored(["가", "", "."], [["."], [""], ["."]], tmp_path, rouge_tokenizer="mecab")
    assert columns["rouge1_f1"] == [0.0, 0.0, 1.0]


def test_the_same_every_time(summaries: list[str], tmp_path: Path) -> None:
    shifted = summaries[1:] + summaries[:1]
    made = scorer(Evaluation(), tmp_path)
    scores = [made.score(Summaries(shifted, [[text] for text in summaries])) for _ in range(2)]
    assert scores[0] == scores[1]
    assert stock(shifted, summaries, cutter("mecab")) == [round(100 * sum(scores[0][key]) / 50, 2) for key in F1]


def test_how_it_was_computed_is_said(tmp_path: Path) -> None:
    from importlib.metadata import version

    made = scorer(Evaluation(references="mean", combined={"rouge1": 1, "rougeL": 0.5}), tmp_path)
    made.score(Summaries(["가다"], [["가다"]]))
    assert made.description == {
        "tokenizer": f"mecab (python-mecab-ko {version('python-mecab-ko')}, python-mecab-ko-dic {version('python-mecab-ko-dic')})",
        "engine": f"rouge-score-rs {version('rouge-score-rs')}",
        "references": "mean over the references of a dialogue, by F1 of each type",
        "combined": "rouge1 1, rougeL 0.5",
        "aggregation": "mean over dialogues",
        "rougeL": "longest common subsequence of whole summaries",
        "rougeLsum": "union of longest common subsequences, sentence by sentence",
    }
