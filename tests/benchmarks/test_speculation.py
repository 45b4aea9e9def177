"""The benchmark of guessed tokens, in a small form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import predicted, speculation
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


def test_a_row_for_each_predicted_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = write_random_gguf(tmp_path / "plain.gguf")
    looping = write_random_gguf(tmp_path / "looping.gguf", loops=True)
    wishes = ["--streams", "1", "--rounds", "1", "--threads", "1", "--slots", "2"]
    speculation.main([str(plain), "--predicted", "--looping", str(looping), *wishes])
    printed = capsys.readouterr().out
    for name in ("edits a text", "tells a story", "the embedded model repeats, 1", "a loop, 1"):
        assert name in printed
    assert "accepted" in printed


def test_a_word_in_some_is_another_one() -> None:
    text = " ".join(f"w{number}" for number in range(30))
    changed = predicted.replaced(text).split()
    assert [at for at, word in enumerate(changed) if word != f"w{at}"] == [12, 24]
    assert predicted.replaced("a  b\nc", every=1) == "a  something\nsomething"
