"""The benchmarks run, on a model too small to measure anything with."""

import subprocess
import sys

import pytest

from benchmarks.speed import main
from benchmarks.step_work import LlamaTime
from benchmarks.tables import Row, percentile


def test_every_figure_is_printed(random_model, capfd):
    model = str(random_model("llama"))
    main(["--model", model, "--small-model", model, "--threads", "1", "--quick"])
    printed = capfd.readouterr().out
    for figure in (
        "1 stream, sampled",
        "8 streams, greedy",
        "resident memory",
        "worker process idle",
        "first token after a prompt of 64",
        "are read beside",
        "requests a second, 8 at a time",
        "Python's work a step, 8 streams, greedy, logprobs",
    ):
        assert figure in printed


def test_the_bare_loop_runs_by_itself(random_model):
    command = [sys.executable, "-m", "benchmarks.bare_loop", str(random_model("llama"))]
    sizes = ["--streams", "2", "--tokens", "4", "--ctx-size", "64", "--threads", "1"]
    done = subprocess.run([*command, *sizes], check=True, capture_output=True, timeout=60)
    assert b'"decode_rate":' in done.stdout


def test_calls_side_by_side_count_once():
    timer = LlamaTime()
    timer._spans = [(2.0, 3.0), (0.0, 1.0), (0.5, 1.5), (2.2, 2.4)]
    assert timer.take() == pytest.approx(2.5)
    assert timer.take() == 0


def test_a_ratio_is_the_median_of_the_pairs():
    row = Row.compared("speed", [9.0, 20.0, 10.0], [10.0, 10.0, 10.0], at_least=0.95)
    assert row.met
    assert row.ratio == "1.000 (0.900-2.000)"
    assert not Row.bounded("work", 0.31, "ms", at_most=0.3).met


def test_percentiles_are_values_that_occurred():
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
