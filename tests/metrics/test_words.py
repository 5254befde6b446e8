"""How texts are cut into words and sentences."""

from __future__ import annotations

import pytest

from summtune.errors import SettingsMistake
from summtune.metrics import _words
from summtune.metrics._text import sentences
from summtune.metrics._words import TOKENIZERS, Tokenizer, analysed, chosen, described, remembered, words


def test_competition_tokenisation() -> None:
    cut = " ".join(words("호킨스 의사는 매년 건강검진을 받는 것을 권장합니다.", "mecab"))
    assert cut == "호킨스 의사 는 매년 건강 검진 을 받 는 것 을 권장 합니다 ."


def test_kiwi_cuts_otherwise() -> None:
    cut = " ".join(words("호킨스 의사는 매년 건강검진을 받는 것을 권장합니다.", "kiwi"))
    assert cut == "호킨스 의사 는 매년 건강 검진 을 받 는 것 을 권장 하 ᆸ니다 ."


@pytest.mark.parametrize("name", ["mecab", "kiwi", "char", "english"])
def test_tags_stay_whole(name: str) -> None:
    cut = words("#Person1#은 #PhoneNumber#로 ok?", name)
    assert cut[0] == "#Person1#"
    assert "#PhoneNumber#" in cut


def test_simple_tokenizers() -> None:
    assert words("가 나다.", "char") == ("가", "나", "다", ".")
    assert words("가 나다.", "whitespace") == ("가", "나다.")
    assert words("It's 5 o'clock", "english") == ("it", "s", "5", "o", "clock")


def test_auto_goes_by_script() -> None:
    assert chosen("auto", ["안녕 hello"]) == "mecab"
    assert chosen("auto", ["hello #Person1#"]) == "english"
    assert chosen("auto", ["#Person1#은 #Person2#와 #Person3#에게"]) == "mecab", "tags are neither script"
    assert chosen("auto", []) == "english"
    assert chosen("char", ["안녕"]) == "char"


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**TOKENIZERS, "other": Tokenizer(lambda: tuple, ("no-such-package-here",), extra="kiwi")}
    monkeypatch.setattr(_words, "TOKENIZERS", table)
    with pytest.raises(SettingsMistake, match=r"other needs no-such-package-here\. Install it: pip install 'summtune\[kiwi\]'\."):
        words("가", "other")


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_versions_are_named(name: str) -> None:
    assert described(name).startswith(name)
    assert (" " in described(name)) == bool(TOKENIZERS[name].packages)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("간다. 온다! 정말?\n응", ["간다.", "온다!", "정말?", "응"]),
        ("Mr. Smith met J. Brown. They talked.", ["Mr. Smith met J. Brown.", "They talked."]),
        ('He said "no." Then left… Why', ['He said "no."', "Then left…", "Why"]),
        ("13.99달러다", ["13.99달러다"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_analysed_whole_and_by_sentence() -> None:
    found = analysed("나는 간다. 너는 온다.", "whitespace")
    assert found.whole == ("나는", "간다.", "너는", "온다.")
    assert found.sentences == (("나는", "간다."), ("너는", "온다."))
    assert analysed("", "mecab").sentences == ()


def test_a_text_is_analysed_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def cutter(name: str) -> object:
        def cut(text: str) -> tuple[str, ...]:
            calls.append(text)
            return tuple(text.split())

        return cut

    monkeypatch.setattr(_words, "cutter", cutter)
    texts = [f"once {number} only" for number in range(5)]
    for _ in range(3):
        for text in texts:
            assert remembered(text, "whitespace").whole == tuple(text.split())
    assert calls == texts
    first, second = (remembered(text, "whitespace") for text in texts[:2])
    assert first.whole[2] is second.whole[2], "equal words are one object"
