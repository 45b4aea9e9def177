"""Histograms count as Prometheus' do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as Reference

from colonnade.watch import Histogram

VALUES = st.lists(st.floats(0, 20) | st.sampled_from([0.1, 1.0, 10.0]))


@given(values=VALUES)
def test_as_prometheus_client_s(values: list[float]) -> None:
    reference = Reference("x", "x", buckets=(0.1, 1, 10), registry=CollectorRegistry())
    ours = Histogram((0.1, 1, 10))
    for value in values:
        reference.observe(value)
        ours.observe(value)
    samples = {
        sample.labels["le"]: sample.value
        for sample in reference.collect()[0].samples
        if sample.name == "x_bucket"
    }
    assert dict(ours.buckets()) == samples
    assert ours.count == len(values)
    assert ours.sum == sum(values)


@given(first=VALUES, second=VALUES)
def test_counts_from_elsewhere_are_added(first: list[float], second: list[float]) -> None:
    whole, other = Histogram((0.1, 1, 10)), Histogram((0.1, 1, 10))
    for value in first:
        whole.observe(value)
    for value in second:
        other.observe(value)
    whole.add(other.counts, other.sum)
    assert whole.count == len(first) + len(second)
