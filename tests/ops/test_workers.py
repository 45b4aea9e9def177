"""A model in two workers, as its server tells of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.ops.conftest import total
from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("data")
    running = start_server(
        "demo", "--threads", "1", "--slots", "2", "--workers", "2", "--ctx-size", "2048",
        env={**os.environ, "XDG_DATA_HOME": str(folder)},
    )  # fmt: skip
    yield running
    running.stop()


def test_slots_and_numbers_are_told_by_worker(pair: RunningServer) -> None:
    for number in range(4):
        body = {"messages": [{"role": "user", "content": f"{number} birds"}], "max_tokens": 3}
        answer = httpx.post(pair.root_url + "/v1/chat/completions", json=body, timeout=60)
        assert answer.status_code == 200
    slots = httpx.get(pair.root_url + "/slots").json()
    assert [(each["id"], each["engine"]) for each in slots] == [(0, 0), (1, 0), (2, 1), (3, 1)]
    asked = {engine: total(pair, "colonnade_answers_total", engine=engine) for engine in "01"}
    assert sum(asked.values()) == 4
    assert total(pair, "colonnade_slots") == 4
    for engine in "01":
        assert total(pair, "colonnade_memory_bytes", process="worker", engine=engine) > 0


def test_a_conversation_is_known_on_its_next_turn(pair: RunningServer) -> None:
    messages = [{"role": "user", "content": "Tell me of the sea. " * 30}]
    before = 0
    for turn in range(3):
        body = {"messages": messages, "max_tokens": 20}
        answer = httpx.post(pair.root_url + "/v1/chat/completions", json=body, timeout=60).json()
        usage = answer["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] >= 0.8 * before * bool(turn)
        before = usage["prompt_tokens"]
        said = {"role": "assistant", "content": answer["choices"][0]["message"]["content"]}
        messages += [said, {"role": "user", "content": "And more?"}]
