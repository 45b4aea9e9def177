"""What the comparison with llama-server makes of its figures; it needs that program to run."""

from __future__ import annotations

import asyncio

from benchmarks import compare
from benchmarks.compare import MARKS, generating, rows, sharing
from benchmarks.http_client import Answer
from benchmarks.jobs import Setup
from benchmarks.processes import running_server


def test_ratios_are_held_against_their_marks() -> None:
    found = {
        "8 streams, tokens/s": [(120.0, 100.0), (100.0, 100.0), (130.0, 100.0)],
        "12 conversations, first token, ms": [(60.0, 100.0)],
        "not a mark": [(1.0, 1.0)],
    }
    table = {row.name: row for row in rows(found)}
    assert table.keys() == {"8 streams, tokens/s", "12 conversations, first token, ms"}
    assert table["8 streams, tokens/s"].met is True
    assert table["12 conversations, first token, ms"].met is False
    assert table["12 conversations, first token, ms"].mark == "<= 0.50"


def test_the_text_of_a_kept_stream() -> None:
    raw = [
        b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\r\n\r\n',
        b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\ndata: {"choi',
        b'ces":[{"delta":{"content":"lo"}}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n',
    ]
    assert Answer(0.0, raw=raw).text == "Hello"


def test_workloads_run_against_a_server(random_model, monkeypatch) -> None:
    monkeypatch.setattr(compare, "_SYSTEM_WORDS", 40)
    with running_server(Setup(str(random_model("llama")), 1, 4, 1024, 256)) as server:
        found = asyncio.run(generating(server.port)) | asyncio.run(sharing(server.port))
    assert found.keys() <= {mark.name for mark in MARKS}
    assert all(value > 0 for value in found.values())
