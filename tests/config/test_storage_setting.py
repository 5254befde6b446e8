"""general.storage: a place in an object store, or an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.config.conftest import Load, Refuse


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "gs://bucket", "file:///mnt/backup"])
def test_places(url: str, load: Load) -> None:
    assert load(f"settings: {{general: {{storage: '{url}'}}}}\n").base.settings.general.storage == url


def test_what_is_none_is_refused_with_its_line(refuse: Refuse) -> None:
    (problem,) = refuse("settings:\n  general:\n    storage: bucket/prefix\n")
    assert ":3:" in problem
    assert "general.storage: 'bucket/prefix' is no s3://bucket/prefix, gs://bucket/prefix or file:///folder." in problem


def test_credentials_in_it_are_refused_and_not_repeated(refuse: Refuse) -> None:
    (problem,) = refuse("settings: {general: {storage: 's3://KEYID:s3cr3t@bucket/prefix'}}\n")
    assert "credentials in it" in problem
    assert "AWS_SECRET_ACCESS_KEY" in problem
    assert "s3cr3t" not in problem


def test_it_can_t_be_searched(refuse: Refuse) -> None:
    (problem,) = refuse("parameters: {general.storage: {values: ['s3://a', 's3://b']}}\n")
    assert "it changes nothing about how well a model summarises" in problem
