"""Routing, simulated: the same on every machine, so its figures can be held to."""

from __future__ import annotations

import pytest

from benchmarks.routing import WAYS, WORK, simulate


@pytest.mark.parametrize("work", WORK)
def test_less_is_read_and_less_waited_for_by_beginning(work: str) -> None:
    ours, *others = [simulate(WORK[work], way, range(2)) for way in WAYS.values()]
    assert ours.read < 0.8 * min(each.read for each in others)
    assert ours.mean < 0.9 * min(each.mean for each in others)
