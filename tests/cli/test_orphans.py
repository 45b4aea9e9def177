"""A server that is killed takes its children along, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import machine
from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 20
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "integer"}}}


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"  # whoever inherited it has not looked yet


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[dict[str, int]]:
    """The processes of a server that has built a constraint, by what they are."""
    env = os.environ | {"TMPDIR": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    server = start_server("demo", "--threads", "1", "--slots", "1", env=env)
    with server.client() as http:
        body = {"messages": [{"role": "user", "content": "Hi"}], "response_format": FORM}
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    found = {"server": server.process.pid}
    for pid in machine.children(server.process.pid):
        module = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[3].decode()
        found[f"{module}"] = pid
    yield found
    for pid in found.values():
        if _lives(pid):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()


@pytest.mark.parametrize("stopped", [False, True])
def test_nothing_outlives_a_server_that_is_killed(
    pids: dict[str, int], stopped: bool, tmp_path: Path
) -> None:
    assert {"colonnade.worker", "colonnade.prompt.builder"} <= pids.keys()
    if stopped:  # they cannot notice that nobody is there
        for name, pid in pids.items():
            if name != "server":
                os.kill(pid, signal.SIGSTOP)
    os.kill(pids["server"], signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while alive := [name for name, pid in pids.items() if _lives(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and "data" not in path.parts]
    assert left == []
