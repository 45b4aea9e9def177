"""Help is complete, and there at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from colonnade import __version__
from colonnade.settings import DECLARED

HEAVY = ("litestar", "uvicorn", "uvloop", "huggingface_hub", "httpx2", "jinja2", "numpy")


def test_version(colonnade):
    assert colonnade("--version").stdout == f"colonnade {__version__}\n"


@pytest.mark.parametrize(
    "command",
    ["", "serve", "chat", "check", "status", "models", "pull", "list", "show", "rm", "ps"],
)
def test_help(colonnade, command):
    done = colonnade(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage: colonnade" in done.stdout
    assert done.stderr == ""


def test_serve_lists_every_setting(colonnade):
    text = " ".join(colonnade("serve", "--help", TERMINAL_WIDTH="200").stdout.split())
    for setting in DECLARED:
        assert setting.flag in text
        assert setting.heading in text


def test_serve_has_every_setting():
    from colonnade.cli.commands import serve

    params = {param.name for param in serve.params}
    assert {setting.name for setting in DECLARED} <= params


def test_nothing_heavy_is_imported_for_help():
    code = "import sys; from colonnade.cli import main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & {name.partition(".")[0] for name in done.stdout.split()}
