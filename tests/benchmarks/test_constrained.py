"""The benchmarks of constrained answers run, on a model too small to measure anything with."""

from benchmarks import constrained


def test_constrained_answers(random_model, capfd):
    flags = ["--threads", "1", "--slots", "2", "--rounds", "1", "--tokens", "8"]
    constrained.main([str(random_model("llama")), *flags])
    printed = capfd.readouterr().out
    for figure in ("JSON text against free text", "is compiled", "its answer of one token"):
        assert figure in printed
