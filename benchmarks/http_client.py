"""A client that costs next to nothing: it shares the cores with what it measures.

One connection an object, requests one after the other. Of a stream it notes when bytes came and
how many events were in them; the only JSON it reads is the end of the stream.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

_PATHS = {"prompt": "/v1/completions", "input": "/v1/embeddings"}
"""By the field that only the requests of this door have."""
_CHAT = "/v1/chat/completions"
_EVENT = b"data: {"
_TAIL = 4096
"""Bytes of a stream's end that are kept: the chunk with the usage is in them."""


@dataclass
class Answer:
    """A streamed answer. Times are ``time.perf_counter`` seconds."""

    sent: float
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    """When events came, and how many at once."""
    prompt_tokens: int = 0
    tokens: int = 0
    counted: bool = True
    """Whether the server counted the tokens; if not, there is no event with the usage."""
    talks: bool = True
    """A chat's stream, which begins with the role."""
    raw: list[bytes] | None = None
    """The stream itself, where it was to be kept."""

    @property
    def text(self) -> str:
        """What was said in a stream that was kept."""
        body = b"".join(self.raw or ())
        events = re.findall(rb"^data: (\{.*\})\r?$", body, re.MULTILINE)
        choices = [choice for each in events for choice in msgspec.json.decode(each)["choices"]]
        return "".join(_said(choice) for choice in choices)

    @property
    def text_arrivals(self) -> list[float]:
        """A time for each event with text: not a chat's role, the finish reason and the usage."""
        times = [at for at, count in self.arrivals for _ in range(count)]
        return times[int(self.talks) : -2 if self.counted else -1]

    @property
    def first_token(self) -> float:
        """Seconds from the request to the first text."""
        return self.text_arrivals[0] - self.sent


class Connection(asyncio.Protocol):
    """A kept-alive HTTP/1.1 connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: Answer | None = None
        self._done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to a server on this machine."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    async def stream(self, body: dict[str, Any], *, keep: bool = False) -> Answer:
        """Ask for a stream and follow it to its end."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        answer = self._answer = Answer(
            time.perf_counter(), talks="prompt" not in body, raw=[] if keep else None
        )
        tail = await self._ask(body | options)
        counts = dict(re.findall(rb'"(prompt|completion)_tokens":(\d+)', tail))
        if len(counts) == 2:
            answer.prompt_tokens, answer.tokens = int(counts[b"prompt"]), int(counts[b"completion"])
        elif b"data: [DONE]" in tail:  # llama-cpp-python's server has no usage in streams
            answer.counted = False
            full = re.search(rb'"finish_reason": ?"length"', tail)
            answer.tokens = body["max_tokens"] if full else len(answer.text_arrivals)
        else:
            raise RuntimeError(tail.decode())
        return answer

    async def whole(self, body: dict[str, Any]) -> bytes:
        """Ask for an answer in one piece; returns the response as it came."""
        response = await self.raw(body)
        if not response.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(response.decode())
        return response

    async def raw(self, body: dict[str, Any]) -> bytes:
        """The same, whatever comes of it."""
        self._answer = None
        return await self._ask(body)

    def hang_up(self) -> None:
        """Give up the stream under way: it ends with what came until now."""
        if not self._done.done():
            self._done.set_result(b'"prompt_tokens":0,"completion_tokens":0')
        self._answer = None
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    async def _ask(self, body: dict[str, Any]) -> bytes:
        assert self._transport is not None  # noqa: S101 - connected by ``open``
        content = msgspec.json.encode(body)
        path = next((path for field, path in _PATHS.items() if field in body), _CHAT)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self._buffer = b""
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(head.encode() + content)
        return await self._done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._answer is None:
            self._buffer += data
            ended = _complete(self._buffer)
        else:
            self._count(data, self._answer)
            ended = self._buffer.endswith(b"\r\n0\r\n\r\n") or _refused(self._buffer)
        if ended and not self._done.done():
            self._done.set_result(self._buffer)

    def _count(self, data: bytes, answer: Answer) -> None:
        """Count the events, also one whose first bytes came before."""
        if answer.raw is not None:
            answer.raw.append(data)
        carried = self._buffer[-len(_EVENT) + 1 :]
        count = (carried + data).count(_EVENT)
        if count:
            answer.arrivals.append((time.perf_counter(), count))
        self._buffer = (self._buffer + data)[-_TAIL:]


def decode_rate(answer: Answer) -> float:
    """Tokens a second behind the first one; 0 for an answer of one event or none."""
    arrivals = answer.text_arrivals
    took = arrivals[-1] - arrivals[0] if arrivals else 0.0
    return (answer.tokens - 1) / took if took else 0.0


def _said(choice: dict[str, Any]) -> str:
    return choice["text"] if "text" in choice else choice["delta"].get("content") or ""


def _complete(response: bytes) -> bool:
    head, end, body = response.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(end and length and len(body) >= int(length[1]))


def _refused(buffer: bytes) -> bool:
    """Whether the answer is no stream but an error, and all of it is there."""
    return buffer.startswith(b"HTTP/1.1") and b"200" not in buffer[:15] and _complete(buffer)


def chat(digits: int, tokens: int, *, greedy: bool = False) -> dict[str, Any]:
    """A request whose prompt is ``digits`` random digits in the model's template.

    Most vocabularies have a token for each digit, so the prompt grows by one token a digit.
    """
    content = "".join(random.choices("0123456789", k=digits))
    return {
        "messages": [{"role": "user", "content": content}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "temperature": 0 if greedy else 0.8,
    }


async def digits_for(connection: Connection, prompt_tokens: int) -> int:
    """How many digits make a prompt of that many tokens."""
    some = 8
    answer = await connection.stream(chat(some, 1))
    return max(1, prompt_tokens - (answer.prompt_tokens - some))
