"""The benchmark of two workers, in a small form."""

from __future__ import annotations

from benchmarks import workers


def test_rows_for_two_workers_beside_one(random_model, capsys) -> None:
    wishes = ["--streams", "2", "--rounds", "1", "--tokens", "8", "--slots", "2"]
    workers.main([str(random_model("llama")), *wishes, "--ctx-size", "128"])
    printed = capsys.readouterr().out
    assert "2 streams: decoding (tokens/s)" in printed
    assert "2 streams: first token (s)" in printed
