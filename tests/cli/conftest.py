"""Running the command line as users do: as a process, in a pipe or in a terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

COMMAND = (sys.executable, "-m", "colonnade")
GUARD_SECONDS = 60


@pytest.fixture
def environ(tmp_path):
    """An environment without settings, and with an empty cache of downloads."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("COLONNADE_")}
    return kept | {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "TERMINAL_WIDTH": "100",
        "NO_COLOR": "1",
    }


@pytest.fixture
def colonnade(environ, tmp_path):
    """Runs a command to its end, with pipes for input and output."""

    def run(*arguments, stdin="", errors="strict", **variables):
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            env=environ | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            errors=errors,
            timeout=GUARD_SECONDS,
            check=False,
        )

    return run


@pytest.fixture
def terminal(environ, tmp_path):
    """Starts a command in a terminal of its own."""
    children = []

    def spawn(*arguments):
        child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *map(str, arguments)],
            env=environ,
            cwd=str(tmp_path),
            encoding="utf-8",
            timeout=GUARD_SECONDS,
            dimensions=(40, 100),
        )
        children.append(child)
        return child

    yield spawn
    for child in children:
        child.close(force=True)


@pytest.fixture
def model(random_model, tmp_path):
    """A model of the test's own, by whose path its processes are known."""
    return Path(shutil.copy(random_model("llama"), tmp_path / "llama.gguf"))


@pytest.fixture
def gone():
    """Waits until no process has the text in its command line."""

    def wait(text):
        deadline = time.monotonic() + GUARD_SECONDS
        while found := _processes_with(str(text)):
            assert time.monotonic() < deadline, f"still running: {found}"
            time.sleep(0.02)

    return wait


def _processes_with(text):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command and path.parent.name != str(os.getpid()):
            found.append(command)
    return found


def end(child):
    """Waits for a terminal's command to end; its exit code and the rest of its output."""
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before
