"""The benchmark of grammars' memory runs, on a model too small to measure anything with."""

from benchmarks import grammar_memory


def test_memory_is_followed(random_model, capfd):
    flags = ["--threads", "1", "--slots", "2", "--requests", "12"]
    grammar_memory.main([str(random_model("llama")), *flags])
    printed = capfd.readouterr().out
    assert "worker" in printed
    assert "server" in printed
