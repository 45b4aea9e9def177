"""A real server for tests: ``python -m colonnade serve`` as a child process, on loopback."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass
class RunningServer:
    """A server that listens. ``base_url`` ends in /v1."""

    process: subprocess.Popen[str]
    root_url: str
    log: list[str] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)
    """The URLs of the older services' own ports, by their titles."""

    @property
    def base_url(self) -> str:
        return f"{self.root_url}/v1"

    def client(self, **options: object) -> httpx.Client:
        """An HTTP client for the server's root."""
        return httpx.Client(base_url=self.root_url, timeout=60, **options)  # type: ignore[arg-type]

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()


def start_server(*arguments: str, env: dict[str, str] | None = None) -> RunningServer:
    """Start a server on a free port and wait until it listens."""
    command = [sys.executable, "-m", "colonnade", "serve", *arguments, "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    found = threading.Event()
    server = RunningServer(process, "")

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            server.log.append(line)
            if match := re.search(r"Listening on\W+(http://\S+)", line):
                server.root_url = match[1].rstrip("/")
            elif match := re.match(r"(\w[\w ]+?) {2,}(http://\S+)$", line.rstrip()):
                server.services[match[1]] = match[2]
            elif line.startswith("Ctrl-C stops"):
                found.set()
        process.stdout.close()
        found.set()  # it ended without listening

    threading.Thread(target=listen, daemon=True).start()
    found.wait(START_SECONDS)
    if not server.root_url:
        process.kill()
        process.wait()
        raise AssertionError(_failed(command, server.log))
    return server


def _failed(command: Sequence[str], log: list[str]) -> str:
    return f"no server from {' '.join(command)}:\n{''.join(log)}"
