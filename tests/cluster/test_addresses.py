"""Which job server is meant, and which may be spoken to."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from summtune.cli.main import main
from summtune.cluster.addresses import Address, check_clear_text, chosen, named_anywhere
from summtune.errors import RunMistake


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        ("http://head:8265/", {"RAY_ADDRESS": "http://other:1"}, Address("http://head:8265", "--address")),
        (None, {"RAY_API_SERVER_ADDRESS": "https://a", "RAY_ADDRESS": "http://b:1"}, Address("https://a", "RAY_API_SERVER_ADDRESS")),
        (None, {"RAY_ADDRESS": "http://b:1"}, Address("http://b:1", "RAY_ADDRESS")),
        (None, {}, Address("http://127.0.0.1:8265", "default")),
    ],
)
def test_the_command_line_counts_before_rays_variables(given: str | None, environ: dict[str, str], expected: Address) -> None:
    assert chosen(given, environ) == expected


@pytest.fixture(autouse=True)
def no_cluster_here() -> None:
    """The address itself is what is tested here."""


@pytest.mark.parametrize("text", ["head:8265", "auto", "ray://head:10001", "http://", "http://head:port", "ftp://head"])
def test_what_is_no_job_server_is_refused(text: str) -> None:
    with pytest.raises(RunMistake, match="is not the address of a job server. Give that of the cluster's dashboard"):
        chosen(text, {})
    with pytest.raises(RunMistake, match=r"^RAY_ADDRESS: "):
        chosen(None, {"RAY_ADDRESS": text})


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(RunMistake) as mistake:
        chosen("http://me:hunter2@head", {})
    assert str(mistake.value) == "--address: it holds a password. Leave it out; a token comes by RAY_AUTH_TOKEN_PATH."


def test_a_cluster_is_named_by_what_can_mean_nothing_else() -> None:
    assert named_anywhere("http://x", {})
    assert named_anywhere(None, {"RAY_ADDRESS": "http://x"})
    assert not named_anywhere(None, {"RAY_ADDRESS": "10.0.0.1:6379"}), "the cluster that `summtune run` joins"
    assert not named_anywhere(None, {})


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://[::1]:1",
        "http://10.1.2.3",
        "http://192.168.0.9",
        "https://8.8.8.8",
        "http://100.64.0.7",
    ],
)
def test_clear_text_is_for_private_networks(url: str) -> None:
    check_clear_text(Address(url, "--address"), allowed=False)


@pytest.mark.parametrize("url", ["http://8.8.8.8:8265", "http://[2001:4860:4860::8888]:8265"])
def test_clear_text_to_a_public_address_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(RunMistake, match=r"is a public address .*, and http is clear text.* `--plaintext` sends it all the same\."):
        check_clear_text(Address(url, "--address"), allowed=False)
    check_clear_text(Address(url, "--address"), allowed=True)


@pytest.mark.parametrize("words", [["jobs"], ["logs", "x"], ["stop", "x"], ["resume", "x"], ["pull", "x"]])
def test_every_verb_refuses_clear_text_before_it_sends_anything(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--address", "http://8.8.8.8:8265"]) == 2
    assert "8.8.8.8" in capsys.readouterr().err


def test_an_address_where_nothing_listens(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--address", "http://127.0.0.1:9"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("nothing answers at http://127.0.0.1:9: Connection refused. Is the cluster up")
    assert "Is the cluster up, and the tunnel to it" in said


class _Quiet(http.server.BaseHTTPRequestHandler):
    """Answers 501 to whatever it is asked."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web_server() -> Iterator[str]:
    """A server that is none of Ray's."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_where_something_else_listens(web_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--address", web_server]) == 2
    assert capsys.readouterr().err == f"{web_server} answers, and is no Ray job server. Give the address of Ray's dashboard.\n"
