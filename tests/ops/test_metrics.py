"""What /metrics says of requests that were made."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from tests.ops.conftest import ADMIN, USER, samples, total

if TYPE_CHECKING:
    from tests.running import RunningServer

CHAT = "/v1/chat/completions"


def ask(server: RunningServer, path: str = CHAT, **fields: Any) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5, **fields}
    return httpx.post(server.root_url + path, json=body, headers=USER, timeout=60)


def test_a_request_is_seen_by_door_route_and_model(watched: RunningServer) -> None:
    counted = (
        "colonnade_time_to_first_token_seconds_count",
        "colonnade_e2e_request_latency_seconds_count",
        "colonnade_request_queue_time_seconds_count",
        "colonnade_request_prefill_time_seconds_count",
        "colonnade_request_decode_time_seconds_count",
        "colonnade_request_generation_tokens_count",
    )
    before = {name: total(watched, name, door="openai") for name in counted}
    gaps = total(watched, "colonnade_inter_token_latency_seconds_count", door="openai")
    tokens = total(watched, "colonnade_generation_tokens_total")
    answer = ask(watched, ignore_eos=True)
    assert answer.status_code == 200
    for name in counted:
        assert total(watched, name, door="openai", model="colonnade-demo") == before[name] + 1
    assert total(watched, "colonnade_generation_tokens_total") == tokens + 5
    new = total(watched, "colonnade_inter_token_latency_seconds_count", door="openai") - gaps
    assert 1 <= new <= 4, "one for each further step that said something"
    assert (
        "colonnade_http_requests_total",
        (("code", "200"), ("door", "openai"), ("method", "POST"), ("route", CHAT)),
    ) in samples(watched)


def test_the_older_services_have_doors_of_their_own(watched: RunningServer) -> None:
    execute = {"input": "Hello", "max_tokens": 3}
    assert httpx.post(watched.root_url + "/v1/execute", json=execute, headers=USER).is_success
    assert total(watched, "colonnade_e2e_request_latency_seconds_count", door="gemma") >= 1


def test_no_client_makes_a_label(watched: RunningServer) -> None:
    def labels() -> set[Any]:
        return {key for key in samples(watched) if key[0] != "colonnade_http_requests_total"}

    def flood(number: int) -> None:
        httpx.get(f"{watched.root_url}/made/up/{number}", headers=USER)
        httpx.get(f"{watched.root_url}/v1/models/none-{number}", headers=USER)
        httpx.request(f"MADE{number}", watched.root_url + "/v1/models", headers=USER)
        ask(watched, model=f"none-{number}")

    flood(0)
    before, seen = labels(), len(samples(watched))
    for number in range(1, 8):
        flood(number)
    assert labels() == before
    assert len(samples(watched)) == seen


def test_429s_have_a_cause(watched: RunningServer) -> None:
    url = watched.root_url + CHAT
    long = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 300, "stream": True}
    long["ignore_eos"] = True
    opened = []
    try:
        with httpx.Client(headers=USER, timeout=60) as client:
            for _ in range(12):
                response = client.send(client.build_request("POST", url, json=long), stream=True)
                opened.append(response)
                if response.status_code == 429:
                    break
            assert opened[-1].status_code == 429
            assert total(watched, "colonnade_too_many_requests_total", cause="queue_full") >= 1
            assert total(watched, "colonnade_num_requests_running") >= 1
            assert total(watched, "colonnade_kv_cache_usage_perc") > 0
    finally:
        for response in opened:
            response.close()


def test_what_never_becomes_a_request_is_counted_by_its_status(watched: RunningServer) -> None:
    before = total(watched, "colonnade_http_requests_total", code="431")
    address = urlsplit(watched.root_url)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 200_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")
    assert total(watched, "colonnade_http_requests_total", code="431") == before + 1


def test_steps_and_their_parts(watched: RunningServer) -> None:
    ask(watched)
    steps = total(watched, "colonnade_step_seconds_count")
    assert steps >= 5
    assert total(watched, "colonnade_iteration_tokens_total_count") == steps
    spent = total(watched, "colonnade_step_part_seconds_total")
    assert spent > total(watched, "colonnade_step_part_seconds_total", part="decode") > 0


def test_memory_of_both_processes(watched: RunningServer) -> None:
    for process in ("server", "worker"):
        rss = total(watched, "colonnade_memory_bytes", process=process, kind="rss")
        assert rss > 10 << 20
        assert 0 < total(watched, "colonnade_memory_bytes", process=process, kind="pss") <= rss


def test_it_is_for_administrators(watched: RunningServer) -> None:
    url = watched.root_url + "/metrics"
    assert httpx.get(url, headers=ADMIN).status_code == 200
    assert httpx.get(url, headers=USER).status_code == 403
    assert httpx.get(url).status_code == 401


def worker_of(server: RunningServer) -> int:
    """The process id of a server's worker."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
            command = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == str(server.process.pid) and b"colonnade.worker" in command:
            return int(place.name)
    raise AssertionError(server.log)


def test_a_worker_that_dies_is_counted_and_its_sums_stay(watched: RunningServer) -> None:
    ask(watched)
    restarts = total(watched, "colonnade_worker_restarts_total")
    steps = total(watched, "colonnade_step_seconds_count")
    os.kill(worker_of(watched), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while total(watched, "colonnade_worker_restarts_total") == restarts:
        assert time.monotonic() < deadline
    assert ask(watched).status_code == 200
    assert total(watched, "colonnade_worker_restarts_total") == restarts + 1
    assert total(watched, "colonnade_ready") == 1
    assert total(watched, "colonnade_step_seconds_count") > steps
