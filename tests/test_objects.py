"""Object stores: S3 on a real server on loopback, and a folder that stands for one."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from summtune.errors import StorageFailure
from summtune.objects import ObjectStore, is_url, unfit
from tests.s3 import S3


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, s3_environment: S3, tmp_path: Path) -> ObjectStore:
    return ObjectStore.at(f"s3://{s3_environment.bucket()}/a prefix/" if request.param == "s3" else f"{tmp_path.as_uri()}/a%20prefix")


def test_what_is_put_can_be_got(store: ObjectStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000  # more than a piece
    (tmp_path / "file").write_bytes(content)
    store.put(tmp_path / "file", "one/big")
    store.put_bytes(b"small", "one/two/small")
    assert store.sizes() == {"one/big": len(content), "one/two/small": 5}
    assert store.sizes("one/two") == {"one/two/small": 5}
    assert store.below("one").sizes() == {"big": len(content), "two/small": 5}
    assert store.read("one/big") == content
    assert store.read("none") is None
    assert store.folders() == ["one"]
    store.get("one/big", tmp_path / "here" / "got")
    assert (tmp_path / "here" / "got").read_bytes() == content
    assert [entry.name for entry in (tmp_path / "here").iterdir()] == ["got"]
    store.copy("one/big", "three/copied")
    assert store.read("three/copied") == content
    store.delete(["one/two/small", "none"])
    store.delete_folder("three")
    store.delete_folder("none")
    assert store.sizes() == {"one/big": len(content)}


def test_nothing_is_there_before_all_of_it_is(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        store.put(tmp_path, "name")
    assert store.read("name") is None
    assert store.sizes() == {}


def test_a_bucket_that_is_not_there_is_a_refusal(s3_environment: S3) -> None:
    with pytest.raises(StorageFailure, match=r"^s3://nobodys/x: The specified bucket does not exist \(NO_SUCH_BUCKET\)$") as caught:
        ObjectStore.at("s3://nobodys/x").put_bytes(b"x", "y")
    assert caught.value.refused
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.refused) == (str(caught.value), True)


def test_a_server_that_is_down_says_the_same_each_time(s3_environment: S3) -> None:
    store = ObjectStore.at(f"s3://{s3_environment.bucket()}/x")
    store.put_bytes(b"x", "y")
    said = []
    with s3_environment.down():
        for _ in range(2):
            with pytest.raises(StorageFailure) as caught:
                store.put_bytes(b"x", "z")
            said.append(str(caught.value))
            assert not caught.value.refused
    assert said == [f"{store.url}: Could not connect to server (NETWORK_CONNECTION)"] * 2
    assert store.sizes() == {"y": 1}


def test_a_folder_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = ObjectStore.at((tmp_path / "file" / "below").as_uri())
    with pytest.raises(StorageFailure, match="Not a directory"):
        store.put_bytes(b"x", "y")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://bucket", ""),
        ("gs://bucket/a/b", ""),
        ("file:///mnt/shared", ""),
        ("bucket/prefix", "is no s3://"),
        ("http://bucket/prefix", "is no s3://"),
        ("s3:///prefix", "names no bucket"),
        ("file://mnt/shared", "names no absolute folder"),
        ("s3://bucket/../other", "has `..` in it"),
        ("s3://bucket/x?endpoint_override=localhost", "with options"),
        ("s3://KEYID:s3cr3t@bucket/x", "with credentials in it"),
    ],
)
def test_urls(url: str, reason: str) -> None:
    wrong = unfit(url)
    assert (wrong is None) == (not reason)
    if wrong is not None:
        assert reason in wrong[0]
        assert "s3cr3t" not in "".join(wrong)


def test_a_url_is_told_from_a_path() -> None:
    assert is_url("s3://bucket/run")
    assert not is_url("results/lr")
    assert not is_url("C:/results")
