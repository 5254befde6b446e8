"""An object store is tried before anything begins. What nodes see is tested on real ones (tests/cluster/test_nodes.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from summtune.errors import RunMistake, SurroundingsFailure
from summtune.objects import ObjectStore
from summtune.tuning.allotment import Allotment
from summtune.tuning.engine import Cluster
from summtune.tuning.head_watch import HeadWatch
from summtune.tuning.reach import check
from tests.s3 import S3

OWN = Cluster(HeadWatch("127.0.0.1:1"), "", job="", started_here=True)


def test_a_store_that_can_be_written_is_left_as_it_was(s3_environment: S3, tmp_path: Path) -> None:
    store = ObjectStore.at(f"s3://{s3_environment.bucket()}/runs")
    check(tmp_path, store, OWN, Allotment(1.0, 0.0), {})
    assert store.sizes() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_is_a_mistake(s3_environment: S3, tmp_path: Path) -> None:
    said = r"general\.storage: this machine can't write to s3://nobodys/runs: The specified bucket does not exist \(NO_SUCH_BUCKET\)"
    with pytest.raises(RunMistake, match=said):
        check(tmp_path, ObjectStore.at("s3://nobodys/runs"), OWN, Allotment(1.0, 0.0), {})


def test_a_server_that_is_down_is_no_mistake(s3_environment: S3, tmp_path: Path) -> None:
    store = ObjectStore.at(f"s3://{s3_environment.bucket()}/runs")
    said = rf"^this machine can't reach {store.url}: Could not connect to server \(NETWORK_CONNECTION\)\. Nothing was begun\."
    with s3_environment.down(), pytest.raises(SurroundingsFailure, match=said):
        check(tmp_path, store, OWN, Allotment(1.0, 0.0), {})
