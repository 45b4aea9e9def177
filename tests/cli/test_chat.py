"""``colonnade chat``, with a model and with a server, in a pipe and in a terminal."""

from __future__ import annotations

import http.server
import json
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.cli.chat.partners import Piece, _pieces
from colonnade.cli.console import shown
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


@pytest.mark.parametrize("command", [["chat", "--url"], ["status"]])
def test_a_server_that_answers_in_a_million_brackets(colonnade, command):
    class Deep(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[" * 1_000_000)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Deep) as server:
        threading.Thread(target=server.serve_forever).start()
        done = colonnade(*command, f"http://127.0.0.1:{server.server_port}", stdin="Hello\n")
        server.shutdown()
    assert done.returncode == 1
    assert "does not answer as" in done.stderr
    assert len(done.stderr.splitlines()) == 1


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


CONTROLS = (
    "\x1b[2J\x1b]52;c;aGFja2Vk\x07",  # an empty screen, and another clipboard
    "\x9b31m", "\x1bP0;1|\x1b\\", "\b\b\b", "\x7f", "\x0e", "\u202efdp", "\u2066", "hidden\rshown",
)  # fmt: skip
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _Hostile(http.server.BaseHTTPRequestHandler):
    """A server of OpenAI's API that sends control sequences wherever it can."""

    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self._send({"data": [{"id": f"evil{''.join(CONTROLS)}"}]})

    def do_POST(self):
        if b"fail" in self.rfile.read(int(self.headers["content-length"])):
            self._send({"error": {"message": f"No.{''.join(CONTROLS)}"}}, 400)
            return
        self.send_response(200)
        self.end_headers()
        # One character an event: no sequence is whole in any of them.
        for name in ("reasoning_content", "content"):
            for text in ["A\tB\n", *"".join(CONTROLS), "\N{WOMAN}\u200d\N{ROCKET}", "Z"]:
                event = {"choices": [{"delta": {name: text}}]}
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

    def _send(self, document, status=200):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def hostile():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestControlSequences:
    def test_in_a_pipe(self, colonnade, hostile):
        done = colonnade("chat", "--url", hostile, stdin="Hello\nfail\n")
        assert not OBEYED.search(done.stdout + done.stderr)
        assert done.stdout.startswith("A\tB\n\\u001b[2J\\u001b]52;c;aGFja2Vk\\u0007\\u009b31m")
        assert done.stdout.endswith("\\u202efdp\\u2066hiddenshown\N{WOMAN}\u200d\N{ROCKET}Z\n")
        assert "colonnade: No.\\u001b[2J" in done.stderr

    def test_in_a_terminal(self, terminal, hostile):
        child = terminal("chat", "--url", hostile)
        child.expect_exact("This is evil\\u001b[2J")
        child.expect_exact("> ")
        child.sendline("Hello")
        child.expect_exact("\r\n> ")
        assert child.before.count("\\u001b[2J") == 2, "a thought, and an answer"
        seen = child.before.replace("\x1b[2m", "").replace("\x1b[0m", "").replace("\r\n", "\n")
        assert not OBEYED.search(seen)

    @given(st.text())
    def test_any_text(self, text):
        assert not OBEYED.search(shown(text))
        kept = "".join(each for each in text if not OBEYED.match(each))
        assert re.sub(r"\\u[0-9a-f]{4}", "", shown(text)) == re.sub(r"\\u[0-9a-f]{4}", "", kept)

    def test_what_json_holds_stays_json(self):
        held = {"name": "".join(CONTROLS)}
        assert json.loads(shown(json.dumps(held, ensure_ascii=False))) == held
