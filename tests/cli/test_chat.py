"""``colonnade chat``, with a model and with a server, in a pipe and in a terminal."""

from __future__ import annotations

import json

import pytest

from colonnade.cli.chat.partners import Piece, _pieces
from colonnade.cli.errors import CommandError
from tests.cli.conftest import end
from tests.running import start_server

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

FEW = ("--max-tokens", "20")
SHORT = (*FEW, "--threads", "1")
LONG = ("--ctx-size", "16384", "--slots", "1", "--threads", "1", "--temperature", "0")


@pytest.fixture(scope="module")
def other(random_model):
    """A server to talk to."""
    running = start_server(str(random_model("llama")), "--ctx-size", "512", "--threads", "1")
    yield running
    running.stop()


class TestInAPipe:
    def test_answers_each_line(self, colonnade, model, tmp_path):
        done = colonnade("chat", model, *SHORT, stdin="Hello\nAnd you?\n/save c.json")
        assert done.returncode == 0
        messages = json.loads((tmp_path / "c.json").read_text())["messages"]
        assert [each["role"] for each in messages] == ["user", "assistant"] * 2
        for each in messages[1::2]:
            assert each["content"].strip() in done.stdout
        assert ">" not in done.stdout.splitlines()[0][:2]

    def test_lines_that_go_on(self, colonnade, model, tmp_path):
        colonnade("chat", model, *SHORT, stdin="/system Be brief.\none \\\ntwo\n/save c.json\n")
        messages = json.loads((tmp_path / "c.json").read_text())["messages"]
        assert messages[0] == {"role": "system", "content": "Be brief."}
        assert messages[1] == {"role": "user", "content": "one \ntwo"}

    def test_answer_that_fails(self, colonnade, model):
        done = colonnade("chat", model, "--ctx-size", "256", stdin="x " * 1000 + "\n/help\n")
        assert done.returncode == 1
        assert "colonnade: This model's maximum context length is 256 tokens" in done.stderr
        assert "/clear" in done.stderr

    def test_bytes_that_are_no_text(self, colonnade, model):
        done = colonnade("chat", model, *SHORT, stdin="gr\udcfc\udcdf\n", errors="surrogateescape")
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
        assert done.stdout.strip()

    def test_text_that_the_terminal_cannot_show(self, colonnade, model):
        flags = ("--threads", "1", "--max-tokens", "300", "--temperature", "0")
        done = colonnade("chat", model, *flags, stdin="Hello\n", PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
        assert "?" in done.stdout

    def test_nothing_to_say(self, colonnade, model):
        done = colonnade("chat", model, stdin="\n\n")
        assert (done.returncode, done.stdout) == (0, "")


class TestWithAServer:
    def test_address_without_its_scheme(self, colonnade, other):
        url = other.root_url.removeprefix("http://")
        done = colonnade("chat", "--url", url, *FEW, stdin="Hello\n")
        assert done.returncode == 0
        assert done.stdout.strip()

    @pytest.mark.parametrize("flag", [["--ctx-size", "64"], ["--no-mmap"]])
    def test_flags_for_a_model_are_refused(self, colonnade, other, flag):
        done = colonnade("chat", "--url", other.root_url, *flag, stdin="Hello\n")
        assert done.returncode == 2
        assert "cannot go with it" in done.stderr

    @pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
    def test_answers(self, colonnade, other, path):
        done = colonnade("chat", "--url", other.root_url + path, *FEW, stdin="Hello\n/exit\n")
        assert done.returncode == 0
        assert done.stdout.strip()
        assert "Loading" not in done.stderr

    def test_sampling_goes_along(self, colonnade, other):
        flags = ("--url", other.root_url, *FEW, "--temperature", "0")
        answers = {colonnade("chat", *flags, stdin="Hello\n").stdout for _ in range(3)}
        assert len(answers) == 1

    def test_server_says_no(self, colonnade, other):
        done = colonnade("chat", "--url", other.root_url, *FEW, stdin="x " * 1000 + "\nHello\n")
        assert done.returncode == 1
        assert "colonnade: This model's maximum context length is 512 tokens" in done.stderr
        assert done.stdout.strip(), "the conversation goes on"

    def test_other_service(self, colonnade, other):
        done = colonnade("chat", "--url", other.root_url + "/nothing")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr


class TestInATerminal:
    def test_conversation(self, terminal, model, tmp_path, gone):
        child = terminal("chat", model, *SHORT)
        child.expect("This is llama. /help lists the commands, Ctrl-D ends.")
        child.expect("> ")
        child.sendline("/help")
        child.expect("/system TEXT")
        child.sendline("/system Be kind.")
        child.expect("Noted.")
        child.sendline("Hello")
        child.expect("\n> ")
        child.sendline("/clear")
        child.expect("Forgotten.")
        child.sendline("/save c.txt")
        child.expect("Saved to c.txt.")
        child.expect("> ")
        child.sendeof()
        assert end(child)[0] == 0
        assert (tmp_path / "c.txt").read_text() == "system:\nBe kind.\n"
        gone(model)

    @pytest.mark.parametrize("with_server", [False, True])
    def test_interrupt(self, terminal, model, environ, with_server):
        if with_server:
            server = start_server(str(model), *LONG, env=environ)
            child = terminal("chat", "--url", server.root_url)
        else:
            child = terminal("chat", model, *LONG)
        child.expect("> ")
        child.sendline("Hello")
        child.expect("Hello\r\n.")
        child.sendintr()
        child.expect("> ")
        child.sendline("/exit")
        code, rest = end(child)
        assert code == 0
        assert "Traceback" not in rest
        if with_server:
            server.stop()

    def test_interrupt_at_the_prompt_drops_the_line(self, terminal, model):
        child = terminal("chat", model)
        child.expect("> ")
        child.send("half a line")
        child.expect("half a line")
        child.sendintr()
        child.expect("> ")
        child.sendline("/save c.txt")
        child.expect("Saved")
        child.sendline("/exit")
        assert end(child)[0] == 0


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "3",
        "null",
        '"text"',
        '{"choices": [3]}',
        '{"choices": [{"delta": 3}]}',
    ],
)
def test_what_is_no_piece_of_an_answer(line):
    with pytest.raises(CommandError, match="no piece of an answer"):
        _pieces(f"data: {line}")


def test_pieces_of_thought_and_text():
    line = 'data: {"choices": [{"delta": {"reasoning_content": "hm", "content": "yes"}}]}'
    assert _pieces(line) == [Piece("hm", thought=True), Piece("yes")]
    assert _pieces(": comment") == _pieces("data: [DONE]") == _pieces("") == []
