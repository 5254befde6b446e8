"""Numbers in Korean and English text, in digits or in words, as values.

Two readings: what a summary *claims* is read strictly (a word that is a number in one sense only), what a dialogue *supports*
generously (every sense that a word might have). So a guardrail built on them would rather miss an invented number than blame an honest one.
1 and 2 in words are never claims: "한 남자", "두 사람", "one of them" count nobody.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from summtune.metrics._text import TAG

_DIGITS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_SINO_DIGITS = {"영": 0, "공": 0, "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "륙": 6, "칠": 7, "팔": 8, "구": 9}
_SMALL_UNITS = {"십": 10, "백": 100, "천": 1000}
_LARGE_UNITS = {"만": 10**4, "억": 10**8, "조": 10**12}
_SINO = re.compile(rf"(?<![가-힣])[{''.join((*_SINO_DIGITS, *_SMALL_UNITS, *_LARGE_UNITS))}]+")
_TENS = {"열": 10, "스물": 20, "스무": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60, "일흔": 70, "여든": 80, "아흔": 90}
_ONES = {
    **{"하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "석": 3, "넷": 4, "네": 4, "넉": 4},
    **{"다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9},
}
_NATIVE = re.compile(rf"(?<![가-힣])({'|'.join(_TENS)})?({'|'.join(_ONES)})?")
_COUNTERS = (
    "시간|시|분|초|명|개월|개|살|세|번|달러|달|원|잔|권|마리|사람|가지|병|장|대|주일|주|년|월|층|호|회|배|퍼센트|프로|미터|킬로|"
    "파운드|센트|박|일|쪽|조각|벌|켤레"
)
_COUNTED = re.compile(rf"\s?(?:{_COUNTERS})")
_SCALED_PART = re.compile(rf"({_DIGITS.pattern})\s?([십백천만억조]+)")
_SCALED = re.compile(rf"{_SCALED_PART.pattern}(?:\s?{_SCALED_PART.pattern})*")
_BARE_SPEAKER = re.compile(r"(?i)#?person\s*\d+#?")
_ENGLISH_WORDS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ENGLISH: Mapping[str, int] = {
    **{word: value for value, word in enumerate(_ENGLISH_WORDS.split())},
    **{word: 10 * value for value, word in enumerate(_ENGLISH_TENS.split(), start=2)},
    "dozen": 12,
}
_ENGLISH_UNITS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ENGLISH_WORD = "|".join((*_ENGLISH, *_ENGLISH_UNITS))
_ENGLISH_NUMBER = re.compile(rf"\b(?:{_ENGLISH_WORD})(?:(?:[\s-]|\sand\s)+(?:{_ENGLISH_WORD}))*\b")
_IN_ENGLISH_UNITS = re.compile(rf"(?i)({_DIGITS.pattern})\s?({'|'.join(_ENGLISH_UNITS)})\b")
_WITH_CENTS = re.compile(rf"(?i)({_DIGITS.pattern})\s?(?:달러|dollars?)\s?(?:and\s)?(\d\d?)\s?(?:센트|cents?)")
_HALF = re.compile(
    r"(?i)\bhalf\b|(?:시간?|년|개월|달|살|배|개)\s?반(?=[\s에이은을의,.?!]|$)|절반|(?<![가-힣])반\s?(?:시간|나절|년|달|개|값|쯤|만|으로|이나|은|의|을)"
)
_PARTS: Mapping[re.Pattern[str], tuple[str, ...]] = {
    _HALF: ("0.5", "30", "50"),  # of an hour, of a hundred
    re.compile(r"(?i)\bquarters?\b"): ("0.25", "15", "25", "45", "75"),
    re.compile(r"(?i)\bnoon\b|정오"): ("12",),
    re.compile(r"(?i)\bmidnight\b|자정"): ("0", "12", "24"),
}
_FULL_HOUR = re.compile(r"(?<=\d):00\b")
_UNCLAIMED = (Decimal(0), Decimal(1), Decimal(2))


def claimed(text: str) -> set[Decimal]:
    """The numbers that a summary states."""
    plain = _FULL_HOUR.sub(" ", _BARE_SPEAKER.sub(" ", TAG.sub(" ", text)))
    found = {sum(_scaled(match[0]), Decimal(0)) for match in _SCALED.finditer(plain)}
    found |= {_digits(number) for number in _DIGITS.findall(_SCALED.sub(" ", plain))}
    for match in _SINO.finditer(plain):
        text_of = match[0]
        has_unit = len(text_of) > 1 and any(letter in _SMALL_UNITS or letter in _LARGE_UNITS for letter in text_of)
        if has_unit and _COUNTED.match(plain, match.end()):
            found |= {_sino(text_of)} - set(_UNCLAIMED)
    for value, end in _native(plain):
        if _COUNTED.match(plain, end):
            found |= {value} - set(_UNCLAIMED)
    return found | (set(_english(plain)) - set(_UNCLAIMED))


def supported(text: str) -> set[Decimal]:
    """Every number that a dialogue could be said to state, parts of numbers among them."""
    plain = TAG.sub(" ", text)
    joined = re.sub(r"(?<=\d)([,.]) (?=\d)", r"\1", plain)  # "20, 000" and "4. 5" stand in corpora for 20,000 and 4.5
    found = {_digits(number) for text in (plain, joined) for number in _DIGITS.findall(text)}
    found |= {_digits(match[1]) * _ENGLISH_UNITS[match[2].lower()] for match in _IN_ENGLISH_UNITS.finditer(joined)}
    found |= {_digits(match[1]) + _digits(match[2]) / 100 for match in _WITH_CENTS.finditer(joined)}
    for match in _SCALED.finditer(plain):
        found |= {*_scaled(match[0]), sum(_scaled(match[0]), Decimal(0))}
    for match in _SINO.finditer(plain):
        letters = match[0]
        for end in range(1, len(letters) + 1):  # what follows may be a particle or a counter that looks like a numeral: 이, 일, 만
            found.add(_sino(letters[:end]))
            if all(letter in _SINO_DIGITS for letter in letters[:end]):
                found.add(Decimal("".join(str(_SINO_DIGITS[letter]) for letter in letters[:end])))
    found |= {value for value, _ in _native(plain)} | set(_english(plain))
    lowered = plain.lower()
    found |= {Decimal(_ENGLISH[word]) for word in re.findall(r"[a-z]+", lowered) if word in _ENGLISH}
    if re.search(r"\ban?\b", lowered):
        found.add(Decimal(1))
    if _HALF.search(plain):
        found |= {number + Decimal(half) for number in found for half in ("0.5", "0.3")}  # two and a half, and half past two as 2.30
    return found | {Decimal(value) for pattern, values in _PARTS.items() if pattern.search(plain) for value in values}


def _digits(text: str) -> Decimal:
    return Decimal(text.replace(",", "")).normalize()


def _scaled(text: str) -> list[Decimal]:
    """Digits with Korean units: 3만 5천 is 30000 and 5000."""
    units = {**_SMALL_UNITS, **_LARGE_UNITS}
    return [_digits(match[1]) * math.prod(units[unit] for unit in match[2]) for match in _SCALED_PART.finditer(text)]


def _sino(text: str) -> Decimal:
    """Chinese numerals: 이천십구 is 2019, 삼만오천 35000."""
    total = section = digit = 0
    for letter in text:
        if letter in _SINO_DIGITS:
            digit = _SINO_DIGITS[letter]
        elif letter in _SMALL_UNITS:
            section += (digit or 1) * _SMALL_UNITS[letter]
            digit = 0
        else:
            total += (section + digit or 1) * _LARGE_UNITS[letter]
            section = digit = 0
    return Decimal(total + section + digit)


def _native(text: str) -> Iterator[tuple[Decimal, int]]:
    """Native Korean numerals with where each ends: 스물세 is 23."""
    for match in _NATIVE.finditer(text):
        if match[1] or match[2]:
            yield Decimal(_TENS.get(match[1], 0) + _ONES.get(match[2], 0)), match.end()


def _english(text: str) -> Iterator[Decimal]:
    """English numbers in words: twenty-five is 25, two hundred and ten 210."""
    for match in _ENGLISH_NUMBER.finditer(text.lower()):
        total = section = 0
        for word in re.findall(r"[a-z]+", match[0]):
            if word in _ENGLISH:
                section += _ENGLISH[word]
            elif word == "hundred":
                section = (section or 1) * 100
            elif word in _ENGLISH_UNITS:
                total, section = total + (section or 1) * _ENGLISH_UNITS[word], 0
        yield Decimal(total + section)
