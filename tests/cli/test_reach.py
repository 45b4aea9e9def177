"""Who can reach the server: nobody from outside without a key, unless that is wished for."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess

import httpx
import pytest
from click.testing import CliRunner

from colonnade.cli.commands import main
from colonnade.cli.older import in_older_form
from colonnade.cli.reach import is_open, outside_urls
from colonnade.cli.sockets import bind
from tests.running import start_server

ANYWHERE = "0.0.0.0"
NO_KEYS = "There are no keys: whoever reaches this server may use and steer it."


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


@pytest.mark.parametrize(
    ("host", "opened"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("localhost", False),
        (ANYWHERE, True),
        ("0", True),
        pytest.param("::1", False, marks=needs_ipv6),
        pytest.param("::", True, marks=needs_ipv6),
    ],
)
def test_what_others_can_reach(host, opened):
    sockets = bind(host, 0)
    try:
        assert is_open(sockets) is opened
        for url in outside_urls(sockets):
            assert opened
            assert not re.match(r"http://(127|0\.0|\[::)", url)
    finally:
        for each in sockets:
            each.close()


@pytest.mark.parametrize("legacy", [False, True])
def test_others_are_kept_out_where_nobody_needs_a_key(colonnade, legacy):
    ports = (f"--{name}-port=0" for name in ("gemma", "llama-chat", "queued", "flowgen"))
    arguments = ("--legacy-ports", *ports) if legacy else ()
    done = colonnade("serve", "none", "--host", ANYWHERE, "--port", "0", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("colonnade: with --host 0.0.0.0 others can reach the server")
    assert "--allow-anyone" in done.stderr
    assert "Traceback" not in done.stderr


def test_anyone_may_come_where_that_is_said(environ):
    server = start_server("none", "--host", ANYWHERE, "--allow-anyone", env=environ)
    try:
        assert server.root_url.startswith("http://127.0.0.1:")
        assert httpx.post(server.root_url + "/unload").status_code == 200
    finally:
        server.stop()
    # once for who looks, once for the log
    assert len([line for line in server.log if NO_KEYS in line]) == 2


def test_on_this_machine_alone_nothing_is_said(server):
    assert not any(NO_KEYS in line or "Reachable at" in line for line in server.log)


def test_older_command_lines_go_on(start_older, random_model):
    model = str(random_model("llama"))
    said = start_older("--mode=daemon", f"--host={ANYWHERE}", GEMMA_MODEL_PATH=model)
    assert said.count(NO_KEYS) == 2


@pytest.mark.parametrize(
    ("line", "older"),
    [("--mode daemon", True), ("some.gguf --host 0", True), ("serve some.gguf", False)],
)
def test_which_command_lines_are_older(line, older, monkeypatch):
    found = []
    monkeypatch.setattr(
        "colonnade.cli.commands.settings_of", lambda _: found.append(in_older_form())
    )
    monkeypatch.setattr(
        "colonnade.cli.serve.serve", lambda *_, older_form: found.append(older_form)
    )
    CliRunner().invoke(main, line.split(), catch_exceptions=False)
    assert found == [older, older]


def test_with_keys_others_may_come_and_the_line_to_try_needs_one(environ, random_model):
    flags = (
        "--host",
        ANYWHERE,
        "--api-key",
        "a-key-of-ours",
        "--threads",
        "1",
        "--ctx-size",
        "256",
    )
    server = start_server(str(random_model("llama")), *flags, env=environ)
    try:
        assert httpx.get(server.base_url + "/models").status_code == 401
        line = next(line for line in server.log if line.strip().startswith("curl "))
        assert not any(NO_KEYS in line or "a-key-of-ours" in line for line in server.log)
        assert "Authorization: Bearer $API_KEY" in shlex.split(line)
        for key, answer in (("a-key-of-ours", '"chat.completion"'), ("another", "unauthorized")):
            done = subprocess.run(
                line, shell=True, capture_output=True, text=True, check=True, env={"API_KEY": key}
            )
            assert answer in done.stdout
    finally:
        server.stop()


@pytest.fixture
def start_older(environ, tmp_path):
    """Starts ``python -m colonnade`` with these words until it is there; returns what it said."""

    def start(*words, **variables):
        from tests.cli.conftest import COMMAND

        command = [*COMMAND, *words, "--port", "0", "--threads", "1", "--ctx-size", "256"]
        with subprocess.Popen(
            command,
            env=environ | variables,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C stops"):
                    break
            process.terminate()
            lines += process.communicate(timeout=30)[0]
        return "".join(lines)

    return start
