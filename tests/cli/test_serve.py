"""A server that runs: what it says, where it listens, what its settings do."""

from __future__ import annotations

import socket
import subprocess
import sys

import httpx
import pytest

from tests.running import start_server


@pytest.fixture
def serve(environ, tmp_path, monkeypatch):
    """Starts servers as ``start_server`` does, in an environment without settings."""
    monkeypatch.chdir(tmp_path)
    running = []

    def start(*arguments, **variables):
        flags = ("--threads", "1", *map(str, arguments))
        running.append(start_server(*flags, env=environ | variables))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _said(server, text):
    """Lines come from a thread; the announcement's end is read when the server answers."""
    return any(text in line for line in list(server.log))


def _ask(server, **fields):
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, **fields}
    with server.client() as client:
        return client.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize("both", [False, True], ids=["stdout", "stdout and stderr"])
def test_nobody_reads_what_it_says(environ, model, both):
    """As with ``| head -1``: a server is not there for what it says."""
    port = _free_port()
    command = [sys.executable, "-m", "colonnade", "serve", str(model), "--port", str(port)]
    stderr = subprocess.STDOUT if both else subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=stderr) as process:
        process.stdout.close()
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            answer = client.get(f"http://127.0.0.1:{port}/health")
        process.terminate()
        assert answer.status_code == 200
        assert process.wait(60) == 0
        if not both:
            assert process.stderr.read().splitlines()[-2:] == [
                b"Stopping: answers under way are finished. Ctrl-C again stops at once.",
                b"Stopped.",
            ]


class TestWhereTheSettingsComeFrom:
    def test_environment(self, serve, model):
        server = serve(model, COLONNADE_MODEL_ALIAS="mine")
        assert _ask(server, model="mine").status_code == 200
        assert _ask(server, model="llama").status_code == 404

    def test_port_from_the_environment(self, environ, model, tmp_path):
        port = _free_port()
        command = [sys.executable, "-m", "colonnade", "serve", str(model)]
        variables = environ | {"COLONNADE_PORT": str(port)}
        with subprocess.Popen(
            command, env=variables, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ) as process:
            lines = iter(process.stdout.readline, "")
            line = next(line for line in lines if line.startswith("Listening on"))
            process.terminate()
            process.communicate()
        assert line.split()[-1] == f"http://127.0.0.1:{port}"

    def test_file(self, serve, model, tmp_path):
        (tmp_path / "colonnade.toml").write_text('[model]\nmodel_alias = "by-file"\nslots = 3\n')
        server = serve(model, "--slots", "2")
        assert _ask(server, model="by-file").status_code == 200
        assert _said(server, "tokens each for 2 at a time")

    def test_named_file(self, serve, model, tmp_path):
        (tmp_path / "my.toml").write_text(f'[model]\nmodel = "{model}"\nmodel_alias = "named"\n')
        assert _ask(serve("--config", "my.toml"), model="named").status_code == 200


@pytest.fixture(scope="module")
def configured(random_model, tmp_path_factory):
    """One server with many settings that are not the defaults."""
    template = tmp_path_factory.mktemp("templates") / "mine.jinja"
    template.write_text("{{ messages[0].content }}!")
    flags = {
        "--ctx-size": "256",
        "--slots": "2",
        "--threads": "1",
        "--max-choices": "2",
        "--max-body-size": "1024",
        "--cors-origins": "https://a.example",
        "--temperature": "0",
        "--chat-template": str(template),
    }
    words = [word for pair in flags.items() for word in pair]
    running = start_server(str(random_model("llama")), *words, "--access-log")
    yield running
    running.stop()


class TestWhatTheSettingsDo:
    def test_announcement(self, configured):
        with configured.client() as client:
            assert client.get("/v1/models").json()["data"][0]["id"] == "llama"
        for text in (
            "Model         llama (",
            "Size          1.64 M parameters, 1.66 MiB",
            "Memory        ",
            "Context       256 tokens each for 2 at a time",
            "Template      mine.jinja",
        ):
            assert _said(configured, text), configured.log

    def test_the_line_to_try_works(self, configured):
        # Printed before the server answers, but read here by a thread.
        assert _ask(configured).status_code == 200
        line = next(line for line in configured.log if line.strip().startswith("curl "))
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert '"chat.completion"' in done.stdout

    def test_max_choices(self, configured):
        assert _ask(configured, n=2).status_code == 200
        assert _ask(configured, n=3).status_code == 400

    def test_max_body_size(self, configured):
        assert _ask(configured, user="x" * 500).status_code == 200
        assert _ask(configured, user="x" * 2000).status_code == 413

    @pytest.mark.parametrize(
        ("origin", "allowed"), [("https://a.example", True), ("https://b.example", False)]
    )
    def test_cors_origins(self, configured, origin, allowed):
        with configured.client() as client:
            answer = client.get("/v1/models", headers={"Origin": origin})
        assert ("access-control-allow-origin" in answer.headers) is allowed

    def test_sampling(self, configured):
        answers = {
            _ask(configured, max_tokens=16).json()["choices"][0]["message"]["content"]
            for _ in range(3)
        }
        assert len(answers) == 1

    def test_access_log(self, configured):
        _ask(configured)
        assert _said(configured, "POST /v1/chat/completions")


@pytest.mark.parametrize(
    ("host", "shown"),
    [("::1", "http://[::1]:"), ("localhost", "http://localhost:"), ("::", "http://[::1]:")],
)
def test_address_is_shown_as_a_url(host, shown):
    from colonnade.cli.sockets import bind, url

    sockets = bind(host, 0)
    try:
        assert url(host, sockets).startswith(shown)
        assert len({each.getsockname()[1] for each in sockets}) == 1
    finally:
        for each in sockets:
            each.close()


def test_every_address_of_a_name_is_served(serve, model):
    server = serve(model, "--host", "localhost")
    port = int(server.root_url.rpartition(":")[2])
    for address in {found[4][0] for found in socket.getaddrinfo("localhost", port)}:
        with socket.create_connection((address, port), timeout=5):
            pass
