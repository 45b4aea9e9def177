"""Every example runs as it is, against a real server on the embedded model."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import start_server

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(server, monkeypatch):
    """Runs an example to its end; its output."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)

    def run(name, *arguments):
        path = EXAMPLES / name
        command = [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]
        command += arguments
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


def test_tool_loop(run):
    output = run("tool_loop.py")
    called = re.search(r"^count_letters\(word=(.+) letter=(.+)\) = (\d+)$", output, re.MULTILINE)
    assert called is not None, output
    word, letter = map(ast.literal_eval, called.groups()[:2])
    assert int(called[3]) == word.lower().count(letter.lower())
    written = json.loads(output.splitlines()[0])
    assert written == {"word": word, "letter": letter}


def test_structured_output(run):
    person = json.loads(run("structured_output.py"))
    assert person.keys() == {"name", "age", "pets"}
    assert 0 <= person["age"] <= 130
    assert len(person["pets"]) <= 3
    assert all(pet["size"] in ("small", "large") for pet in person["pets"])


def test_langchain_agent(run):
    output = run("langchain_agent.py")
    assert output.startswith("human: How many plums can I have?\nai: ")
    assert re.search(r"^(\d+ of .*|It did nothing but look up\.)$", output, re.MULTILINE)


def test_rag(run, random_model, monkeypatch, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(random_model("nomic-bert"), models)
    server = start_server("demo", "--threads", "1", "--models-dir", str(models))
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "nomic-bert")
    monkeypatch.setenv("RAG_DATABASE", str(tmp_path / "notes.db"))
    question = "Are stories read to children in the round room behind the stairs?"
    try:
        facts, *notes, answer = run("rag.py", question).rstrip("\n").split("\n")
        again = run("rag.py", question)
    finally:
        server.stop()
    assert facts == "9 notes embedded, 0 known"
    assert [note[:2] for note in notes[:2]] == ["> ", "> "]
    assert "> Every first Saturday of a month stories are read" in notes[0]
    assert answer.strip()
    assert again.startswith("0 notes embedded, 9 known\n")


def test_curl(run):
    models, completion, *events = run("curl.sh").strip().splitlines()
    assert json.loads(models)["data"][0]["id"] == "colonnade-demo"
    assert json.loads(completion)["choices"][0]["message"]["content"].strip()
    events = [event for event in events if event]
    assert all(event.startswith("data: ") for event in events)
    assert events[-1] == "data: [DONE]"
