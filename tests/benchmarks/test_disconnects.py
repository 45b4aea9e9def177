"""Clients that go away leave nothing behind."""

from benchmarks import disconnects


def test_nothing_is_left(capsys):
    code = disconnects.main(["--clients", "45", "--at-once", "15"])
    told = capsys.readouterr().out
    assert told.startswith("45 clients: ")
    assert "requests=0.0" in told.splitlines()[-1]
    assert code == 0, told
