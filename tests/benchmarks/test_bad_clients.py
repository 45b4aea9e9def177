"""Others are served beside clients that read nothing and say nothing. How long they wait is for a
quiet machine to tell."""

from benchmarks import bad_clients


def test_others_are_served(capsys):
    bad_clients.main(["--clients", "30", "--seconds", "1"])
    told = capsys.readouterr().out
    assert "30 bad clients" in told
    assert "slowest /health" in told
