"""What the servers are asked in ``benchmarks.compare``: each workload returns its figures."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.constrained import ask, document, named_call
from benchmarks.http_client import Connection, chat, decode_rate
from benchmarks.machine import busy_neighbour, cpu_seconds
from benchmarks.tables import percentile
from benchmarks.texts import STORIES, passages, question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.http_client import Answer

    Workload = Callable[["Target"], Awaitable[dict[str, float]]]
    Form = Callable[[dict[str, Any]], dict[str, Any]]

_ANSWER = 64
"""Tokens of a stream: short, so that two servers' turns lie close together."""
_BESIDE = 48
_SYSTEM_WORDS = 600
_SHARING = 16
_SHORT_WORD = 3
_CONVERSATIONS, _TURNS, _TALKING = 12, 4, 4
_SHORT, _LONG_TOKENS = 4, 2500
_README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
_WORDS = sorted({word for word in _README.split() if word.isalpha() and len(word) <= _SHORT_WORD})
"""Made-up vocabularies take several tokens for a word; of short ones about as many as real ones."""

Figures = dict[str, float]
Body = dict[str, Any]


def as_it_is(body: Body) -> Body:
    """The request as OpenAI's clients make it."""
    return body


def for_llama_server(body: Body) -> Body:
    """llama-server knows no names in ``tool_choice``: it gets the named tool alone, as required."""
    if not isinstance(body.get("tool_choice"), dict):
        return body
    name = body["tool_choice"]["function"]["name"]
    tools = [tool for tool in body["tools"] if tool["function"]["name"] == name]
    return body | {"tools": tools, "tool_choice": "required"}


def for_llama_cpp_python(body: Body) -> Body:
    """llama-cpp-python's server refuses ``json_schema``: it takes a schema beside
    ``json_object``."""
    if "response_format" not in body:
        return body
    schema = body["response_format"]["json_schema"]["schema"]
    return body | {"response_format": {"type": "json_object", "schema": schema}}


def for_base_model(body: Body) -> Body:
    """The messages' texts, for a model that goes on with a text and was not taught to talk."""
    texts = [message["content"] for message in body["messages"]]
    others = {name: value for name, value in body.items() if name != "messages"}
    return others | {"prompt": "\n\n".join(texts) + "\n\n"}


class Target(NamedTuple):
    """A server to ask, the form in which it takes a request, and what its model understands."""

    port: int
    form: Form = as_it_is
    natural: bool = False
    """Prompts in plain language; otherwise words and digits at random, and no answer ends early."""
    pids: tuple[int, ...] = ()
    """The server's processes."""

    def words(self, count: int, seed: object) -> str:
        """A text to read, different for each seed from the first word on."""
        if self.natural:
            return passages(count, seed)
        return " ".join(random.Random(str(seed)).choices(_WORDS, k=count))

    def question(self, count: int, seed: object) -> str:
        """Something to ask, of about so many words."""
        return question(seed) if self.natural else self.words(count, seed)

    def telling(self, number: int, tokens: int, *, greedy: bool) -> Body:
        """A request for a long answer."""
        body = chat(24, tokens, greedy=greedy)
        if self.natural:
            content = STORIES[number % len(STORIES)]
            body |= {"messages": [{"role": "user", "content": content}], "ignore_eos": False}
        return body


def _body(messages: list[dict[str, str]], tokens: int) -> Body:
    body = chat(1, tokens, greedy=True)
    body["messages"] = messages
    return body


def _count(streams: int) -> str:
    return f"{streams} stream{'s' * (streams > 1)}"


async def _streams(target: Target, bodies: Sequence[Body], most: int) -> list[Answer]:
    """Stream all bodies, ``most`` at a time; the answers in their order."""
    answers: list[Answer | None] = [None] * len(bodies)
    waiting = iter(enumerate(bodies))

    async def work() -> None:
        for number, body in waiting:
            # a connection for each, since llama-server closes it after a stream
            with closing(await Connection.open(target.port)) as connection:
                answers[number] = await connection.stream(target.form(body), keep=True)

    await asyncio.gather(*(work() for _ in range(most)))
    return [answer for answer in answers if answer is not None]


async def warming(target: Target) -> None:
    """A few tokens, so that no figure has in it what a server does once."""
    await _streams(target, [chat(8, 8, greedy=True)], 1)


async def generating(target: Target, streams: int, *, greedy: bool) -> Figures:
    """Tokens a second of some streams; of one, the time to its first token as well. And the CPU
    time of a token, the server's and this client's."""
    bodies = [target.telling(number, _ANSWER, greedy=greedy) for number in range(streams)]
    theirs, ours = cpu_seconds(target.pids), time.process_time()
    began = time.perf_counter()
    answers = await _streams(target, bodies, streams)
    took = time.perf_counter() - began
    theirs, ours = cpu_seconds(target.pids) - theirs, time.process_time() - ours
    tokens = sum(answer.tokens for answer in answers)
    name = _count(streams) if greedy else f"{_count(streams)}, sampled"
    found = {
        f"{name}, tokens/s": tokens / took if streams > 1 else decode_rate(answers[0]),
        f"{name}, CPU time a token, ms": theirs / tokens * 1e3,
        f"{name}, the client's CPU time a token, ms": ours / tokens * 1e3,
    }
    if streams == 1 and greedy:
        found[f"{name}, first token, ms"] = answers[0].first_token * 1e3
    return found


async def beside_neighbour(target: Target) -> Figures:
    """One stream while another program keeps a core busy."""
    body = target.telling(0, _BESIDE, greedy=True)
    with busy_neighbour():
        answers = await _streams(target, [body], 1)
    return {"1 stream beside a busy neighbour, tokens/s": decode_rate(answers[0])}


async def sharing(target: Target) -> Figures:
    """Requests that arrive together, after the same system prompt."""
    seed = time.perf_counter_ns()
    system = {"role": "system", "content": target.words(_SYSTEM_WORDS, seed)}
    bodies = [
        _body([system, {"role": "user", "content": target.question(12, (seed, number))}], 16)
        for number in range(_SHARING)
    ]
    began = time.perf_counter()
    await _streams(target, bodies, _SHARING)
    return {"shared 600-word prompt, requests/s": _SHARING / (time.perf_counter() - began)}


async def conversing(target: Target) -> Figures:
    """More conversations than slots, turn by turn."""
    seed = time.perf_counter_ns()
    talks = [
        [{"role": "system", "content": target.words(150, (seed, number))}]
        for number in range(_CONVERSATIONS)
    ]
    took, firsts = 0.0, []
    for turn in range(_TURNS):
        for number, talk in enumerate(talks):
            talk.append({"role": "user", "content": target.question(30, (seed, number, turn))})
        began = time.perf_counter()
        answers = await _streams(target, [_body(talk, 16) for talk in talks], _TALKING)
        if turn:
            took += time.perf_counter() - began
            firsts += [answer.first_token * 1e3 for answer in answers]
        for talk, answer in zip(talks, answers, strict=True):
            talk.append({"role": "assistant", "content": answer.text})
    return {
        "12 conversations, requests/s": _CONVERSATIONS * (_TURNS - 1) / took,
        "12 conversations, first token, ms": percentile(firsts, 50),
    }


async def documents(target: Target, streams: int) -> Figures:
    """JSON of a schema."""
    bodies = [target.form(document(number)) for number in range(2 * streams)]
    asked = await ask(target.port, bodies, streams)
    return {f"JSON schema, {_count(streams)}, documents/s": asked.whole / asked.seconds}


async def naming(target: Target, streams: int) -> Figures:
    """Calls of one of several tools, which the request names."""
    bodies = [target.form(named_call(number)) for number in range(2 * streams)]
    asked = await ask(target.port, bodies, streams)
    return {f"named tool, {_count(streams)}, calls/s": asked.whole / asked.seconds}


async def mixing(target: Target) -> Figures:
    """Short chats whose tokens should keep coming while long prompts are read."""
    bodies = [chat(16, 160, greedy=True) for _ in range(_SHORT)]
    reading = [chat(_LONG_TOKENS, 4, greedy=True) for _ in range(2)]
    answers, _ = await asyncio.gather(
        _streams(target, bodies, _SHORT), _streams(target, reading, 1)
    )
    gaps = [b - a for each in answers for a, b in pairwise(each.text_arrivals)]
    return {"mixed, p99 gap of short streams, ms": percentile(gaps, 99) * 1e3}


async def single_tokens(target: Target) -> Figures:
    """Requests for one token each, 8 at a time."""
    bodies = [chat(8, 1, greedy=True) for _ in range(200)]
    began = time.perf_counter()
    waiting = iter(bodies)

    async def work() -> None:
        with closing(await Connection.open(target.port)) as connection:
            for body in waiting:
                await connection.whole(target.form(body))

    await asyncio.gather(*(work() for _ in range(8)))
    return {"one-token requests/s": len(bodies) / (time.perf_counter() - began)}


STREAMS: list[Workload] = [
    partial(generating, streams=streams, greedy=greedy)
    for streams in (1, 8, 16)
    for greedy in (True, False)
]
"""The figures that lie closest together, and are measured most often."""

WORKLOADS: dict[str, list[Workload]] = {
    "generating": STREAMS,
    "neighbour": [beside_neighbour],
    "sharing": [sharing],
    "conversing": [conversing],
    "documents": [partial(documents, streams=streams) for streams in (1, 4)],
    "naming": [partial(naming, streams=streams) for streams in (1, 4)],
    "mixing": [mixing],
}
"""In small parts: what of them a server cannot do is missing by itself, and what is held against
each other is measured close together."""

NEED_TALK = ("documents", "naming")
"""Workloads that a model cannot do that was not taught to talk."""
