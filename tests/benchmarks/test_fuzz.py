"""The fuzzing, for a few seconds."""

from benchmarks import fuzz


def test_a_short_fuzz(capsys):
    assert fuzz.main(["--bodies", "60", "--frames", "20"]) == 0
    assert "alive: True" in capsys.readouterr().out
