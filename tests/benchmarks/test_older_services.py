"""The benchmark runs; what it measures is not judged here."""

from benchmarks.older_services import main


def test_every_figure_is_printed(random_model, capfd):
    main([str(random_model("llama")), "--requests", "20", "--threads", "1"])
    printed = capfd.readouterr().out
    for figure in ("after /unload", "first event, p99", "20 requests", "idle connections"):
        assert figure in printed
