"""The benchmark of adapters, in a small form."""

from __future__ import annotations

from benchmarks import lora


def test_a_row_for_what_sets_cost(random_model, capsys) -> None:
    wishes = ["--streams", "2", "--rounds", "1", "--tokens", "8", "--slots", "2", "--threads", "1"]
    lora.main([str(random_model("llama")), *wishes, "--ctx-size", "128"])
    printed = capsys.readouterr().out
    assert "2 streams, one adapter; to none" in printed
    assert "2 streams, two adapters; to half as many of one" in printed
