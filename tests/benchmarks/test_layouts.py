"""The layouts are measured, on a model too small to learn anything from."""

from __future__ import annotations

import io
from math import isfinite

from benchmarks.layouts import Layout, Workload, layouts, measure, print_all

_SMALL = Workload(8, 12, decoding=(1, 8), at_once=(2,), pieces=(4,), steps=1)


def test_every_layout_has_every_figure(random_model, monkeypatch) -> None:
    # one thread: two that wait for each other on a busy machine take a minute
    monkeypatch.setattr("benchmarks.layouts.physical_cores", lambda: 1)
    chosen = layouts(cores=1)
    found = measure(random_model("llama"), chosen, _SMALL, ctx_size=256, rounds=1)
    assert len(found) == len(chosen)
    for figures in found:
        assert figures.keys() == found[0].keys()
        assert len(figures) == 5
        assert all(isfinite(value) and value > 0 for [value] in figures.values())


def test_layouts_are_shown_beside_the_servers_own() -> None:
    chosen = layouts(cores=4)
    found = [{"decode, ms": [2.0 if layout == Layout(layout.group) else 3.0]} for layout in chosen]
    printed = io.StringIO()
    print_all(chosen, found, printed)
    for text in ("KV cache", "unified", "flash attention", "threads", "1.50", "1 for more"):
        assert text in printed.getvalue()


def test_each_layout_differs_from_the_servers_own() -> None:
    found = layouts(cores=3)
    groups = len({layout.group for layout in found})
    assert len({layout[2:] for layout in found}) == len(found) - groups + 1
