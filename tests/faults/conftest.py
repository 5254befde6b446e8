"""Where there can be no machines the tests of faults are skipped, and say why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.machines import why_not
from tests.faults.searching import Search


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    reason = why_not() if ours else ""
    for item in ours:
        item.add_marker(pytest.mark.ray)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Search]:
    """Makes a search for a cluster."""
    return lambda cluster, **more: Search(cluster, tmp_path, **more)
