"""An object store is tried before anything begins. What nodes see is tested on real ones (tests/cluster/test_nodes.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune.errors import RunMistake, SurroundingsFailure
from summtune.objects import ObjectStore
from summtune.tuning.reach import check_store
from tests.s3 import S3


def test_a_store_that_can_be_written_is_left_as_it_was(s3_environment: S3, tmp_path: Path) -> None:
    store = ObjectStore.at(f"s3://{s3_environment.bucket()}/runs")
    check_store(store)
    assert store.sizes() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_is_a_mistake(s3_environment: S3, tmp_path: Path) -> None:
    said = r"general\.storage: this machine can't write to s3://nobodys/runs: The specified bucket does not exist \(NO_SUCH_BUCKET\)"
    with pytest.raises(RunMistake, match=said):
        check_store(ObjectStore.at("s3://nobodys/runs"))


def test_a_server_that_is_down_is_no_mistake(s3_environment: S3, tmp_path: Path) -> None:
    store = ObjectStore.at(f"s3://{s3_environment.bucket()}/runs")
    said = rf"^this machine can't reach {store.url}: Could not connect to server \(NETWORK_CONNECTION\)\. Nothing was begun\."
    with s3_environment.down(), pytest.raises(SurroundingsFailure, match=said):
        check_store(store)
