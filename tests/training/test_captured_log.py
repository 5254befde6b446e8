"""Libraries write to training.log and nowhere else, and get their own ways back afterwards."""

import logging
import warnings
from pathlib import Path

import pytest

from summtune.training.log import to_file


def test_libraries_speak_to_the_file_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        with to_file(tmp_path / f"{number}" / "training.log", "info"):
            logging.getLogger("transformers.trainer").info("말 %d", number)
            warnings.warn("careful", UserWarning, stacklevel=1)
            logging.getLogger("datasets").debug("too fine")
            logging.getLogger("torch._inductor.utils").warning("compiled %d", number)
            logging.getLogger("bitsandbytes.autograd._functions").warning("again and again")
        content = (tmp_path / f"{number}" / "training.log").read_text(encoding="utf-8")
        assert f"transformers.trainer: 말 {number}" in content
        assert "UserWarning: careful" in content
        assert "too fine" not in content
        assert content.count(f"torch._inductor.utils: compiled {number}") == 1, "torch's compiler has handlers of its own"
        assert "again and again" not in content
        assert content.count("말") == 1
    with to_file(None, "info"):
        logging.getLogger("transformers").error("into nothing")
    assert capfd.readouterr() == ("", "")
