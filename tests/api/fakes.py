"""An engine whose outputs a test writes itself, and a client that a test can hang up."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from colonnade.engine import Stream
from colonnade.messages import (
    AdapterSet,
    Decoding,
    Failure,
    Finish,
    FinishReason,
    ModelInfo,
    Output,
    PromptPart,
    TokenLogprob,
    Urgency,
)
from colonnade.prompt import ChatTemplate
from colonnade.prompt.rendering import Rendered, Renderer, Wish, study

VOCAB_SIZE = 1000
PROMPT_TOKENS = 7
USUAL = Urgency()


def model_info(**changes: Any) -> ModelInfo:
    values: dict[str, Any] = {
        "path": "/models/fake.gguf",
        "name": "fake",
        "architecture": "llama",
        "description": "",
        "parameters": 1,
        "size": 1,
        "vocab_size": VOCAB_SIZE,
        "ctx_train": 128,
        "ctx_size": 128,
        "slots": 4,
        "embedding_size": 1,
        "memory": 1,
        "chat_templates": {},
        "bos_token": "<s>",
        "eos_token": "</s>",
        "eot_token": "",
        "special_tokens": {},
        "control_tokens": (),
        "grammar_tokens": {},
        "add_bos": False,
        "infill": True,
        "recurrent": False,
        "sliding_window": 0,
        "decoder": True,
        "sampling": {},
        "metadata": {},
    }
    return ModelInfo(**(values | changes))


@dataclass
class Submitted:
    """One call of ``FakeEngine.submit``, with what a test needs to answer it."""

    prompt: tuple[PromptPart, ...]
    decoding: Decoding
    infill_suffix: str | None
    stream: Stream
    urgency: Urgency
    adapters: AdapterSet = ()
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, text: str, choice: int = 0, logprobs: tuple[TokenLogprob, ...] = ()) -> None:
        self.stream.put(Output(self.stream.id, choice, text, logprobs))

    def end(self, choice: int = 0, reason: FinishReason = FinishReason.STOP) -> None:
        finish = Finish(reason, PROMPT_TOKENS, 2, 3, 1.0, 10.0, 20.0)
        self.stream.put(Output(self.stream.id, choice, "", (), finish))


Script = Callable[[Submitted], None]


def answer(submitted: Submitted) -> None:
    """The script of an engine that says the same to everyone."""
    for choice in range(submitted.decoding.n):
        submitted.say("Hel", choice)
        submitted.say("lo", choice)
        submitted.end(choice)


class FakeEngine:
    """Hands out the real engine's streams; a script fills them, or the test itself."""

    def __init__(self, info: ModelInfo | None = None) -> None:
        self.info = info or model_info()
        self.ready = True
        self.trouble = ""
        self.refusal: Exception | None = None
        self.script: Script = answer
        self.submitted: list[Submitted] = []
        self.arrived = asyncio.Event()
        self._ids = itertools.count(1)

    @property
    def last(self) -> Submitted:
        return self.submitted[-1]

    def check_room(self, client: str, urgency: Urgency) -> None:
        pass

    async def submit(
        self,
        prompt: tuple[PromptPart, ...],
        decoding: Decoding,
        *,
        add_bos: bool = False,
        infill_suffix: str | None = None,
        joining: bool = False,
        client: str = "",
        urgency: Urgency = USUAL,
        adapters: AdapterSet = (),
    ) -> Stream:
        if self.refusal is not None:
            raise self.refusal
        stream = Stream(next(self._ids), decoding.n, self._cancel)
        stream.accept(PROMPT_TOKENS)
        self.submitted.append(Submitted(prompt, decoding, infill_suffix, stream, urgency, adapters))
        self.script(self.last)
        self.arrived.set()
        return stream

    def _cancel(self, request_id: int) -> None:
        next(each for each in self.submitted if each.stream.id == request_id).cancelled.set()


class HereTemplate:
    """Renders in this process."""

    def __init__(self, template: ChatTemplate, info: ModelInfo | None = None) -> None:
        info = info or model_info()
        self.study = study(template, frozenset(info.special_tokens.values()))
        self._renderer = Renderer(template, self.study, info)

    async def render(self, wish: Wish, client: str) -> Rendered:
        return self._renderer.render(wish)

    async def close(self) -> None:
        pass


class FakeTemplate(ChatTemplate):
    """Keeps what it was given."""

    def __init__(self) -> None:
        source = "{{ tools }}{% for m in messages %}{{ m.content }}{{ m.tool_calls }}{% endfor %}"
        self.rendered = []
        super().__init__(source, name="fake")
        self.rendered.clear()

    rendered: list[tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]]
    refusal: Failure | None = None

    def render(
        self, messages: Sequence[Mapping[str, Any]], kwargs: Mapping[str, Any] | None = None
    ) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.rendered.append((messages, kwargs or {}))
        return "prompt"


class Exchange:
    """One request to an ASGI application, whose client a test can let hang up."""

    def __init__(self, app: Any, path: str, body: Any) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._incoming.put_nowait({"type": "http.request", "body": content, "more_body": False})
        self._changed = asyncio.Event()
        self.messages: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        self.done = asyncio.ensure_future(app(scope, self._incoming.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self._changed.set()

    def hang_up(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {
            name.decode().lower(): value.decode() for name, value in self.messages[0]["headers"]
        }

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something that was sent makes a condition true."""
        while not condition():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 5)


def events(body: bytes | str) -> list[Any]:
    """The data of a stream's events; comments are left out."""
    text = body.decode() if isinstance(body, bytes) else body
    assert text.endswith("\n\n")
    datas: list[Any] = []
    for block in text[:-2].split("\n\n"):
        if block.startswith(":"):
            continue
        assert block.startswith("data: "), block
        assert "\n" not in block
        data = block.removeprefix("data: ")
        datas.append(data if data == "[DONE]" else json.loads(data))
    return datas
