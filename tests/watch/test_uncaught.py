"""Exceptions that nobody catches, and what other processes say: one line, without its words."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from colonnade.engine.process import _Quoting
from colonnade.messages import FromWorker, LogLine
from colonnade.worker.channel import ChannelHandler

if TYPE_CHECKING:
    from colonnade.worker.channel import Channel

WORDS = "zanzibar"

FAILURES = {
    "main": f"raise ValueError('{WORDS}\\n2026 ERROR forged')",
    "thread": "import threading\n"
    f"def fail(): raise ValueError('{WORDS}\\n2026 ERROR forged')\n"
    "thread = threading.Thread(target=fail); thread.start(); thread.join()",
    "destructor": "class Bad:\n"
    f"    def __del__(self): raise ValueError('{WORDS}')\n"
    "bad = Bad(); del bad",
    "warning": "import warnings; warnings.warn('a\\nb', stacklevel=1)",
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("kind", FAILURES)
def test_in_the_server_s_process(kind: str, form: str) -> None:
    begin = f"from colonnade.watch import configure_logs; configure_logs('debug', '{form}')\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + FAILURES[kind]], capture_output=True, text=True, check=False
    )
    (line,) = done.stderr.splitlines()
    assert WORDS not in line
    assert kind == "warning" or "ValueError at <string>" in line
    if form == "json":
        assert json.loads(line)["level"] in {"error", "warning"}


def test_a_worker_s_lines_are_messages() -> None:
    sent: list[FromWorker] = []

    class Ours:
        def send(self, message: FromWorker) -> None:
            sent.append(message)

    channel: Channel = Ours()  # type: ignore[assignment]
    logger = logging.getLogger("colonnade.worker.of_this_test")
    handler = ChannelHandler(channel)
    logger.addHandler(handler)
    try:
        raise ValueError(WORDS)
    except ValueError:
        logger.exception("request %d\nfailed", 7, extra={"request": 7})
    finally:
        logger.removeHandler(handler)
    (line,) = sent
    assert isinstance(line, LogLine)
    assert line.request == 7
    assert line.level == logging.ERROR
    assert line.text.startswith("request 7\\nfailed | ValueError at ")
    assert WORDS not in line.text


def test_of_a_panic_the_place_is_shown() -> None:
    said = [
        "llama_decode: a warning",
        "thread '<unnamed>' (123) panicked at src/lexer.rs:10:5:",
        f"byte index 3 is not a char boundary; it is inside 'x' of `{WORDS}",
        f"{WORDS}`",
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        "llama_decode: another one",
    ]
    quoting = _Quoting()
    shown = [line for line in said if not quoting.hides(line)]
    assert shown == [said[0], said[1], said[-1]]
