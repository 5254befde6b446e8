"""The small language of constraints: what it reads, what it says of what it can't, and what it evaluates to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summtune.space.expressions import Node, parse_expression
from summtune.space.naming import Unfit

VALUES: dict[str, Any] = {"a": 3, "b": 2.5, "text": "xy", "none": None, "on": True, "training.optim": "sgd", "m/n": 7}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a > 2", True),
        ("a>2 and b<3", True),
        ("1 < a <= 3", True),
        ("1 < a < 3", False),
        ("a == 3 or a == 4 and b == 0", True),
        ("(a == 3 or a == 4) and b == 0", False),
        ("not a == 3 or on", True),
        ("not not a == 3", True),
        ("a in [1, 2, 3]", True),
        ("a in (1, 2)", False),
        ("a not in (1, 2,)", True),
        ("text in ['xy', \"z\"]", True),
        ("training.optim != 'sgd'", False),
        ("m/n == 7", True),
        ("a + b * 2 == 8", True),
        ("(a + b) * 2 == 11", True),
        ("a - 1 - 1 == 1", True),
        ("a // 2 == 1 and a % 2 == 1 and a / 2 == 1.5", True),
        ("-a < -2", True),
        ("--a == 3", True),
        ("a * -1 == -3", True),
        ("1e-1 * a < 0.5", True),
        ("a / 0 == 1", False),
        ("none == null and none == None", True),
        ("none > 1", False),
        ("none < 1", False),
        ("none * 2 == 4", False),
        ("text > 1", False),
        ("text < 'xz'", True),
        ("on == true", True),
        ("on == 1", False),
        ("a == true", False),
        ("absent == null", True),
        ("on", True),
    ],
)
def test_what_it_comes_to(text: str, value: bool) -> None:
    node = parse_expression(text)
    assert bool(node.evaluate(VALUES)) is value
    assert Node.from_record(json.loads(json.dumps(node.to_record()))) == node
    assert bool(parse_expression(str(node)).evaluate(VALUES)) is value, "as it is shown it means the same"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the expression is empty."),
        ("   ", "the expression is empty."),
        ("a >", "the expression ends too early. Is something missing at its end?"),
        ("(a > 1", "the expression ends too early."),
        ("a > 1)", "at letter 6 ')' is not expected."),
        ("a = 1", "at letter 3 '=' is not expected. Write == to compare."),
        ("a > 1 b", "at letter 7 'b' is not expected. Text needs quotes."),
        ("a > 1 && b", "at letter 7 '&' is not expected. Write and."),
        ("a > 1 AND b", "at letter 7 'AND' is not expected. Write and."),
        ("!a", "at letter 1 '!' is not expected. Write not, or != to compare."),
        ("a not 1", "at letter 7 '1' is not expected."),
        ("a > 'x", 'at letter 5 "\'" is not expected.'),
        ("a in [1, 2", "the expression ends too early."),
        ("and a", "at letter 1 'and' is not expected. Text needs quotes."),
        ("1abc > 2", "at letter 1 '1' is not expected."),
        ("__import__('os')", "at letter 11 '(' is not expected."),
        ("a.b.__class__ == 1; b", "at letter 19 ';' is not expected."),
        ("(" * 200 + "a" + ")" * 200, "brackets are nested more than 30 deep."),
        ("[" * 200, "brackets are nested more than 30 deep."),
        ("a > 1 or " * 1000, "the expression has 9,000 letters."),
        ("not " * 400 + "a", None),
        ("-" * 1500 + "1 > 0", None),
    ],
)
def test_what_it_refuses(text: str, reason: str | None) -> None:
    if reason is None:
        parse_expression(text)
        return
    with pytest.raises(Unfit) as caught:
        parse_expression(text)
    assert reason in str(caught.value)


words = st.sampled_from(
    ["a", "b", "1", "2.5", "'x'", "true", "null", "and", "or", "not", "in", "(", ")", "[", "]", ",", "==", "<", "+", "-", "*"]
)


@given(st.text(max_size=60) | st.lists(words, max_size=20).map(" ".join))
@settings(max_examples=400, deadline=None)
def test_no_exception_but_our_own(text: str) -> None:
    try:
        node = parse_expression(text)
    except Unfit:
        return
    node.evaluate(VALUES)
    node.evaluate({})


numbers = st.integers(-9, 9).map(str) | st.sampled_from(["a", "b", "0.5"])
sums = st.recursive(
    numbers, lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"), max_leaves=6
)
comparisons = st.tuples(sums, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), sums).map(" ".join)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
    return pairs | inner.map(lambda part: f"not ({part})") | inner.map(lambda part: f"({part})")


logic = st.recursive(comparisons, joined, max_leaves=6)


@given(logic)
@settings(max_examples=300, deadline=None)
def test_it_agrees_with_python(text: str) -> None:
    expected = eval(text, {"__builtins__": {}}, {"a": 3, "b": 2.5})
    assert bool(parse_expression(text).evaluate(VALUES)) == bool(expected)
    assert bool(parse_expression(str(parse_expression(text))).evaluate(VALUES)) == bool(expected)
