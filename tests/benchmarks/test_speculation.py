"""The benchmark of guessed tokens, in a small form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import speculation
from benchmarks.random_gguf import write_random_gguf

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_row_for_each_kind_of_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = write_random_gguf(tmp_path / "plain.gguf")
    looping = write_random_gguf(tmp_path / "looping.gguf", loops=True)
    wishes = ["--streams", "2", "--rounds", "1", "--threads", "1", "--slots", "2"]
    speculation.main([str(plain), "--looping", str(looping), *wishes])
    printed = capsys.readouterr().out
    for name in ("nothing repeats, 2", "a loop, 2", "the embedded model repeats, 2"):
        assert name in printed
