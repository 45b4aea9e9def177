"""A real browser, where there is one, and pages for it to open."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",  # whatever it opens is ours
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    # Nothing but this machine is there, and one name leads to it that is not its own.
    "--host-resolver-rules="
    "MAP rebind.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
PATIENCE = 60


def browser() -> str:
    """Chromium, or the test is skipped."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium")
    return found


def shown(url: str, profile: Path) -> tuple[str, str]:
    """What a page has become once its scripts have run, and what the browser complained of."""
    done = subprocess.run(
        [
            browser(), *_FLAGS, f"--user-data-dir={profile}", "--enable-logging=stderr",
            "--virtual-time-budget=15000", "--dump-dom", url,
        ],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(complaints)


class _Pages(http.server.BaseHTTPRequestHandler):
    """Serves files of a dictionary, and takes what a page reports."""

    files: Mapping[str, tuple[str, str]]
    reports: queue.Queue[Any]

    def do_GET(self) -> None:
        kind, text = self.files.get(self.path, ("text/plain", ""))
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.reports.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def site(files: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, queue.Queue[Any]]]:
    """A web site of its own: where it is, and what its pages report by ``POST``."""
    reports: queue.Queue[Any] = queue.Queue()
    handler = type("Pages", (_Pages,), {"files": files, "reports": reports})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", reports
        finally:
            server.shutdown()


def reported(url: str, reports: queue.Queue[Any], profile: Path) -> Any:
    """Open a page, and wait for what it reports."""
    command = [browser(), *_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url]
    quiet = subprocess.DEVNULL
    # A group of its own: Debian's program is a script, and the browser its child.
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True) as process:
        try:
            return reports.get(timeout=PATIENCE)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
