"""An object store (S3, GCS) or a folder that stands for one, through pyarrow: files by name, put and got whole.

Credentials and endpoints are the surroundings' (AWS_*, AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS): they are neither asked for nor
kept here. It must not know what is stored.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from summtune import durable
from summtune.errors import StorageFailure

SCHEMES = ("s3", "gs", "file")

CONNECT_S, ANSWER_S, ATTEMPTS = 5.0, 30.0, 3
"""How long a store may take to accept a connection, and to answer, and how often either is tried."""

CHUNK = 8 * 1024 * 1024
"""Bytes that are read or written at a time."""

_REFUSALS = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_CLIENT_TOKEN_ID")
_PARTIAL = ".partial-"


def is_url(word: str) -> bool:
    """Whether a word is meant as a place in a store, and not as a path or a name."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", word) is not None


def unfit(url: str) -> tuple[str, str] | None:
    """Why a URL names no place that can be used, and what to do instead; None where it does."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        return f"{url!r} is no s3://bucket/prefix, gs://bucket/prefix or file:///folder.", "Write one of these."
    if parts.username or parts.password or "@" in parts.netloc:
        # Not shown: it may hold a secret, which the settings would carry into every file of the run.
        return (
            f"a {parts.scheme}:// URL with credentials in it: it is written into the run's files.",
            "Leave them out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    if parts.query or parts.fragment:
        return "a URL with options (?…, #…).", "Set AWS_ENDPOINT_URL, AWS_REGION and the like instead."
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        return f"{url!r} names no absolute folder.", "Write file:///folder, with three slashes."
    if parts.scheme != "file" and not parts.netloc:
        return f"{url!r} names no bucket.", f"Write {parts.scheme}://bucket/prefix."
    if ".." in parts.path.split("/"):
        return f"{url!r} has `..` in it.", "Write the folder itself."
    return None


@dataclass(frozen=True)
class ObjectStore:
    """A folder of a store.

    Attributes:
        url: s3://…, gs://… or file:///…, without a slash at its end.
    """

    url: str

    @classmethod
    def at(cls, url: str) -> ObjectStore:
        return cls(url.rstrip("/"))

    def below(self, name: str) -> ObjectStore:
        return replace(self, url=f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part of its URL."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> ObjectStore:
        return replace(self, url=self.url.rpartition("/")[0])

    def put(self, file: Path, name: str) -> None:
        """Store a file; nothing has the name before all of it is there.

        Raises:
            StorageFailure: the store gave way. A file that can't be read raises its own OSError.
        """
        with file.open("rb") as source, self._writing(name) as stream:
            while chunk := source.read(CHUNK):
                with _saying(self.url):
                    stream.write(chunk)

    def put_bytes(self, content: bytes, name: str) -> None:
        """The same, of bytes."""
        with self._writing(name) as stream, _saying(self.url):
            stream.write(content)

    def chunks(self, name: str) -> Iterator[bytes]:
        """What is stored under a name, piece by piece.

        Raises:
            FileNotFoundError: nothing is.
            StorageFailure: the store gave way.
        """
        with _saying(self.url):
            stream = self._files.open_input_stream(self._path(name))
        try:
            while True:
                with _saying(self.url):
                    chunk = stream.read(CHUNK)
                if not chunk:
                    return
                yield chunk
        finally:
            stream.close()

    def read(self, name: str) -> bytes | None:
        """All of it; None where there is nothing of that name."""
        try:
            return b"".join(self.chunks(name))
        except FileNotFoundError:
            return None

    def get(self, name: str, file: Path) -> None:
        """Bring something here: under its name once it is whole."""
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.parent / f".{file.name}{_PARTIAL}{secrets.token_hex(4)}"
        try:
            with temporary.open("wb") as stream:
                for chunk in self.chunks(name):
                    stream.write(chunk)
            os.replace(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)

    def copy(self, name: str, to: str) -> None:
        """Copy within the store, without the bytes' coming here."""
        with _saying(self.url):
            if self._is_folder:
                Path(self._path(to)).parent.mkdir(parents=True, exist_ok=True)
            self._files.copy_file(self._path(name), self._path(to))

    def sizes(self, below: str = "") -> dict[str, int]:
        """Bytes of all that is stored in this folder, or in one below it, by name."""
        from pyarrow import fs

        root = self._path(below) if below else self._root
        with _saying(self.url):
            found = self._files.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
        start = len(self._root) + 1
        files = [one for one in found if one.type == fs.FileType.File and _PARTIAL not in one.base_name]
        return {one.path[start:]: int(one.size) for one in files}

    def folders(self) -> list[str]:
        """Names of the folders right below this one."""
        from pyarrow import fs

        with _saying(self.url):
            found = self._files.get_file_info(fs.FileSelector(self._root, allow_not_found=True))
        return sorted(one.base_name for one in found if one.type == fs.FileType.Directory)

    def delete(self, names: Iterable[str]) -> None:
        """Delete these; what isn't there is no fault."""
        for name in names:
            try:
                with _saying(self.url):
                    self._files.delete_file(self._path(name))
            except FileNotFoundError:
                continue

    def delete_folder(self, name: str) -> None:
        """Delete a folder with all in it."""
        try:
            with _saying(self.url):
                self._files.delete_dir(self._path(name))
        except FileNotFoundError:
            return

    @property
    def _is_folder(self) -> bool:
        return self.url.startswith("file:")

    @property
    def _root(self) -> str:
        parts = urlsplit(self.url)
        return unquote(parts.path) if parts.scheme == "file" else f"{parts.netloc}{parts.path}"

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @property
    def _files(self) -> Any:
        with _saying(self.url):
            # pyarrow asks for these variables only where it is given a URL, whose options would stand in the run's files.
            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
            return _file_system(urlsplit(self.url).scheme, urlsplit(self.url).netloc, endpoint)

    @contextmanager
    def _writing(self, name: str) -> Iterator[Any]:
        """A stream into the store. An object has its name once its stream is closed; a file in a folder gets it by a rename."""
        path = self._path(name)
        if not self._is_folder:
            with _saying(self.url):
                stream = self._files.open_output_stream(path)
            yield stream
            with _saying(self.url):
                stream.close()
            return
        final = Path(path)
        with _saying(self.url):
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary = final.parent / f".{final.name}{_PARTIAL}{secrets.token_hex(4)}"
            stream = temporary.open("wb")
        try:
            with stream:
                yield stream
                with _saying(self.url):
                    stream.flush()
                    os.fsync(stream.fileno())
            with _saying(self.url):
                os.replace(temporary, final)
                durable.sync_folder(final.parent)
        finally:
            temporary.unlink(missing_ok=True)


@cache
def _file_system(scheme: str, bucket: str, endpoint: str) -> Any:
    from pyarrow import fs

    if scheme == "file":
        return fs.LocalFileSystem()
    if scheme == "gs":
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=ANSWER_S))
    options: dict[str, Any] = {}
    if endpoint:
        parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        options |= {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    elif not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        options["region"] = fs.resolve_s3_region(bucket)  # Amazon's buckets answer in their own region alone
    return fs.S3FileSystem(
        connect_timeout=CONNECT_S,
        request_timeout=ANSWER_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        allow_delayed_open=True,  # one request for a small file instead of three
        **options,
    )


@contextmanager
def _saying(url: str) -> Iterator[None]:
    """Call what a store gives back for an error what it is.

    Raises:
        StorageFailure: there was one.
    """
    try:
        yield
    except FileNotFoundError as error:
        if "AWS Error" not in str(error):
            raise
        raise StorageFailure(f"{url}: {_reason(error)}", refused=True) from error
    except OSError as error:
        refused = isinstance(error, PermissionError) or any(word in str(error) for word in _REFUSALS)
        raise StorageFailure(f"{url}: {_reason(error)}", refused=refused) from error


def _reason(error: OSError) -> str:
    """What the store said, without the request's own numbers: the same fault in the same words."""
    if error.errno:  # pyarrow's own words name a path each time
        return os.strerror(error.errno)
    said = str(error).splitlines()[0]
    found = re.search(r"AWS Error ([A-Z_]+)(?: \(HTTP status (\d+)\))? during (\w+) operation: (.*)", said)
    if not found:
        return said
    reason = re.sub(r" \(Request ID: \S*\)|^curlCode: \d+, |; Details: .*$", "", found[4]).strip().rstrip(".")
    return f"{reason or 'no answer'} ({found[1]}{f', HTTP {found[2]}' if found[2] else ''})"
