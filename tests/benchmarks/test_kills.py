"""A worker is killed under load, in a small form."""

from __future__ import annotations

from benchmarks.kills import kill_workers, rows_of


def test_whoever_asked_is_answered_or_told() -> None:
    account = kill_workers("demo", 2, 3, 1, "--threads", "1", "--ctx-size", "1024")
    assert account.kills == 2
    assert account.answers > 0
    assert account.unclear == []
    assert account.hung == 0
    assert {row.name for row in rows_of(account) if row.met is False} <= {
        "next request answered after that"  # a time, on a machine that has other things to do
    }
