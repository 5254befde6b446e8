"""ROUGE for Korean, against the figures that were measured with stock ROUGE and by hand."""

import csv
import random
from pathlib import Path

import pytest

from summtune.config.settings import Evaluation
from summtune.errors import SettingsMistake
from summtune.metrics._words import chosen, words
from summtune.metrics.rouge import KEYS, scorer, weights

SHARED = Path(__file__).parents[3] / "shared" / "data" / "dialogsum_ko" / "train.csv"


@pytest.fixture(scope="module")
def summaries() -> list[str]:
    """The 50 rows that the figures of the table were measured on."""
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not here")
    with SHARED.open(encoding="utf-8", newline="") as stream:
        return [row["summary"] for row in csv.DictReader(stream)][:50]


def means(predictions: list[str], references: list[str], cache: Path, **evaluation: object) -> dict[str, float]:
    made = scorer([[reference] for reference in references], Evaluation.model_validate(evaluation), cache)
    return made.score(predictions).means


def test_competition_tokenisation() -> None:
    cut = " ".join(words("호킨스 의사는 매년 건강검진을 받는 것을 권장합니다.", "mecab"))
    assert cut == "호킨스 의사 는 매년 건강 검진 을 받 는 것 을 권장 합니다 ."


@pytest.mark.parametrize("name", ["mecab", "char", "english"])
def test_tags_stay_whole(name: str) -> None:
    cut = words("#Person1#은 #PhoneNumber#로 ok?", name)
    assert cut[0] == "#Person1#"
    assert "#PhoneNumber#" in cut


def test_tokenizers() -> None:
    assert words("가 나다.", "char") == ("가", "나", "다", ".")
    assert words("가 나다.", "whitespace") == ("가", "나다.")
    assert words("It's 5 o'clock", "english") == ("it", "s", "5", "o", "clock")
    assert chosen("auto", ["안녕 hello"]) == "mecab"
    assert chosen("auto", ["hello #Person1#"]) == "english"
    with pytest.raises(SettingsMistake, match="kiwi is not there yet"):
        words("가", "kiwi")


def test_the_reference_itself_scores_one(summaries: list[str], tmp_path: Path) -> None:
    for name in ("mecab", "whitespace", "char"):
        assert means(summaries, summaries, tmp_path, rouge_tokenizer=name) == pytest.approx(dict.fromkeys(KEYS, 1.0))


def f1_times_100(found: dict[str, float]) -> list[float]:
    return [round(100 * found[key], 2) for key in KEYS[:3]]


def stock(predictions: list[str], references: list[str]) -> list[float]:
    from rouge_score.rouge_scorer import RougeScorer

    engine = RougeScorer(["rouge1", "rouge2", "rougeL"])
    found = [engine.score(reference, prediction) for reference, prediction in zip(references, predictions, strict=True)]
    return [round(100 * sum(score[part].fmeasure for score in found) / len(found), 2) for part in ("rouge1", "rouge2", "rougeL")]


def test_table_the_next_rows_summary(summaries: list[str], tmp_path: Path) -> None:
    shifted = summaries[1:] + summaries[:1]
    assert stock(summaries, summaries) == [94.00, 86.00, 94.00]
    assert stock(shifted, summaries) == [35.40, 17.42, 35.40]
    assert f1_times_100(means(shifted, summaries, tmp_path, rouge_tokenizer="whitespace")) == [3.31, 0.10, 2.97]
    # The table's morphemes are Kiwi's: 25.92, 5.97, 20.74. MeCab's are of the same size.
    assert f1_times_100(means(shifted, summaries, tmp_path)) == pytest.approx([25.92, 5.97, 20.74], abs=4)


def test_table_random_syllables(summaries: list[str], tmp_path: Path) -> None:
    drawn = random.Random(0)
    garbled = ["".join(chr(drawn.randrange(0xAC00, 0xD7A4)) if "가" <= letter <= "힣" else letter for letter in text) for text in summaries]
    assert stock(garbled, summaries) == [94.00, 86.00, 94.00], "this is why stock ROUGE is of no use"
    assert f1_times_100(means(garbled, summaries, tmp_path, rouge_tokenizer="whitespace")) == pytest.approx([1.69, 0, 1.69], abs=0.5)
    assert f1_times_100(means(garbled, summaries, tmp_path)) == pytest.approx([19.70, 3.32, 19.48], abs=4), "tags and punctuation"


def test_by_hand(tmp_path: Path) -> None:
    found = means(["a b c d"], ["a c b e"], tmp_path, rouge_tokenizer="whitespace")
    assert found == pytest.approx({"rouge1_f1": 3 / 4, "rouge2_f1": 0.0, "rougeL_f1": 2 / 4, "rouge_combined_f1": 5 / 12})


def test_combined(tmp_path: Path) -> None:
    pair = ["a b c d"], ["a c b e"]
    assert means(*pair, tmp_path, combined="sum", rouge_tokenizer="whitespace")["rouge_combined_f1"] == pytest.approx(5 / 4)
    combined = {"rouge1": 0.5, "rougeL_f1": 0.5, "rouge-2": 0.0}
    assert means(*pair, tmp_path, combined=combined, rouge_tokenizer="whitespace")["rouge_combined_f1"] == pytest.approx(5 / 8)
    with pytest.raises(SettingsMistake, match="there is no 'rouge3' to weigh"):
        weights({"rouge3": 1.0})
    with pytest.raises(SettingsMistake, match="all weights are zero"):
        weights({"rouge1": 0.0})


def test_several_references(tmp_path: Path) -> None:
    for over, expected in (("max", 1.0), ("mean", 0.5)):
        made = scorer([["a b", "x y"]], Evaluation(references=over, rouge_tokenizer="whitespace"), tmp_path)
        assert made.score(["a b"]).means["rouge1_f1"] == expected


def test_odd_predictions_are_scored(tmp_path: Path) -> None:
    references = ["#Person1#은 간다."] * 4
    made = scorer([[reference] for reference in references], Evaluation(), tmp_path)
    scores = made.score(["", "   \n", ".", "간다 " * 5_000])
    assert [round(value, 3) for value in scores.per_dialogue["rouge_combined_f1"]][:2] == [0.0, 0.0]
    assert scores.per_dialogue["rouge2_f1"][2] == 0.0
    assert all(0.0 <= value < 0.4 for value in scores.per_dialogue["rouge_combined_f1"])


def test_same_as_rouge_score_and_the_same_every_time(summaries: list[str], tmp_path: Path) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    class Mecab:
        def tokenize(self, text: str) -> list[str]:
            return list(words(text, "mecab"))

    shifted = summaries[1:] + summaries[:1]
    reference = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Mecab())
    expected = [reference.score(text, guess)["rougeL"].fmeasure for text, guess in zip(summaries, shifted, strict=True)]
    made = scorer([[text] for text in summaries], Evaluation(), tmp_path)
    assert made.score(shifted).per_dialogue["rougeL_f1"] == expected
    assert made.score(shifted) == made.score(shifted)
