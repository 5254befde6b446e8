"""Guard the sample data: it can be remade byte for byte, its splits do not leak, and its summaries state only what was said."""

from __future__ import annotations

import csv
import importlib
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
SPLITS = ("train", "dev", "test")
HANDWRITTEN_SPLITS = ("dev", "test")
TURN = re.compile(r"#Person[1-3]#: \S")
SPEAKER_TAG = re.compile(r"#Person[1-3]#")
WRONG_PARTICLE = re.compile(
    r"#Person1#(?:는|가|를|와|로|랑)(?=[\s.,]|$)|#Person[23]#(?:은|이|을|과|으로|이랑)(?=[\s.,]|$)|#(?:Address|PhoneNumber|PassportNumber)#(?:은|이|을|과|으로)(?=[\s.,]|$)"
)


@pytest.fixture(scope="module", autouse=True)
def data_folder_on_path() -> Any:
    """Make the generator importable as it is when run as a script."""
    sys.path.insert(0, str(DATA))
    yield
    sys.path.remove(str(DATA))


@pytest.fixture(scope="module")
def generator() -> Any:
    return importlib.import_module("generate")


@pytest.fixture(scope="module")
def generated(generator: Any) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = generator.generate_rows()
    return rows


@pytest.fixture(scope="module")
def written() -> dict[str, list[Any]]:
    read = importlib.import_module("samplekit.handwritten").read_handwritten
    return {split: read(DATA / "handwritten" / split) for split in HANDWRITTEN_SPLITS}


def stored_rows(split: str) -> list[dict[str, str]]:
    with (DATA / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def all_stored_rows() -> list[dict[str, str]]:
    return [row for split in SPLITS for row in stored_rows(split)]


def test_regenerating_gives_the_stored_bytes(generator: Any) -> None:
    for name, content in generator.build_files().items():
        assert (DATA / name).read_bytes() == content, f"{name} is stale; run python data/generate.py"


def test_check_passes_on_the_stored_files(generator: Any) -> None:
    assert generator.main(["--check"]) == 0


def test_check_names_the_file_that_differs(
    generator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = generator.build_files()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "dev.csv").write_bytes(b"stale\n")
    monkeypatch.setattr(generator, "build_files", lambda: files)
    monkeypatch.setattr(generator, "DATA_FOLDER", tmp_path)
    assert generator.main(["--check"]) == 1
    message = capsys.readouterr().err
    assert "dev.csv" in message
    assert "train.csv" not in message
    assert generator.main([]) == 0
    assert (tmp_path / "dev.csv").read_bytes() == files["dev.csv"]


def test_another_seed_gives_other_rows(generator: Any, generated: dict[str, list[Any]]) -> None:
    assert generator.generate_rows(seed=generator.SEED + 1)["dev"] != generated["dev"]


@pytest.mark.parametrize("split", SPLITS)
def test_columns_and_names(split: str) -> None:
    rows = stored_rows(split)
    assert list(rows[0]) == ["fname", "dialogue", "summary", "topic"]
    assert [row["fname"] for row in rows] == [f"{split}_{index}" for index in range(len(rows))]
    assert b"\r" not in (DATA / f"{split}.csv").read_bytes()


def test_counts() -> None:
    assert 850 <= len(stored_rows("train")) <= 950
    for split in HANDWRITTEN_SPLITS:
        assert 125 <= len(stored_rows(split)) <= 150


def test_every_scene_is_in_every_split(generated: dict[str, list[Any]]) -> None:
    scenes = {split: {row.scene for row in rows} for split, rows in generated.items()}
    assert len(scenes["train"]) >= 25
    assert scenes["train"] == scenes["dev"] == scenes["test"]


def test_every_outcome_is_in_train(generator: Any, generated: dict[str, list[Any]]) -> None:
    told = {row.identity[:2] for row in generated["train"]}
    assert told == {(scene.key, outcome.key) for scene in generator.ALL_SCENES for outcome in scene.outcomes}


def test_no_story_is_told_twice(generated: dict[str, list[Any]]) -> None:
    stories = Counter(row.identity for rows in generated.values() for row in rows)
    assert [story for story, count in stories.items() if count > 1] == []


def test_no_duplicate_rows() -> None:
    dialogues = Counter(row["dialogue"] for row in all_stored_rows())
    assert [dialogue for dialogue, count in dialogues.items() if count > 1] == []


def test_every_line_is_a_turn_and_turns_alternate() -> None:
    for row in all_stored_rows():
        lines = row["dialogue"].split("\n")
        assert all(TURN.match(line) for line in lines), row["fname"]
        speakers = [line[: len("#Person1#")] for line in lines]
        assert all(one != next_one for one, next_one in zip(speakers, speakers[1:], strict=False)), row["fname"]
        assert speakers[0] == "#Person1#", row["fname"]


def test_lengths(generated: dict[str, list[Any]]) -> None:
    rows = [row for split in SPLITS for row in generated[split]]
    assert all(4 <= len(row.dialogue.split("\n")) <= 15 for row in rows)
    assert 180 <= sum(len(row.dialogue) for row in rows) / len(rows) <= 320
    assert 35 <= sum(len(row.summary) for row in rows) / len(rows) <= 80


def test_the_card_states_the_statistics(generator: Any) -> None:
    card = (DATA / "README.md").read_text(encoding="utf-8")
    for split in SPLITS:
        rows, size = stored_rows(split), generator.SPLIT_SIZES[split]
        kinds = {split: rows} if split == "train" else {f"{split}, generated": rows[:size], f"{split}, hand-written": rows[size:]}
        for kind, part in kinds.items():
            dialogue, summary = (sum(len(row[column]) for row in part) / len(part) for column in ("dialogue", "summary"))
            turns = sum(len(row["dialogue"].split("\n")) for row in part) / len(part)
            assert f"| {kind} | {len(part)} | {dialogue:.0f} | {summary:.0f} | {turns:.1f} |" in card


def test_every_slot_of_a_scene_is_used(generator: Any) -> None:
    for scene in generator.ALL_SCENES:
        slots = {*scene.slots, *(name for group in scene.tied for name in group)}
        assert {name for name in slots if f"{{{name}" not in repr((scene.opening, scene.outcomes, scene.closing))} == set(), scene.key


def test_speakers_of_a_summary_take_part() -> None:
    for row in all_stored_rows():
        assert set(SPEAKER_TAG.findall(row["summary"])) <= set(SPEAKER_TAG.findall(row["dialogue"])), row["fname"]


def test_text_is_clean() -> None:
    for row in all_stored_rows():
        for column, text in row.items():
            assert text.strip() == text != "", (row["fname"], column)
            assert "  " not in text, (row["fname"], column)
            assert not set("{}") & set(text), (row["fname"], column)


def test_summaries_end_as_plain_sentences() -> None:
    for row in all_stored_rows():
        assert row["summary"].endswith("다."), row["fname"]


def test_particles_follow_the_sound_of_a_tag() -> None:
    for row in all_stored_rows():
        for column in ("dialogue", "summary"):
            assert not WRONG_PARTICLE.search(row[column]), (row["fname"], column)


def test_facts_of_a_summary_are_said_in_the_dialogue(generated: dict[str, list[Any]]) -> None:
    for rows in generated.values():
        for row in rows:
            assert row.facts, row.summary
            for fact in row.facts:
                assert fact in row.summary
                assert fact in row.dialogue, (row.scene, fact, row.dialogue)


def test_handwritten_dialogues_are_many_and_long(written: dict[str, list[Any]]) -> None:
    items = [item for split in HANDWRITTEN_SPLITS for item in written[split]]
    assert len(items) >= 30
    assert all(len(item.dialogue.split("\n")) >= 12 for item in items)
    assert len({item.topic for item in items}) == len(items)


def test_handwritten_dialogues_come_last(written: dict[str, list[Any]]) -> None:
    for split, items in written.items():
        tail = stored_rows(split)[-len(items) :]
        assert [row["dialogue"] for row in tail] == [item.dialogue for item in items]


def test_handwritten_file_without_a_topic_is_refused(tmp_path: Path) -> None:
    (tmp_path / "01_broken.txt").write_text("summary: 요약이다.\n\n#Person1#: 네.\n", encoding="utf-8")
    with pytest.raises(ValueError, match="01_broken"):
        importlib.import_module("samplekit.handwritten").read_handwritten(tmp_path)


@pytest.mark.parametrize(
    ("word", "particle", "expected"),
    [
        ("#Person1#", "은", "#Person1#은"),
        ("#Person2#", "은", "#Person2#는"),
        ("#Person3#", "과", "#Person3#와"),
        ("서울", "으로", "서울로"),
        ("부산", "으로", "부산으로"),
        ("대구", "으로", "대구로"),
        ("지영", "아", "지영아"),
        ("민수", "아", "민수야"),
        ("지영", "이름", "지영이"),
        ("민수", "이름", "민수"),
        ("7", "을", "7을"),
        ("9", "을", "9를"),
    ],
)
def test_particles(word: str, particle: str, expected: str) -> None:
    assert importlib.import_module("samplekit.particles").with_particle(word, particle) == expected


def test_a_word_without_a_known_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="no reading"):
        importlib.import_module("samplekit.particles").with_particle("pizza", "은")
