"""The benchmark of overload, in a small form."""

from __future__ import annotations

from argparse import Namespace

from benchmarks import overload


def test_what_is_too_much_is_refused_and_the_rest_served(random_model) -> None:
    options = Namespace(
        model=str(random_model("llama")),
        seconds=2.0,
        times=10.0,
        tokens=64,
        slots=2,
        queue=4,
        threads=1,
        ctx_size=128,
    )
    most, under = overload.run(options)
    assert not most.others
    assert not under.others
    assert under.rate > most.rate / 3, "bounds are generous: neighbours may take the cores"
    assert len(under.refused) > 2 * under.served
    assert sorted(under.refused)[len(under.refused) // 2] < 1.0
    assert 1 <= min(under.told) <= max(under.told) < 60
    assert len(overload.report(most, under, 10.0)) == 4
