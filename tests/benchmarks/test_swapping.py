"""The benchmark of swapping, in a small form."""

from __future__ import annotations

from benchmarks import swapping


def test_only_what_is_new_is_read_where_states_are_kept(random_model, capsys) -> None:
    wishes = ["--conversations", "3", "--tokens", "100", "--ctx-size", "256", "--threads", "1"]
    swapping.main([str(random_model("llama")), *wishes])
    printed = capsys.readouterr().out
    assert "\nkept: 21 tokens read" in printed
    assert "\nnot kept: 128 tokens read" in printed
