"""The benchmark of how threads wait, in a small form."""

from __future__ import annotations

from benchmarks import waits


def test_a_row_for_each_way_and_setting(random_model, capsys) -> None:
    wishes = ["--streams", "1", "--rounds", "1", "--tokens", "8", "--slots", "1"]
    waits.main([str(random_model("llama")), *wishes, "--ctx-size", "128"])
    printed = capsys.readouterr().out
    for setting in ("idle machine", "one busy neighbour"):
        for way in ("the worker's choice", "always spinning"):
            assert f"{setting}, 1 stream: {way}" in printed
