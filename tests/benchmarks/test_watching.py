"""What watching costs is measured, and is little."""

from __future__ import annotations

import asyncio

from benchmarks.watching import counted_output, metered_step, microseconds


def test_it_costs_microseconds() -> None:
    assert microseconds(metered_step, 2000) < 500
    assert microseconds(asyncio.run(counted_output()), 2000) < 100
