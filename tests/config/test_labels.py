"""Selectors of nodes by label: Ray's own reading of them is the measure."""

from __future__ import annotations

import pytest

from summtune.config.labels import selector_problem, selects


@pytest.mark.parametrize(
    ("selector", "labels", "meant"),
    [
        ({}, {}, True),
        ({"market-type": "spot"}, {"market-type": "spot", "zone": "b"}, True),
        ({"market-type": "spot"}, {"market-type": "on-demand"}, False),
        ({"market-type": "spot"}, {}, False),
        ({"market-type": "!spot"}, {"market-type": "on-demand"}, True),
        ({"market-type": "!spot"}, {"market-type": "spot"}, False),
        ({"market-type": "!spot"}, {}, True),
        ({"zone": "in(a, b)"}, {"zone": "b"}, True),
        ({"zone": "in(a,b)"}, {"zone": "c"}, False),
        ({"zone": "!in(a, b)"}, {"zone": "c"}, True),
        ({"zone": "!in(a, b)"}, {"zone": "a"}, False),
        ({"zone": "a", "market-type": "spot"}, {"zone": "a"}, False),
        ({"ray.io/accelerator-type": "A100"}, {"ray.io/accelerator-type": "A100"}, True),
    ],
)
def test_which_nodes_are_meant(selector: dict[str, str], labels: dict[str, str], meant: bool) -> None:
    assert selects(selector, labels) == meant


@pytest.mark.parametrize(
    ("key", "wanted", "refused"),
    [
        ("market-type", "spot", False),
        ("example.com/zone", "in(a, b)", False),
        ("zone", "!in(a,b)", False),
        ("zone", "-a", True),
        ("zone", "in()", True),
        ("zone", "in(a,", True),
        ("zone", "!!a", True),
        ("zone", "", True),
        ("a zone", "a", True),
        ("-zone", "a", True),
    ],
)
def test_what_is_refused_is_what_ray_refuses(key: str, wanted: str, refused: bool) -> None:
    from ray._private.label_utils import validate_label_selector

    assert (selector_problem({key: wanted}) is not None) == refused
    # Ray takes an empty value, too, for nodes whose label is empty; nobody has such, and a forgotten value should not pass.
    assert (validate_label_selector({key: wanted}) is not None) == (refused and wanted != "")
