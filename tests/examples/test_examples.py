"""Every example runs as it is, against a real server on the embedded model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(server, monkeypatch):
    """Runs an example to its end; its output."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)

    def run(name):
        path = EXAMPLES / name
        command = [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=100, check=False, env=os.environ
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


def test_no_example_is_left_out():
    tested = {name for name in globals() if name.startswith("test_")}
    for path in EXAMPLES.iterdir():
        assert path.suffix in {".py", ".sh"}, path
        assert f"test_{path.stem}" in tested, path


def test_openai_chat(run):
    answer, facts = run("openai_chat.py").rstrip().rsplit("\n", 1)
    assert answer.strip()
    assert re.fullmatch(r"colonnade-demo: \d+ tokens read, \d+ written", facts)


def test_openai_streaming(run):
    answer, facts = run("openai_streaming.py").rstrip().rsplit("\n", 1)
    assert answer.strip()
    assert re.fullmatch(r"\d+ tokens", facts)


def test_openai_async(run):
    output = run("openai_async.py")
    for question in ("the capital of Italy?", "colour is the sky?", "has a spider?"):
        assert question in output


def test_langchain_chat(run):
    assert len(run("langchain_chat.py").strip().splitlines()) >= 2


def test_curl(run):
    models, completion, *events = run("curl.sh").strip().splitlines()
    assert json.loads(models)["data"][0]["id"] == "colonnade-demo"
    assert json.loads(completion)["choices"][0]["message"]["content"].strip()
    events = [event for event in events if event]
    assert all(event.startswith("data: ") for event in events)
    assert events[-1] == "data: [DONE]"
