"""Memory against a bare context of the same size, and CPU time of an idle server.

python -m benchmarks.footprint MODEL.gguf
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import uvloop

from benchmarks import machine
from benchmarks.jobs import Job, add_setup, setup_of
from benchmarks.processes import running_bare, running_server
from benchmarks.tables import Row, print_rows
from benchmarks.throughput import serve_job

if TYPE_CHECKING:
    from benchmarks.processes import Bare, Server

IDLE_SECONDS = 5.0
_FACTOR, _MORE_MIB = 1.1, 150
_SETTLE = 1.0
_IDLE_SHARE = 0.5
"""Percent of a core below which a process counts as idle: it rounds to 0."""
_JOB = Job(streams=8, tokens=4, prompt_tokens=64)


def idle_rows(server: Server, seconds: float = IDLE_SECONDS) -> list[Row]:
    """CPU time that the two processes take while nobody asks for anything."""
    time.sleep(_SETTLE)
    before = [machine.cpu_ticks(pid) for pid in server.pids]
    time.sleep(seconds)
    after = [machine.cpu_ticks(pid) for pid in server.pids]
    rows = []
    for name, old, new in zip(("server", "worker"), before, after, strict=True):
        share = 100 * (new - old) / machine.ticks_per_second() / seconds
        note = f"{new - old} ticks of 1/{machine.ticks_per_second()} s in {seconds:.0f} s"
        rows.append(Row.bounded(f"{name} process idle", share, "%", at_most=_IDLE_SHARE, note=note))
    return rows


def memory_rows(server: Server, bare: Bare) -> list[Row]:
    """Memory of the worker and of the bare loop, both after the same job."""
    ours, other = machine.memory(server.worker_pid), machine.memory(bare.pid)
    bound = other.resident * _FACTOR + _MORE_MIB
    resident = Row(
        "worker: resident memory",
        f"{ours.resident:.0f} MiB",
        f"{other.resident:.0f} MiB",
        f"{ours.resident / other.resident:.2f}",
        f"<= {bound:.0f} MiB",
        ours.resident <= bound,
        f"mark: {_FACTOR} x bare + {_MORE_MIB} MiB",
    )
    anonymous = Row(
        "worker: of this its own, without the mapped file",
        f"{ours.anonymous:.0f} MiB",
        f"{other.anonymous:.0f} MiB",
        f"{ours.anonymous / other.anonymous:.2f}",
    )
    http = machine.memory(server.pid)
    return [resident, anonymous, Row.bounded("server process: resident", http.resident, "MiB")]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint")
    add_setup(parser)
    options = parser.parse_args()
    setup = setup_of(options)
    with running_server(setup) as server, running_bare(setup) as bare:
        uvloop.run(serve_job(server, _JOB))
        bare.run(_JOB)
        print_rows([*memory_rows(server, bare), *idle_rows(server)], sys.stdout)


if __name__ == "__main__":
    main()
