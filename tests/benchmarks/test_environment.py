"""Every program under measurement has the environment of its own user, and nothing of ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.environment import own_environment
from benchmarks.jobs import Setup
from benchmarks.processes import (
    child,
    llama_server_flags,
    model_flags,
    output_of,
    running_bare,
    running_server,
)

OURS = {
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "7",
    "KMP_BLOCKTIME": "7",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "COLONNADE_SLOTS": "3",
    "LLAMA_ARG_CTX_SIZE": "64",
    "GGML_NO_BACKTRACE": "1",
}


def environment_of(pid: int) -> dict[str, str]:
    """The variables that a process was started with."""
    text = Path(f"/proc/{pid}/environ").read_bytes()
    pairs = [each.split(b"=", 1) for each in text.split(b"\0") if each]
    return {name.decode(): value.decode() for name, value in pairs}


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OURS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("ours")
def test_what_steers_servers_or_threads_is_left_out() -> None:
    found = own_environment()
    assert found.keys().isdisjoint(OURS)
    assert found["PATH"] == os.environ["PATH"]


@pytest.mark.usefixtures("ours")
def test_a_peer_gets_its_users_environment() -> None:
    with child([sys.executable, "-c", "print(flush=True); input()"]) as process:
        output_of(process).readline()
        found = environment_of(process.pid)
        process.communicate("\n")
    assert found.keys().isdisjoint(OURS)
    assert found == own_environment()


@pytest.mark.usefixtures("ours")
def test_our_server_gets_its_users_environment_and_its_worker_what_the_server_gives_it(
    random_model,
) -> None:
    with running_server(Setup(str(random_model("llama")), 1, 2, 128)) as server:
        assert environment_of(server.pid).keys().isdisjoint(OURS)
        assert server.worker_pid in machine.children(server.pid)
        worker = environment_of(server.worker_pid)
    assert worker["OMP_WAIT_POLICY"] == "passive"
    assert int(worker["GOMP_SPINCOUNT"]) > 100
    assert "COLONNADE_SLOTS" not in worker


@pytest.mark.usefixtures("ours")
def test_the_bare_loop_waits_in_the_way_that_it_is_told(random_model) -> None:
    setup = Setup(str(random_model("llama")), 1, 2, 128)
    with running_bare(setup, {"GOMP_SPINCOUNT": "1000"}) as bare:
        found = environment_of(bare.pid)
    assert found == own_environment() | {"GOMP_SPINCOUNT": "1000"}


def test_command_lines_say_file_threads_slots_and_context_alone() -> None:
    setup = Setup("some.gguf", 2, 8, 4096)
    ours = "some.gguf --threads 2 --slots 8 --ctx-size 4096"
    assert model_flags(setup) == ours.split()
    theirs = "--model some.gguf --threads 2 --parallel 8 --ctx-size 32768"
    assert llama_server_flags(setup) == theirs.split()
