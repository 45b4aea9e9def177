"""LLaMA chat's examples for browsers, run by a page of another origin in a real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser import reported, shown, site
from tests.legacy.conftest import TITLES

DOCUMENTS = Path(__file__).parent / "documents"
CLIENT, EVENTS = "llama_chat/client.js", "llama_chat/event_source.js"

HARNESS = """\
const said = [];
console.log = (...words) => said.push(words.join(" "));
const require = (name) => window[name];
const report = (what) => fetch("/said", { method: "POST", body: JSON.stringify(what) });
const until = async (condition) => {
  while (!condition()) await new Promise((done) => setTimeout(done, 10));
};
"""

STREAM = """\
const response = await fetch("http://localhost:8002/chat/stream", {
  method: "POST",
  body: JSON.stringify({ message: "Hello!" }),
  headers: { "Content-Type": "application/json" },
});
const text = await response.text();
report([response.status, text]);
"""


@pytest.fixture
def open_page(legacy, tmp_path):
    """Opens a page of another origin that runs a script, and hands back what it reports."""

    def open_page(script: str, *, server: str = "", axios: str = ""):
        url = server or legacy.services[TITLES["llama_chat"]]
        script = script.replace("http://localhost:8002", url.replace("127.0.0.1", "localhost"))
        files = {
            "/": ("text/html", '<script src="axios.js"></script><script src="page.js"></script>'),
            "/axios.js": ("text/javascript", axios),
            "/page.js": ("text/javascript", f"{HARNESS}(async () => {{\n{script}\n}})();"),
        }
        with site(files) as (page, reports):
            return reported(page, reports, tmp_path / "profile")

    return open_page


@pytest.fixture(scope="module")
def axios(node_modules):
    return (node_modules / "axios" / "dist" / "axios.min.js").read_text()


def test_the_client(open_page, axios):
    source = (DOCUMENTS / CLIENT).read_text()
    (said,) = open_page(f"{source}\nawait until(() => said.length); report(said);", axios=axios)
    assert said.strip()


def test_the_event_source(open_page):
    """Its document says itself that an EventSource sends no body, so there is no message in it."""
    source = (DOCUMENTS / EVENTS).read_text()
    failed = "eventSource.onerror = () => report([eventSource.readyState, said]);"
    closed = 2
    assert open_page(source + failed) == [closed, []]


def test_an_event_source_with_its_message_in_the_address(open_page):
    source = (DOCUMENTS / EVENTS).read_text().replace("/stream'", "/stream?message=Hello!'")
    assert "?message" in source
    ended = """
    eventSource.addEventListener("message", (event) => {
      if (JSON.parse(event.data).done) { eventSource.close(); report(said); }
    });"""
    tokens = open_page(source + ended)
    assert len(tokens) > 1
    assert "".join(tokens).strip()


def test_a_stream_by_fetch(open_page):
    """What the document advises where there is no EventSource; a browser asks first."""
    status, text = open_page(STREAM)
    assert status == 200
    events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]
    assert events[-1]["done"] is True
    assert "".join(event.get("token", "") for event in events).strip()


def test_the_main_port_is_closed_to_pages(open_page, legacy):
    """The browser keeps back what the server refuses: the page does not even see the status."""
    tried = STREAM.replace("/chat/stream", "/unload")
    script = f"try {{ {tried} }} catch (error) {{ report(String(error)); }}"
    assert open_page(script, server=legacy.root_url) == "TypeError: Failed to fetch"
    with legacy.client() as http:
        assert http.get("/ready").json()["model_loaded"] is True


def test_a_page_that_does_not_ask(open_page, legacy):
    """It needs no leave for these: they are what a browser sends at once, and nothing happens."""
    url = legacy.root_url.replace("127.0.0.1", "localhost")
    script = f"""
    const send = (kind) => fetch("{url}/unload", {{
      method: "POST", mode: "no-cors", body: "{{}}", headers: {{ "Content-Type": kind }},
    }}).then(() => "seen", () => "kept back");
    const first = await send("text/plain");
    const second = await send("application/x-www-form-urlencoded");
    await new Promise((done) => {{
      const image = new Image();
      image.onload = image.onerror = done;
      image.src = "{url}/chat/stream?message=Hello&session_id=pictured";
    }});
    const closed = await new Promise((done) => {{
      const socket = new WebSocket("{url.replace("http", "ws", 1)}/ws");
      socket.onopen = () => done("open");
      socket.onerror = () => done("refused");
    }});
    report([first, second, closed]);
    """
    assert open_page(script) == ["kept back", "kept back", "refused"]
    with legacy.client() as http:
        assert http.get("/ready").json()["model_loaded"] is True
        assert "pictured" not in http.get("/sessions").json()["sessions"]


def test_a_page_whose_name_leads_here(legacy, tmp_path):
    """The browser takes the server for the page's own, and asks nobody."""
    url = legacy.root_url.replace("127.0.0.1", "rebind.example")
    assert url != legacy.root_url
    text, _ = shown(f"{url}/v1/models", tmp_path / "profile")
    assert "unknown_host" in text
    assert "demo" not in text
    text, _ = shown(f"{legacy.root_url}/v1/models", tmp_path / "profile")
    assert "demo" in text
