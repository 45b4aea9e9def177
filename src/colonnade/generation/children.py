"""Child processes that compute on what strangers made, as their parent sees them.

What they hold themselves to stands in ``prompt/child.py``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from colonnade.messages import passed_on


def started(module: str, ends: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """A new process that runs a module of ours, its orders and outcomes at ``ends``: new pipes, or
    a socket's descriptor for both."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=ends,
        stdout=ends,
        start_new_session=True,  # a terminal's Ctrl-C is for the server process alone
        env=passed_on(os.environ),
    )


def end(process: subprocess.Popen[bytes]) -> int:
    """End a process, if it has not, and free what belongs to it. Returns how it ended: its code, or
    a signal below zero."""
    if process.poll() is None:
        process.kill()
    code = process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was not sent yet
                pipe.close()
    return code
