"""The two sides as child processes: the server, and the bare loop."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import msgspec

from benchmarks import machine
from benchmarks.environment import own_environment
from benchmarks.jobs import BATCH_SIZE, Job, Run, Setup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_WAITS: tuple[dict[str, str], ...] = (
    {},  # OpenMP's own default
    {"GOMP_SPINCOUNT": "1000"},
    {"OMP_WAIT_POLICY": "passive"},
)
"""What the bare loop's threads may do while they wait for each other."""

_TRIAL = Job(streams=1, tokens=24, prompt_tokens=8, greedy=True)
_TRIALS = 3

_LAST_WORDS = 4000
"""Characters of stderr that are shown."""

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


def llama_server_flags(setup: Setup) -> list[str]:
    """llama-server's. Its ``--ctx-size`` is of all slots together."""
    sizes = {
        "--threads": setup.threads,
        "--parallel": setup.slots,
        "--ctx-size": setup.ctx_size * setup.slots,
    }
    return ["--model", setup.model, *_on_command_line(sizes)]


def llama_cpp_python_flags(setup: Setup) -> list[str]:
    """llama-cpp-python's, with what its defaults would cost it off."""
    sizes = {
        "--n_threads": setup.threads,
        "--n_threads_batch": setup.threads,
        "--n_ctx": setup.ctx_size,
    }
    flags = ["--logits_all", "false", "--interrupt_requests", "false"]
    return ["--model", setup.model, *_on_command_line(sizes), *flags]


@contextmanager
def running_server(
    setup: Setup, *flags: str, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """``colonnade serve`` until the block ends, with ``environment`` beside its user's own."""
    command = [sys.executable, "-m", "colonnade", "serve", *model_flags(setup), *flags]
    with child([*command, "--port", "0"], environment) as process:
        yield Server(process, port_in(output_of(process)))


@contextmanager
def running_without_model(models_dir: str, *flags: str) -> Iterator[Server]:
    """``colonnade serve none``, for what loads and unloads models itself."""
    command = [sys.executable, "-m", "colonnade", "serve", "none", "--port", "0", *flags]
    command += ["--models-dir", models_dir]
    with child(command) as process:
        yield Server(process, port_in(output_of(process)))


@contextmanager
def running_llama_server(binary: str, setup: Setup, *flags: str) -> Iterator[Server]:
    """llama.cpp's own server with the same sizes, until the block ends."""
    port = _free_port()
    command = [
        binary,
        *llama_server_flags(setup),
        *flags,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with child(command, output=subprocess.DEVNULL) as process:
        _wait_for(process, port, "/health")
        yield Server(process, port)


@contextmanager
def running_embeddings(model: str, threads: int, *flags: str) -> Iterator[Server]:
    """``colonnade serve`` on a file of embeddings, whose sizes are left to it."""
    command = [sys.executable, "-m", "colonnade", "serve", model, "--threads", str(threads)]
    with child([*command, *flags, "--any-model-name", "--port", "0"]) as process:
        yield Server(process, port_in(output_of(process)))


@contextmanager
def running_llama_server_embeddings(binary: str, model: str, threads: int) -> Iterator[Server]:
    """llama.cpp's own server on a file of embeddings, whose sizes are left to it."""
    port = _free_port()
    command = [binary, "--embedding", "--model", model, "--threads", str(threads)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with child(command, output=subprocess.DEVNULL) as process:
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
    command = [python, "-m", "llama_cpp.server", *llama_cpp_python_flags(setup)]
    command += ["--verbose", "false"]
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
def running_bare(setup: Setup, environment: dict[str, str] | None = None) -> Iterator[Bare]:
    """``benchmarks.bare_loop`` until the block ends, under its best wait unless one is given."""
    if environment is None:
        environment = best_wait(setup)
    command = [sys.executable, "-m", "benchmarks.bare_loop", *model_flags(setup), "--jobs"]
    with child(command, environment) as process:
        if output_of(process).readline() != "ready\n":
            msg = "the bare loop could not load the model"
            raise RuntimeError(msg)
        yield Bare(process)


def best_wait(setup: Setup) -> dict[str, str]:
    """The way of waiting under which the bare loop answers one stream fastest here."""
    found = {}
    for environment in _WAITS:
        with running_bare(setup, environment) as bare:
            bare.run(_TRIAL)  # the file comes from the disk once
            rates = [bare.run(_TRIAL).decode_rate for _ in range(_TRIALS)]
            found[max(rates)] = environment
    return found[max(found)]


def run_benchmark(module: str, setup: Setup, *arguments: str) -> None:
    """Run a benchmark in a process of its own, printing where this one prints."""
    command = [sys.executable, "-m", module, *model_flags(setup), *arguments]
    subprocess.run(command, check=True, env=own_environment())


@contextmanager
def child(
    command: list[str], environment: dict[str, str] | None = None, output: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """A process until the block ends, in the environment that its own user would give it.

    What it writes to stderr is shown where the block fails.
    """
    with (
        TemporaryFile("w+", encoding="utf-8", errors="replace") as words,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=words,
            text=True,
            encoding="utf-8",
            env=own_environment() | (environment or {}),
        ) as process,
    ):
        try:
            yield process
        except BaseException:
            words.seek(0)
            sys.stderr.write(words.read()[-_LAST_WORDS:])
            raise
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
    """Model and sizes, as the server and the benchmarks here are told them."""
    sizes = {"--threads": setup.threads, "--slots": setup.slots, "--ctx-size": setup.ctx_size}
    if setup.batch_size != BATCH_SIZE:
        sizes["--batch-size"] = setup.batch_size
    return [setup.model, *_on_command_line(sizes)]


def _on_command_line(sizes: dict[str, int]) -> list[str]:
    return [text for pair in sizes.items() for text in map(str, pair)]
