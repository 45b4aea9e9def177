"""A server that is killed in the middle has kept what it said that it has."""

from benchmarks import session_kills


def test_nothing_acknowledged_is_lost(capsys):
    assert session_kills.main(["--kills", "1"]) == 0
    assert capsys.readouterr().out.startswith("1 kills: ")
