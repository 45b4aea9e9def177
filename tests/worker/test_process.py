"""What the worker process puts together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from colonnade.messages import LoadModel
from colonnade.worker import process

CHANNEL = SimpleNamespace(send=lambda _: None)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A library that can be told how its threads wait."""
    found = SimpleNamespace(spin=lambda: None, sleep=lambda: None)
    monkeypatch.setattr(process, "openmp_waits", lambda _: found)
    return found


@pytest.mark.parametrize(
    ("quota", "dearer"), [(None, 1.0), (8.0, 1.0), (4.0, 1.0), (2.0, 2.0), (0.5, 8.0)]
)
@pytest.mark.usefixtures("waits")
def test_under_a_quota_spinning_counts_for_dearer(monkeypatch, quota, dearer) -> None:
    monkeypatch.setattr(process, "cpu_quota", lambda: quota)
    spinning = process._spinning(LoadModel("", threads=4, choose_wait=True), CHANNEL)
    assert spinning is not None
    assert spinning._dearer == dearer


@pytest.mark.usefixtures("waits")
def test_nothing_is_tried_where_it_is_not_ours_to_choose() -> None:
    assert process._spinning(LoadModel("", threads=4), CHANNEL) is None


def test_nothing_is_tried_where_nothing_can_be_told(monkeypatch) -> None:
    monkeypatch.setattr(process, "openmp_waits", lambda _: None)
    assert process._spinning(LoadModel("", threads=4, choose_wait=True), CHANNEL) is None
