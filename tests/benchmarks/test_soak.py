"""The soak, for a few seconds: everything that it does gets its answer."""

from benchmarks import soak


def test_a_short_soak(capsys):
    soak.main(["--minutes", "0.15"])  # too short to say anything of memory
    out = capsys.readouterr().out
    assert "the worker is the first one: True" in out
    for act in ("stream", "schema", "tool", "session", "socket", "queued", "leave"):
        assert f"{act} " in out
