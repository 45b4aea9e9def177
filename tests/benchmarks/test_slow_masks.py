"""The benchmark of slow masks runs, on a model too small to measure anything with."""

from benchmarks import slow_masks


def test_streams_beside_slow_masks(random_model, capfd):
    flags = ["--threads", "1", "--rounds", "1", "--tokens", "60"]
    slow_masks.main([str(random_model("llama")), *flags])
    printed = capfd.readouterr().out
    assert "beside the pattern" in printed
    assert "of the answer itself" in printed
