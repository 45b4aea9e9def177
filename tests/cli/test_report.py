"""Numbers as people read them."""

from __future__ import annotations

import pytest

from colonnade.cli.report import aligned, count, size


@pytest.mark.parametrize(
    ("number", "text"),
    [(7, "7"), (980_000, "980 K"), (1_640_000, "1.64 M"), (7_241_732_096, "7.24 B")],
)
def test_count(number, text):
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12 bytes"), (2048, "2.00 KiB"), (397_000_000, "379 MiB"), (4_692_251_770, "4.37 GiB")],
)
def test_size(number, text):
    assert size(number) == text


def test_aligned():
    assert aligned([("A", "1"), ("Long", "2")]) == ["A     1", "Long  2"]
