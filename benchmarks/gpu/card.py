"""The card that figures are of."""

from __future__ import annotations

import shutil
import subprocess

NONE = "no GPU"


def describe() -> str:
    """Its name, memory and driver; of several, one after the other."""
    return _asked("name,memory.total,driver_version")


def memory_used() -> str:
    """Memory in use now: a model that is on the card shows here."""
    return _asked("memory.used")


def _asked(fields: str) -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return NONE
    command = [program, f"--query-gpu={fields}", "--format=csv,noheader"]
    asked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    if asked.returncode:
        return f"nvidia-smi: {(asked.stderr or asked.stdout).strip()}"
    return "; ".join(asked.stdout.split("\n")).strip("; ")
