"""The event loops and the slow reader are measured, in a small form."""

from __future__ import annotations

import re
from math import isfinite

from benchmarks.jobs import Setup
from benchmarks.transport import Amounts, loop_rows, reader_rows


def test_both_loops_are_measured(random_model) -> None:
    setup = Setup(str(random_model("llama")), 1, 4, 256, 64)
    rows = loop_rows(setup, Amounts(seconds=0.2, tokens=4), rounds=1)
    assert len(rows) == 3
    for row in rows:
        assert all(isfinite(float(text)) and float(text) > 0 for text in (row.ours, row.other))


def test_a_slow_reader_is_measured(random_model) -> None:
    setup = Setup(str(random_model("llama")), 1, 2, 256, 64)
    rows = {row.name: row for row in reader_rows(setup, 40, rounds=1)}
    assert float(rows["writes"].ours) > 1
    assert float(rows["events a write, mean"].other) >= 0.5
    assert all(
        re.fullmatch(r"[\d.-]+", cell) for row in rows.values() for cell in (row.ours, row.other)
    )
