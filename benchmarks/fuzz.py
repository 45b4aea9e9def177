"""Requests that no client should send, to every route: each is answered, in its route's own shape.

python -m benchmarks.fuzz [--bodies 30000] [--frames 5000] [--schemathesis PROGRAM --examples 150]

``schemathesis`` makes requests out of the server's own description of itself, and holds the answers
against it; here the bodies are sound ones that something was done to, and a WebSocket's frames.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from benchmarks.mutations import bodies, headers
from benchmarks.processes import child, output_of, port_in
from benchmarks.watched import WATCHED, slow_callbacks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEMO = Path(__file__).parents[1] / "src" / "colonnade" / "demo" / "demo.gguf"
_LOAD = {"model_path": "model.gguf", "tokenizer_name": "demo", "n_ctx": 512}
_MEANT = frozenset({503, 504, 507})
"""Server errors that are no fault: no model is there, it takes too long, the disk is full."""
_SHOWN = 20
"""Faults that are shown."""
_LENIENT = ("positive_data_acceptance", "negative_data_rejection")
"""Rules of schemathesis that docs/errors.md leaves out, with its reasons."""
_CLOSES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1013})
"""Codes with which a server may end a WebSocket; 1006 and 1011 say that it broke."""

Examples = dict[tuple[str, str], list[dict[str, Any]]]


class FaultError(AssertionError):
    """An answer that should not be."""


class Bodies:
    """Sends bodies to routes, and looks at the answers."""

    def __init__(self, http: httpx.Client, examples: Examples) -> None:
        self._http = http
        self._examples = examples
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        self.faults: list[str] = []

    def send(self, count: int) -> None:
        """Send so many.

        Raises:
            FaultError: an answer is a server error, or has no door's shape.
        """
        routes = sorted(self._examples)
        quiet = settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        @quiet
        @given(st.data(), st.sampled_from(routes))
        def one(data: st.DataObject, route: tuple[str, str]) -> None:
            body = data.draw(bodies(self._examples[route]))
            more = data.draw(headers())
            try:
                self._send(route, body, more)
            except FaultError as fault:
                # Not raised here: it would be tried again, and the server is not what it was.
                self.faults.append(str(fault))

        one()
        if self.faults:
            raise FaultError("\n".join(self.faults[:_SHOWN]))

    def _send(self, route: tuple[str, str], body: bytes, more: Mapping[str, str]) -> None:
        method, path = route
        sent = {"content-type": "application/json", **more}
        began = time.monotonic()
        try:
            answer = self._http.request(method, path, content=body, headers=sent)
        except httpx.HTTPError as error:
            msg = f"{method} {path} with {body[:300]!r}, {sent}: {type(error).__name__} {error}"
            raise FaultError(msg) from error
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[answer.status_code] += 1
        _judge(answer, f"{method} {path} with {body[:300]!r}, {sent}")
        if path in ("/unload", "/load") and answer.status_code == 200:
            self._http.post("/load", json=_LOAD).raise_for_status()  # or nothing else is tried


def _judge(answer: httpx.Response, what: str) -> None:
    status = answer.status_code
    if status >= 500 and status not in _MEANT:
        msg = f"{what}: {status} {answer.text[:300]}"
        raise FaultError(msg)
    if status < 400 or answer.url.path == "/ready":
        return
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not (isinstance(told, dict) and {"error", "detail"} & told.keys()):
        msg = f"{what}: {status} without a word: {answer.text[:300]}"
        raise FaultError(msg)


def send_frames(url: str, count: int) -> Counter[str]:
    """Send so many frames to the WebSocket; how often what came back.

    Raises:
        FaultError: an answer is no event, or the connection breaks.
    """
    seen: Counter[str] = Counter()
    texts = bodies([{"input": "Hello", "max_tokens": 2, "stream": True}])
    frames = st.lists(
        texts | texts.map(lambda text: text.decode("utf-8", "replace")), min_size=1, max_size=10
    )
    rounds = max(1, count // 5)

    @settings(
        max_examples=rounds,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(frames)
    def one(burst: list[bytes | str]) -> None:
        _burst(url, burst, seen)

    one()
    return seen


def _burst(url: str, burst: list[bytes | str], seen: Counter[str]) -> None:
    """Send some frames on a connection, and a sound one at last, whose answer must come."""
    sound = json.dumps({"input": "Hi", "max_tokens": 1, "session_id": "last"})
    try:
        with connect(url, open_timeout=30, close_timeout=5, max_size=None) as socket:
            for frame in [*burst, sound]:
                socket.send(frame)
                seen["sent"] += 1
            last = False
            while not last:
                event = json.loads(socket.recv(timeout=60))
                seen[event["type"]] += 1
                last = event.get("session_id") == "last"
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 1006
        seen[f"closed {code}"] += 1
        if code not in _CLOSES:
            msg = f"the WebSocket ended with {code} after {burst!r}"[:1000]
            raise FaultError(msg) from closed


def examples_of(document: dict[str, Any]) -> Examples:
    """The routes of a server, each with the bodies that its description shows."""
    found: Examples = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            route = (method.upper(), path.replace("{", "").replace("}", ""))
            content = operation.get("requestBody", {}).get("content", {})
            media = content.get("application/json", {})
            shown = [each["value"] for each in media.get("examples", {}).values()]
            shown += media.get("schema", {}).get("examples", [])
            # a body that is a list is left to schemathesis
            bodies = [each for each in shown if isinstance(each, dict)]
            found[route] = [{"max_tokens": 3, **each} for each in bodies] or [{}]
    # Streams that stay open until their client goes.
    endless = ("/stream/", "/sse")
    return {route: each for route, each in found.items() if not any(e in route[1] for e in endless)}


def run_schemathesis(program: str, url: str, examples: int) -> int:
    """Have schemathesis go over the server's description; how many requests it made.

    Raises:
        FaultError: it found something.
    """
    command = [
        program, "run", f"{url}/openapi.json", "--max-examples", str(examples),
        "--exclude-checks", ",".join(_LENIENT), "--exclude-path-regex", r"stream/\{client|load|sse",
        "--request-timeout", "60", "--warnings", "off", "--suppress-health-check", "all",
        "--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--workers", "2",
    ]  # fmt: skip
    with TemporaryDirectory() as folder:  # it leaves things behind where it runs
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    made = re.search(r"(\d[\d,]*) generated", done.stdout)
    if done.returncode or made is None:
        raise FaultError(done.stdout[-8000:] + done.stderr[-2000:])
    return int(made[1].replace(",", ""))


def main(arguments: Sequence[str] | None = None) -> int:
    """Send all of it, and say what came back."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bodies", type=int, default=30_000)
    parser.add_argument("--frames", type=int, default=5_000)
    parser.add_argument("--schemathesis", help="the program; it is not a part of our environment")
    parser.add_argument("--examples", type=int, default=150, help="of schemathesis, for a route")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        shutil.copy(_DEMO, Path(folder) / "model.gguf")
        command = [
            sys.executable, "-m", "colonnade", "serve", "demo", "--port", "0", "--ctx-size", "512",
            *WATCHED, "--models-dir", folder, "--session-database", f"sqlite:///{folder}/sessions.db",
        ]  # fmt: skip
        with child(command) as process:
            url = f"http://127.0.0.1:{port_in(output_of(process))}"
            before = _slow(url)
            _attack(url, options)
            _still_well(url, process)
            print(f"callbacks over 50 ms: {_slow(url) - before:.0f}")
    return 0


def _attack(url: str, options: argparse.Namespace) -> None:
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:  # noqa: S310 - loopback
        examples = examples_of(json.load(answer))
    with httpx.Client(base_url=url, timeout=120) as http:
        sender = Bodies(http, examples)
        sender.send(options.bodies)
    total = sum(sender.statuses.values())
    statuses = ", ".join(f"{status}: {n}" for status, n in sorted(sender.statuses.items()))
    print(f"{total} bodies to {len(examples)} routes: {statuses}; slowest {sender.slowest:.1f} s")
    frames = send_frames(f"{url.replace('http', 'ws')}/ws", options.frames)
    print("frames: " + ", ".join(f"{what}: {n}" for what, n in sorted(frames.items())))
    if options.schemathesis:
        made = run_schemathesis(options.schemathesis, url, options.examples)
        print(f"schemathesis: {made} requests, nothing found")


def _slow(url: str) -> float:
    return slow_callbacks(httpx.get(f"{url}/metrics", timeout=60).text)


def _still_well(url: str, process: subprocess.Popen[str]) -> None:
    """Show that the server is there, with its first worker."""
    with httpx.Client(base_url=url, timeout=60) as http:
        http.post("/load", json=_LOAD).raise_for_status()
        body = {"messages": [{"role": "user", "content": "Hello!"}]}
        http.post("/v1/chat/completions", json=body).raise_for_status()
    print(f"alive: {process.poll() is None}")


if __name__ == "__main__":
    raise SystemExit(main())
