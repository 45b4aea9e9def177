"""What a user gets wrong is told in one line, with the right exit code and no traceback."""

from __future__ import annotations

import socket

import pytest


def _one_line(done, message, code=1):
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("colonnade: ")
    assert message in last
    return done


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--prot", "1"], "No such option '--prot'"),
        (["--port", "x"], "expected a whole number from 0 to 65535, got 'x'"),
        (["--port", "65536"], "expected a whole number from 0 to 65535, got '65536'"),
        (["--kv-type", "q9"], "'q9' is not one of 'f32', 'f16'"),
        (["--temperature", "-1"], "expected a number, 0 or more, got '-1'"),
        (["--host", ""], "expected a text, got ''"),
        (["--config", "away.toml"], "File 'away.toml' does not exist"),
        (["a.gguf", "b.gguf"], "unexpected extra argument"),
    ],
)
def test_wrong_flag(colonnade, flags, message):
    done = colonnade("serve", *flags)
    assert done.returncode == 2
    text = " ".join(done.stderr.replace("│", " ").split())
    assert message in text
    assert "Traceback" not in text


@pytest.mark.parametrize("command", ["serve", "chat", "check"])
def test_wrong_environment(colonnade, command):
    done = colonnade(command, COLONNADE_PROT="1")
    _one_line(done, "COLONNADE_PROT: unknown environment variable; did you mean COLONNADE_PORT?")
    assert len(done.stderr.splitlines()) == 1


def test_wrong_file(colonnade, tmp_path):
    (tmp_path / "colonnade.toml").write_text("[server]\nprot = 1\n")
    message = "colonnade.toml: unknown setting [server] prot; did you mean [server] port?"
    _one_line(colonnade("serve"), message)


class TestNoModel:
    @pytest.mark.parametrize("command", ["serve", "check", "chat"])
    def test_missing(self, colonnade, command):
        _one_line(colonnade(command, "away.gguf"), "away.gguf does not exist")

    def test_directory(self, colonnade, tmp_path):
        _one_line(colonnade("check", tmp_path), f"{tmp_path} is a directory, not a GGUF file")

    def test_no_gguf(self, colonnade, tmp_path):
        (tmp_path / "page.gguf").write_text("<!doctype html>")
        _one_line(colonnade("check", "page.gguf"), "page.gguf is not a GGUF file")

    @pytest.mark.parametrize("part", [0.001, 0.2, 0.9])
    def test_truncated(self, colonnade, tmp_path, model, part):
        content = model.read_bytes()
        (tmp_path / "cut.gguf").write_bytes(content[: int(len(content) * part)])
        _one_line(colonnade("check", "cut.gguf"), "cut.gguf could not be loaded: ")

    def test_corrupt(self, colonnade, tmp_path):
        (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\xff" * 4096)
        _one_line(colonnade("check", "bad.gguf"), "bad.gguf ")

    def test_serve_lets_the_port_go(self, colonnade, tmp_path):
        (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\xff" * 4096)
        _one_line(colonnade("serve", "bad.gguf", "--port", 0), "bad.gguf ")

    def test_chat_template(self, colonnade, model):
        done = colonnade("check", model, "--chat-template", "away.jinja")
        _one_line(done, "'away.jinja' is neither a chat template's name nor a readable file")


class TestNoPort:
    def test_busy(self, colonnade, model):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = colonnade("serve", model, "--port", port)
        _one_line(done, f"port {port} on 127.0.0.1 is taken by another process")
        assert "Loading" not in done.stderr

    def test_no_such_host(self, colonnade, model):
        done = colonnade("serve", model, "--host", "no.such.host.invalid")
        _one_line(done, "'no.such.host.invalid' is no address of this machine")

    def test_address_of_another_machine(self, colonnade, model):
        done = colonnade("serve", model, "--host", "192.0.2.1", "--port", 0)
        _one_line(done, "cannot listen on 192.0.2.1 port 0: Cannot assign requested address")


class TestNoServer:
    def test_chat_with_nobody(self, colonnade):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        _one_line(colonnade("chat", "--url", url), f"{url} cannot be reached: ")

    def test_chat_with_model_and_url(self, colonnade):
        done = colonnade("chat", "m.gguf", "--url", "http://127.0.0.1:1")
        assert done.returncode == 2
        assert "MODEL cannot go with it" in done.stderr

    def test_chat_with_no_url(self, colonnade):
        _one_line(colonnade("chat", "--url", "nonsense"), "nonsense")
