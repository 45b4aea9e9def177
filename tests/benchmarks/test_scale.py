"""What is to grow with load is measured, in a small form."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING

from benchmarks.scale import SHAPES, WORKS, prefix_rows, scheduler_rows, state_rows

if TYPE_CHECKING:
    from benchmarks.tables import Row


def figures(row: Row) -> list[float]:
    """The numbers of a row's first two columns."""
    return [float(text) for cell in (row.ours, row.other) for text in re.findall(r"[\d.]+", cell)]


def test_steps_with_a_queue() -> None:
    rows = scheduler_rows(queues=(0, 3), clients=(1, 2), steps=4)
    assert len(rows) == len(WORKS) * 4
    for row in rows:
        assert len(figures(row)) == 2
        assert all(map(isfinite, [*figures(row), float(row.ratio)]))


def test_searches_among_prefixes() -> None:
    rows = prefix_rows(stored=(3, 10), searches=3)
    assert len(rows) == len(SHAPES) * 6
    assert all(map(isfinite, (value for row in rows for value in figures(row))))


def test_states_of_a_slot(random_model) -> None:
    rows = state_rows(random_model("llama"), (16, 40), rounds=2, threads=1)
    assert [row.name for row in rows] == [
        "state of 16 tokens: save",
        "state of 16 tokens: restore",
        "state of 40 tokens: save",
        "state of 40 tokens: restore",
    ]
    assert all(map(isfinite, (value for row in rows for value in figures(row))))
    assert " bytes, " in rows[0].note
