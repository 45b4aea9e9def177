"""A stand-in for the hub, and a short patience with it."""

from __future__ import annotations

import pytest

from tests.hub import stand_in as hubs


@pytest.fixture
def stand_in():
    """A running stand-in hub without repositories."""
    with hubs.running() as hub:
        yield hub


@pytest.fixture
def gone():
    """The address of a hub that is down."""
    return hubs.unused_endpoint()


@pytest.fixture
def no_pauses(monkeypatch):
    """Downloads that break off go on at once."""
    monkeypatch.setattr("colonnade.hub.transfer._PAUSES_S", (0.0,) * 5)
