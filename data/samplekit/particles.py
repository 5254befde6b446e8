"""Choose Korean particles by the sound that precedes them, so that no scene has to spell out both forms."""

from __future__ import annotations

_FIRST_SYLLABLE = ord("가")
_LAST_SYLLABLE = ord("힣")
_FINALS_PER_VOWEL = 28
_FINAL_RIEUL = 8

# Digits and privacy tags are read aloud; only the last syllable of that reading matters.
_READ_ALOUD = {
    "0": "영",
    "1": "일",
    "2": "이",
    "3": "삼",
    "4": "사",
    "5": "오",
    "6": "육",
    "7": "칠",
    "8": "팔",
    "9": "구",
    "#Person1#": "원",
    "#Person2#": "투",
    "#Person3#": "쓰리",
    "#PhoneNumber#": "넘버",
    "#PassportNumber#": "넘버",
    "#Address#": "어드레스",
}

# Named by the form used after a consonant; "이름" is the bare 이 that spoken Korean puts after a given name (지영이가).
_FORMS = {
    "은": ("은", "는"),
    "이": ("이", "가"),
    "을": ("을", "를"),
    "과": ("과", "와"),
    "으로": ("으로", "로"),
    "이랑": ("이랑", "랑"),
    "이나": ("이나", "나"),
    "이에요": ("이에요", "예요"),
    "이요": ("이요", "요"),
    "이고": ("이고", "고"),
    "이라": ("이라", "라"),
    "이면": ("이면", "면"),
    "이지": ("이지", "지"),
    "이야": ("이야", "야"),
    "아": ("아", "야"),
    "이름": ("이", ""),
}


def final_consonant(text: str) -> int:
    """Return the index of the last syllable's final consonant.

    Args:
        text: A Korean word, or one ending in a digit or a privacy tag.

    Returns:
        0 when the word ends in a vowel, otherwise the Unicode index of the final consonant.

    Raises:
        ValueError: If the reading of the last character is not known.
    """
    tag = text[text.rfind("#", 0, -1) :] if text.endswith("#") else text[-1:]
    syllable = _READ_ALOUD.get(tag, tag)[-1:]
    if not syllable or not _FIRST_SYLLABLE <= ord(syllable) <= _LAST_SYLLABLE:
        raise ValueError(f"no reading known for the end of {text!r}")
    return (ord(syllable) - _FIRST_SYLLABLE) % _FINALS_PER_VOWEL


def with_particle(word: str, particle: str) -> str:
    """Attach a particle to a word in the form its last sound calls for.

    Args:
        word: The word the particle follows.
        particle: The particle, named by its form after a consonant (for example ``"은"`` or ``"으로"``).

    Returns:
        The word with the right form attached.

    Raises:
        KeyError: If the particle is not one of those known here.
    """
    after_consonant, after_vowel = _FORMS[particle]
    final = final_consonant(word)
    # 으로 is the one particle that treats a final ㄹ like a vowel (서울로).
    takes_vowel_form = final == 0 or (particle == "으로" and final == _FINAL_RIEUL)
    return word + (after_vowel if takes_vowel_form else after_consonant)
