"""Every example of the services' documents, as it stands; only addresses and paths are put in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = Path(__file__).parent / "documents"
PORTS = {"flowgen": 8001, "gemma": 3125, "llama_chat": 8002}
SUM = {"name": "calculate_sum", "arguments": {"a": 15, "b": 25}}
WEATHER = {"name": "get_weather", "arguments": {"location": "Paris"}}


@pytest.fixture
def run(door, models_dir, tmp_path, request):
    """Runs an example to its end; its output."""

    def run(name: str) -> str:
        source = DOCUMENTS / name
        service = source.parent.name
        port = PORTS[service]
        text = source.read_text()
        text = re.sub(rf"(http|ws)://localhost:{port}", rf"\1{door(service)[4:]}", text)
        text = re.sub(r'"/path/to/[\w/.]+"', json.dumps(str(models_dir / "model.gguf")), text)
        if name == "flowgen/schema.py":
            text = f"import json\n{text}"  # which the document forgot
        script = tmp_path / source.name
        script.write_text(text)
        env = dict(os.environ)
        if source.suffix == ".js":
            env["NODE_PATH"] = str(request.getfixturevalue("node_modules"))
        command = {".py": [sys.executable], ".sh": ["bash", "-e"], ".js": ["node"]}[source.suffix]
        done = subprocess.run(
            [*command, str(script)],
            capture_output=True, text=True, timeout=100, check=False, env=env, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_no_example_is_left_out():
    source = Path(__file__).read_text() + Path(__file__).with_name("test_browser.py").read_text()
    for path in DOCUMENTS.rglob("*.*"):
        assert f'"{path.parent.name}/{path.name}"' in source, path


class TestGemma:
    def test_health(self, run):
        answer = json.loads(run("gemma/health.sh"))
        assert answer["status"] == "healthy"
        assert answer["version"]

    def test_ready(self, run):
        answer = json.loads(run("gemma/ready.sh"))
        assert answer["status"] == "ready"
        assert answer["model_loaded"] is True
        assert answer["model_path"].endswith(".gguf")

    def test_execute(self, run):
        answer = json.loads(run("gemma/execute.sh"))
        assert answer.keys() == {"status", "result", "origin", "session_id", "inference_time_ms"}
        assert (answer["status"], answer["origin"]) == ("success", "local")
        assert answer["result"].strip()

    def test_summary(self, run):
        health, executed = run("gemma/summary.sh").split("}{")
        assert '"healthy"' in health
        assert '"success"' in executed

    def test_socket(self, run):
        events, result = run("gemma/websocket.py").rstrip().split("Result: ")
        assert events.split() == ["Event:", "session", "Event:", "reasoning", "Event:", "result"]
        assert result.strip()


class TestLlamaChat:
    def test_chat(self, run):
        answer = json.loads(run("llama_chat/chat.sh"))
        assert answer.keys() == {"response", "session_id", "tokens_used"}
        assert answer["response"].strip()
        assert answer["tokens_used"] > 0

    def test_python(self, run):
        assert re.search(r"Response: \S.*\nSession ID: [0-9a-f-]{36}\n$", run("llama_chat/chat.py"))

    def test_alice_is_remembered(self, run):
        assert "Alice" in run("llama_chat/session.py")

    def test_stream(self, run):
        story, end = run("llama_chat/stream.py").rstrip().rsplit("\n", 1)
        assert len(story.split()) > 5
        assert end == "[Stream complete]"

    def test_clear_of_an_unknown_session(self, run):
        assert json.loads(run("llama_chat/clear.sh")) == {"detail": "Session not found"}

    def test_client(self, run):
        hello, said = run("llama_chat/client.py").rstrip().split("\n")
        assert hello
        assert "Hello" in said

    def test_javascript_client(self, run):
        assert run("llama_chat/client.js").strip()

    @pytest.mark.parametrize("name", ["llama_chat/simple.sh", "llama_chat/parameters.sh"])
    def test_more_curl(self, run, name):
        assert json.loads(run(name))["response"].strip()


class TestFlowGen:
    @pytest.mark.parametrize("name", ["flowgen/load.sh", "flowgen/load_with_options.sh"])
    def test_load(self, run, name, loaded):
        answer = json.loads(run(name))
        assert answer["status"] == "success"
        assert answer["model"] == "model"

    def test_load_in_python(self, run, loaded):
        answer = run("flowgen/load_with_options.py")
        assert "'status': 'success'" in answer
        assert "'temperature'" in answer, "it belongs to /chat, and a warning says so"

    def test_unload(self, run, loaded):
        assert json.loads(run("flowgen/unload.sh"))["status"] == "success"

    @pytest.mark.parametrize("name", ["flowgen/hello.sh", "flowgen/basic.sh"])
    def test_chat(self, run, name):
        answer = json.loads(run(name))
        assert answer["choices"][0]["message"]["content"].strip()
        assert answer["choices"][0]["message"]["role"] == "assistant"
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert answer["tool_calls"] == []

    def test_python(self, run, loaded):
        assert run("flowgen/basic.py").strip()

    def test_the_sum_is_called(self, run):
        assert json.loads(run("flowgen/tools.sh"))["tool_calls"] == [SUM]

    def test_the_weather_is_called(self, run):
        assert f"Tool calls: {[WEATHER]}" in run("flowgen/tools.py")

    def test_the_team_validates(self, run):
        content = json.loads(run("flowgen/schema.sh"))["choices"][0]["message"]["content"]
        team = json.loads(content)
        kinds = {name: type(team[name]) for name in ("team_name", "score", "city")}
        assert kinds == {"team_name": str, "score": int, "city": str}

    def test_the_team_validates_in_pydantic(self, run):
        assert re.match(r"team_name='.*' score=-?\d+ city='.*'\n", run("flowgen/schema.py"))

    def test_counting_streams(self, run):
        lines = [line for line in run("flowgen/stream.sh").split("\n") if line]
        assert lines[-1] == "data: [DONE]"
        whole = json.loads(lines[-2].removeprefix("data: "))["completion"]
        pieces = [json.loads(line.removeprefix("data: "))["content"] for line in lines[:-2]]
        assert "".join(pieces) == whole["choices"][0]["message"]["content"] == "1, 2, 3, 4, 5"
        assert len(pieces) > 5

    def test_counting_streams_in_python(self, run):
        assert run("flowgen/stream.py") == "Streaming response: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n"
