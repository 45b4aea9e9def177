"""What the server knows and its child processes must not: keys, passwords, tokens."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import passed_on
from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")

KEY = "key-of-a-client-51fd02"
SECRETS = {
    "COLONNADE_API_KEY": f"{KEY},another-key-9c4411",
    "HF_TOKEN": "hf_tokenofthistest",
    "AWS_SECRET_ACCESS_KEY": "aws-secret-of-this-test",
    "DATABASE_URL": "postgresql://user:password-of-this-test@nowhere/db",
    "OPENAI_API_KEY": "sk-of-this-test",
}
KEPT = {"OMP_PROC_BIND": "false", "GGML_OF_THIS_TEST": "here"}
SCHEMA = {"name": "a", "schema": {"type": "integer"}}
ASK = {
    "messages": [{"role": "user", "content": "Hello!"}],
    "max_tokens": 4,
    "response_format": {"type": "json_schema", "json_schema": SCHEMA},
}


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    database = f"sqlite:///{tmp_path_factory.mktemp('secret-place')}/sessions.db"
    secrets = {**SECRETS, "COLONNADE_SESSION_DATABASE": database}
    server = start_server("demo", "--threads", "1", env={**os.environ, **secrets, **KEPT})
    headers = {"authorization": f"Bearer {KEY}"}
    asked = httpx.post(server.base_url + "/chat/completions", json=ASK, headers=headers, timeout=60)
    asked.raise_for_status()
    yield server
    server.stop()


def children(pid: int) -> list[int]:
    """The processes below a process."""
    below: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            below += [child, *children(child)]
    return below


@needs_proc
def test_no_child_has_a_secret_in_its_environment(secretive: RunningServer) -> None:
    found = children(secretive.process.pid)
    assert len(found) >= 2, "a worker, and what prepares schemas"
    for pid in found:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"colonnade" in command
        for name, secret in SECRETS.items():
            assert name.encode() not in environ
            assert secret.encode() not in environ + command
        assert b"COLONNADE_" not in environ
        for name, text in KEPT.items():
            assert f"{name}={text}".encode() in environ


@needs_proc
def test_the_key_of_a_client_is_nowhere_in_a_child(secretive: RunningServer) -> None:
    for pid in children(secretive.process.pid):
        try:
            seen = memory(pid)
        except PermissionError:
            pytest.skip("the system lets nobody look into another process")
        assert KEY.encode() not in seen
        assert b"GGML_OF_THIS_TEST" in seen, "what is there is found"


def memory(pid: int) -> bytes:
    """What a process has written to: everything but files and devices."""
    parts: list[bytes] = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as whole:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span = re.match(r"(\w+)-(\w+) rw-p \S+ \S+ \S+\s*(.*)$", line)
            if span is None or span[3].startswith("/dev"):
                continue
            begin, end = int(span[1], 16), int(span[2], 16)
            whole.seek(begin)
            try:
                parts.append(whole.read(min(end - begin, 1 << 26)))
            except OSError:  # a page that is not there
                continue
    return b"".join(parts)


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_names_that_nobody_knows_stay_behind(environ: dict[str, str]) -> None:
    ours = {f"COLONNADE_{name}": text for name, text in environ.items()}
    theirs = {f"HF_{name}": text for name, text in environ.items()}
    assert passed_on(ours | theirs) == {}
    assert passed_on({"CUDA_API_TOKEN": "x", "CUDA_VISIBLE_DEVICES": "0"}) == {
        "CUDA_VISIBLE_DEVICES": "0"
    }
