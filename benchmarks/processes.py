"""The two sides as child processes: the server, and the bare loop."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from benchmarks import machine
from benchmarks.jobs import Job, Run, Setup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_AS_SERVER = {"OMP_WAIT_POLICY": "passive"}
"""As the server sets it for its workers, so that the bare loop's threads wait in the same way."""

_STOP_SECONDS = 20
_START_SECONDS = 120


class Server:
    """A server that listens on loopback."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.port = port
        self.pid = process.pid
        self.worker_pid = next(iter(machine.children(process.pid)), process.pid)

    @property
    def pids(self) -> tuple[int, int]:
        """The HTTP process and the worker."""
        return self.pid, self.worker_pid


@contextmanager
def running_server(setup: Setup, *flags: str) -> Iterator[Server]:
    """``colonnade serve`` until the block ends."""
    command = [sys.executable, "-m", "colonnade", "serve", *model_flags(setup), *flags]
    command += ["--port", "0", "--log-level", "warning"]
    with child(command) as process:
        yield Server(process, port_in(output_of(process)))


@contextmanager
def running_without_model(models_dir: str, *flags: str) -> Iterator[Server]:
    """``colonnade serve none``, for what loads and unloads models itself."""
    command = [sys.executable, "-m", "colonnade", "serve", "none", "--port", "0", *flags]
    command += ["--models-dir", models_dir, "--log-level", "warning"]
    with child(command) as process:
        yield Server(process, port_in(output_of(process)))


@contextmanager
def running_llama_server(binary: str, setup: Setup) -> Iterator[Server]:
    """llama.cpp's own server with the same sizes, until the block ends."""
    port = _free_port()
    command = [binary, "--model", setup.model, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--threads", str(setup.threads), "--parallel", str(setup.slots)]
    command += ["--ctx-size", str(setup.ctx_size * setup.slots)]
    command += ["--batch-size", str(setup.batch_size), "--log-disable"]
    with child(command) as process:
        _wait_for(process, port, "/health")
        yield Server(process, port)


@contextmanager
def running_llama_cpp_python(python: str, setup: Setup) -> Iterator[Server]:
    """llama-cpp-python's own server, until the block ends.

    It answers one request at a time, so its context is that of one sequence. What its defaults
    would cost it is off: a copy of every prompt token's logits, and breaking off a stream when
    another request comes. ``HOST`` and ``PORT`` in the environment go before its flags.
    """
    port = _free_port()
    command = [python, "-m", "llama_cpp.server", "--model", setup.model, "--verbose", "false"]
    command += ["--n_threads", str(setup.threads), "--n_threads_batch", str(setup.threads)]
    command += ["--n_ctx", str(setup.ctx_size), "--n_batch", str(setup.batch_size)]
    command += ["--logits_all", "false", "--interrupt_requests", "false"]
    # it prints a line for each request, and nobody would read them from a pipe
    environment = {"HOST": "127.0.0.1", "PORT": str(port)}
    with child(command, environment, output=subprocess.DEVNULL) as process:
        _wait_for(process, port, "/v1/models")
        yield Server(process, port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(process: subprocess.Popen[str], port: int, path: str) -> None:
    """Ask until the model is loaded."""
    for _ in range(_START_SECONDS * 10):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    msg = f"no answer at {path}: the other server did not start"
    raise RuntimeError(msg)


class Bare:
    """The bare loop, waiting for jobs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def run(self, job: Job) -> Run:
        """Run one job to its end."""
        assert self._process.stdin is not None  # noqa: S101 - made with a pipe
        self._process.stdin.write(msgspec.json.encode(job).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(output_of(self._process).readline(), type=Run)


@contextmanager
def running_bare(setup: Setup) -> Iterator[Bare]:
    """``benchmarks.bare_loop`` until the block ends."""
    command = [sys.executable, "-m", "benchmarks.bare_loop", *model_flags(setup), "--jobs"]
    with child(command) as process:
        if output_of(process).readline() != "ready\n":
            msg = "the bare loop could not load the model"
            raise RuntimeError(msg)
        yield Bare(process)


def run_benchmark(module: str, setup: Setup, *arguments: str) -> None:
    """Run a benchmark in a process of its own, printing where this one prints."""
    command = [sys.executable, "-m", module, *model_flags(setup), *arguments]
    subprocess.run(command, check=True, env=_AS_SERVER | os.environ)


@contextmanager
def child(
    command: list[str], environment: dict[str, str] | None = None, output: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """A process until the block ends, with the environment that the server gives its workers."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output,
        text=True,
        encoding="utf-8",
        env=_AS_SERVER | os.environ | (environment or {}),
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def output_of(process: subprocess.Popen[str]) -> IO[str]:
    """What a process prints, which was started with a pipe for it."""
    assert process.stdout is not None  # noqa: S101 - made with a pipe
    return process.stdout


def port_in(output: IO[str]) -> int:
    """The port that the server says it listens on, once it does."""
    log = ""
    for line in output:
        log += line
        if found := re.search(r"Listening on\s+http://[\d.]+:(\d+)", line):
            return int(found[1])
    msg = f"the server did not start:\n{log}"
    raise RuntimeError(msg)


def model_flags(setup: Setup) -> list[str]:
    """Model and sizes on a command line."""
    sizes = {
        "--threads": setup.threads,
        "--slots": setup.slots,
        "--ctx-size": setup.ctx_size,
        "--batch-size": setup.batch_size,
    }
    return [setup.model, *(text for pair in sizes.items() for text in map(str, pair))]
