"""What runs, for administrators, and without a word of it."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pexpect
import pytest
from rich.console import Console

from colonnade.cli.status.screen import screen
from colonnade.cli.status.source import Source, Status, _clean
from tests.ops.conftest import ADMIN, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import RunningServer


def look(server: RunningServer) -> list[dict[str, Any]]:
    answer = httpx.get(server.root_url + "/slots", headers=ADMIN)
    assert answer.status_code == 200
    return answer.json()


@contextmanager
def running(server: RunningServer) -> Iterator[str]:
    """A long answer under way; yields its request's id."""
    body = {
        "messages": [{"role": "user", "content": "purple words"}],
        "max_tokens": 2000,
        "ignore_eos": True,
        "stream": True,
    }
    headers = {**USER, "x-request-id": "mine-1"}
    url = server.root_url + "/v1/chat/completions"
    with (
        httpx.Client(timeout=60) as client,
        client.stream("POST", url, json=body, headers=headers) as response,
    ):
        lines = response.iter_lines()
        for _ in range(10):
            next(lines)
        yield response.headers["x-request-id"]


def busy(server: RunningServer) -> dict[str, Any]:
    """The slot that works; a moment may pass before one does."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = [each for each in look(server) if each["is_processing"]]
        if found:
            return found[0]
    raise AssertionError(look(server))


def test_idle_slots(watched: RunningServer) -> None:
    deadline = time.monotonic() + 10
    while any(each["is_processing"] for each in look(watched)) and time.monotonic() < deadline:
        pass
    slots = look(watched)
    assert [each["id"] for each in slots] == [0, 1]
    assert all(each["state"] == "idle" and each["n_ctx"] > 100 for each in slots)


def test_a_slot_that_works(watched: RunningServer) -> None:
    with running(watched) as request_id:
        slot = busy(watched)
    assert slot["request_id"] == request_id == "mine-1"
    assert (slot["caller"], slot["door"], slot["model"]) == ("user", "openai", "colonnade-demo")
    assert slot["state"] == "decode"
    assert slot["n_prompt_tokens"] > 3
    assert slot["next_token"][0]["n_decoded"] > 0
    assert slot["tokens_per_second"] > 0
    text = json.dumps(slot)
    assert "purple" not in text
    assert "secret" not in text


def test_it_is_for_administrators(watched: RunningServer) -> None:
    assert httpx.get(watched.root_url + "/slots", headers=USER).status_code == 403
    assert httpx.get(watched.root_url + "/slots").status_code == 401


@pytest.mark.parametrize(("headers", "shown"), [({}, False), (USER, True), (ADMIN, True)])
def test_the_model_s_file_is_for_those_with_a_key(
    watched: RunningServer, headers: dict[str, str], shown: bool
) -> None:
    answer = httpx.get(watched.root_url + "/ready", headers=headers)
    assert answer.status_code == 200
    assert (answer.json()["model_path"] is not None) is shown


class TestStatus:
    def test_json(self, watched: RunningServer, colonnade: Any) -> None:
        with running(watched):
            busy(watched)
            key = {"COLONNADE_API_KEY": "operators-secret"}
            done = colonnade("status", watched.root_url, "--json", **key)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["models"] == ["colonnade-demo"]
        assert any(each["is_processing"] for each in found["slots"])
        assert found["metrics"]["num_requests_running"] == 1
        assert found["memory"]["worker"] > 1 << 20

    def test_ps(self, watched: RunningServer, colonnade: Any) -> None:
        with running(watched):
            busy(watched)
            key = {"COLONNADE_API_KEY": "operators-secret"}
            done = colonnade("ps", "--url", watched.root_url, "--json", **key)
            lines = colonnade("ps", "--url", watched.base_url, **key).stdout.splitlines()
        assert done.returncode == 0, done.stderr
        (found,) = json.loads(done.stdout)
        assert (found["model"], found["state"]) == ("colonnade-demo", "loaded")
        assert found["memory_bytes"] > 1 << 20
        assert (found["active"], found["waiting"]) == (1, 0)
        assert lines[0].split() == [
            *("MODEL", "STATE", "MEMORY", "CONTEXT", "ACTIVE", "WAITING", "UNLOADS", "IN")
        ]
        assert f"{found['context']:,} x {found['slots']}" in lines[1]

    def test_once(self, watched: RunningServer, colonnade: Any) -> None:
        done = colonnade("status", watched.root_url, "--once", "--api-key", "operators-secret")
        assert done.returncode == 0, done.stderr
        assert "colonnade-demo" in done.stdout
        assert "tokens/s" in done.stdout
        assert "\x1b" not in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "wants a key"),
            (("--api-key", "users-secret"), "administrators"),
            (("--api-key", "nonsense"), "wants a key"),
        ],
    )
    def test_without_the_right_key(
        self, watched: RunningServer, colonnade: Any, arguments: tuple[str, ...], said: str
    ) -> None:
        done = colonnade("status", watched.root_url, *arguments)
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1

    @pytest.mark.parametrize("url", ["127.0.0.1:1", "http://127.0.0.1:1/v1", "http://no.invalid"])
    def test_a_server_that_is_not_there(self, colonnade: Any, url: str) -> None:
        done = colonnade("status", url)
        assert done.returncode == 1
        assert "cannot be reached" in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_live(self, watched: RunningServer) -> None:
        command = ["-m", "colonnade", "status", watched.root_url, "--interval", "0.1"]
        env = {**os.environ, "COLONNADE_API_KEY": "operators-secret", "TERM": "xterm"}
        child = pexpect.spawn(sys.executable, command, env=env, timeout=30, dimensions=(40, 160))
        try:
            for _ in range(3):  # drawn again and again
                child.expect("colonnade-demo")
                child.expect("tokens/s")
            child.sendintr()
            child.expect(pexpect.EOF)
            child.wait()
            assert child.exitstatus == 130
        finally:
            child.close(force=True)

    def test_a_server_s_texts_cannot_steer_the_terminal(self) -> None:
        hostile = {"id": 0, "state": "\x1b[2Jdecode", "is_processing": True, "caller": "a\nb"}
        hostile |= {"n_prompt_tokens": "x", "next_token": [3], "tokens_per_second": None}
        slot = _clean(hostile)
        now = Status("0", True, [slot], {}, {}, {}, ["\\x1b"])
        source = Source("localhost:1", "")
        console = Console(file=io.StringIO(), width=200)
        console.print(screen(source, now, None))
        source.close()
        shown = console.file.getvalue()
        assert "\x1b" not in shown
        assert "a\\nb" in shown
