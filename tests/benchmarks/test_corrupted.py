"""Damaged model files, a few of each kind."""

from __future__ import annotations

import random

import pytest

from benchmarks.corrupted import DEMO, KINDS, damage, places_of, rows_of


def test_each_is_refused_or_served_and_the_server_is_quick() -> None:
    account = damage(DEMO, len(KINDS), 3)
    assert account.unclear == []
    assert account.refused.total() >= 4
    assert account.served["bits of the weights"] == 1
    assert len(account.seconds) == len(KINDS)
    assert {row.name for row in rows_of(account) if row.met is False} <= {
        "/health meanwhile, 99 %"  # a time, on a machine that has other things to do
    }


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_damage_is_some(kind: str) -> None:
    sound = DEMO.read_bytes()
    places = places_of(sound)
    damaged = bytearray(sound)
    KINDS[kind](damaged, places, random.Random(1))
    assert damaged != sound
    again = bytearray(sound)
    KINDS[kind](again, places, random.Random(1))
    assert damaged == again


def test_the_places_are_those_of_the_file() -> None:
    places = places_of(DEMO.read_bytes())
    assert places.template is not None
    at, length = places.template
    assert b"{%" in DEMO.read_bytes()[at : at + length]
    assert len(places.counts) > 4096, "each token's text has a length"
    assert places.data < len(DEMO.read_bytes())
