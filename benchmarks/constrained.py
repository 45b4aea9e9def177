"""Constrained answers: how many a second beside llama-server, and what a constraint costs.

    python -m benchmarks.constrained MODEL.gguf --llama-server LLAMA_SERVER --rounds 3

Both servers have the model loaded; one is idle while the other runs. The document is mostly fixed
keys and enums. Without ``--llama-server`` only what needs no other server is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import closing
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import uvloop

from benchmarks.http_client import Connection, chat
from benchmarks.jobs import Setup, add_setup, setup_of
from benchmarks.processes import running_llama_server, running_server
from benchmarks.tables import Row, percentile, print_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from benchmarks.processes import Server

_FIELDS: dict[str, Any] = {
    "identifier": {"enum": ["alpha-0001", "beta-0002", "gamma-0003"]},
    "status": {"enum": ["active", "inactive", "suspended"]},
    "priority": {"enum": [1, 2, 3, 4, 5]},  # llama-cpp-python's grammars leave bounds out
    "category": {"enum": ["hardware", "software", "network"]},
    "verified": {"type": "boolean"},
    "address": {
        "type": "object",
        "properties": {
            "country": {"enum": ["Germany", "France", "Spain"]},
            "region": {"enum": ["north", "south", "east", "west"]},
        },
        "required": ["country", "region"],
        "additionalProperties": False,
    },
    "currency": {"enum": ["EUR", "USD", "GBP"]},
}
_SCHEMA = {
    "type": "object",
    "properties": _FIELDS,
    "required": list(_FIELDS),
    "additionalProperties": False,
}
_TALKERS = 4


def document(number: int) -> dict[str, Any]:
    """A request for a document of the schema."""
    return {
        "messages": [{"role": "user", "content": f"Make record number {number}, as JSON."}],
        "temperature": 0.8,
        "max_tokens": 500,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "record", "schema": _SCHEMA, "strict": True},
        },
        "chat_template_kwargs": {"enable_thinking": False},
    }


def call(number: int) -> dict[str, Any]:
    """A request for a call of the one tool there is, which llama-server takes no other way."""
    return {
        "messages": [{"role": "user", "content": f"Make record number {number}."}],
        "temperature": 0.8,
        "max_tokens": 500,
        "tools": [_tool("make_record", "Make a record.", _FIELDS)],
        "tool_choice": "required",
        "chat_template_kwargs": {"enable_thinking": False},
    }


def named_call(number: int) -> dict[str, Any]:
    """A request for a call of one of several tools, by its name."""
    identifier = {"identifier": _FIELDS["identifier"]}
    body = call(number)
    body["tools"] = [
        _tool("find_record", "Find a record.", identifier),
        *body["tools"],
        _tool("change_status", "Change it.", identifier | {"status": _FIELDS["status"]}),
        _tool("delete_record", "Delete a record.", identifier),
    ]
    body["tool_choice"] = {"type": "function", "function": {"name": "make_record"}}
    return body


def _tool(name: str, description: str, fields: dict[str, Any]) -> dict[str, Any]:
    parameters = _SCHEMA | {"properties": fields, "required": list(fields)}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def letters(tokens: int, *, constrained: bool) -> dict[str, Any]:
    """A request for an answer of some tokens: free, or a JSON string, of which hardly any is
    forced."""
    body = chat(8, tokens)
    if constrained:
        del body["ignore_eos"]
        body["structured_outputs"] = {"json": {"type": "string", "minLength": tokens}}
        body["chat_template_kwargs"] = {"enable_thinking": False}
    return body


def large_schema(size: int) -> dict[str, Any]:
    """A schema of about ``size`` bytes of JSON, different each time."""
    mark = time.perf_counter_ns()
    field = {"type": "string", "pattern": "^[a-z]{3,12}-[0-9]+$"}
    closed = {"type": "object", "additionalProperties": False}
    parts: dict[str, Any] = {}
    while len(json.dumps(parts)) < size:
        fields = {f"field_{mark}_{len(parts)}_{number}": field for number in range(20)}
        parts[f"part_{len(parts)}"] = {**closed, "properties": fields}
    return {**closed, "properties": parts}


class Asked(NamedTuple):
    """What some requests took in seconds, how many of their answers were whole, and how many tokens
    a second each was generated with, where the server says so."""

    seconds: float
    whole: int
    token_rates: list[float]


async def ask(port: int, bodies: Sequence[dict[str, Any]], streams: int) -> Asked:
    """Answer the bodies over some connections."""
    waiting = iter(bodies)
    whole = 0
    token_rates: list[float] = []

    async def work() -> None:
        nonlocal whole
        with closing(await Connection.open(port)) as connection:
            for body in waiting:
                answer = msgspec.json.decode(_content(await connection.whole(body)))
                if "timings" in answer:
                    token_rates.append(answer["timings"]["predicted_per_second"])
                whole += _is_whole(answer, body)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(streams)))
    return Asked(time.perf_counter() - began, whole, token_rates)


def _content(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


def _is_whole(answer: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether an answer is what was asked for. White space without end is one way not to be."""
    if "structured_outputs" in body:
        return True
    message = answer["choices"][0]["message"]
    text = message["content"] or ""
    if "tools" in body:
        calls = [each["function"] for each in message.get("tool_calls") or ()]
        wanted = [each["arguments"] for each in calls if each["name"] == "make_record"]
        text = wanted[0] if wanted else ""
    try:
        return _fits(json.loads(text), _SCHEMA)
    except ValueError:
        return False


def _fits(value: object, schema: dict[str, Any]) -> bool:
    """Whether a value is of the schema, of which no more is known here than ``_FIELDS`` needs."""
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "boolean":
        return isinstance(value, bool)
    fields = schema["properties"]
    if not isinstance(value, dict) or value.keys() != fields.keys():
        return False
    return all(_fits(value[name], fields[name]) for name in fields)


def rates(
    servers: Sequence[Server],
    make: Callable[[int], dict[str, Any]],
    streams: int,
    each: int,
    rounds: int,
) -> list[list[float]]:
    """Whole answers a second of each server, in alternating rounds."""
    found: list[list[float]] = [[] for _ in servers]
    for number in range(rounds):
        bodies = [make(number * 1000 + i) for i in range(each * streams)]
        for server, rate in zip(servers, found, strict=True):
            asked = uvloop.run(ask(server.port, bodies, streams))
            rate.append(asked.whole / asked.seconds)
    return found


def beside(
    ours: Server, theirs: Server, streams: Sequence[int], each: int, rounds: int, at_least: float
) -> list[Row]:
    """Documents and calls a second against the other server."""
    rows = []
    for name, make in (("JSON schema", document), ("tool call", call)):
        for count in streams:
            one, two = rates((ours, theirs), make, count, each, rounds)
            title = f"{name}, {count} stream{'s' * (count > 1)} (answers/s)"
            rows.append(Row.compared(title, one, two, at_least=at_least))
    return rows


def cost(server: Server, streams: int, tokens: int, rounds: int) -> Row:
    """Tokens a second under a constraint that forces nothing, against free text."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for constrained, rate in found.items():
            bodies = [letters(tokens, constrained=constrained)] * streams
            asked = uvloop.run(ask(server.port, bodies, streams))
            rate.append(median(asked.token_rates))
    name = f"tokens/s of each of {streams} streams, JSON text against free text"
    return Row.compared(name, found[True], found[False], at_least=0.95)


async def gaps_beside_compiling(server: Server, size: int) -> list[Row]:
    """Gaps between tokens of running streams, alone and while a large schema is compiled."""
    talkers = [await Connection.open(server.port) for _ in range(_TALKERS)]
    other = await Connection.open(server.port)
    streams = [asyncio.create_task(each.stream(chat(8, 1000))) for each in talkers]
    await asyncio.sleep(1)
    asked = time.perf_counter()
    body = document(0)
    body["response_format"]["json_schema"]["schema"] = large_schema(size)
    body["max_tokens"] = 1
    await other.whole(body)
    answered = time.perf_counter()
    await asyncio.sleep(1)
    for each in talkers:
        each.hang_up()
    answers = await asyncio.gather(*streams)
    other.close()
    times = [[at for at, _ in answer.arrivals[1:]] for answer in answers]
    gaps = [(one, two) for arrivals in times for one, two in pairwise(arrivals)]
    alone = [(two - one) * 1e3 for one, two in gaps if two < asked]
    during = [(two - one) * 1e3 for one, two in gaps if one < answered and two > asked]
    return [
        _gaps_row(f"gap between tokens of {_TALKERS} streams alone", alone),
        _gaps_row(f"... while a schema of {size // 1000} kB is compiled", during),
        Row.bounded("... and its answer of one token", answered - asked, "s"),
    ]


def _gaps_row(name: str, found: Sequence[float]) -> Row:
    if not found:
        return Row(name, "none")
    figure = f"p50 {median(found):.0f}, p99 {percentile(found, 99):.0f} ms"
    return Row(name, figure, note=f"most {max(found):.0f} ms, {len(found)} gaps")


def run(work: Coroutine[Any, Any, list[Row]]) -> list[Row]:
    """Run on a fresh event loop."""
    return uvloop.run(work)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.constrained")
    add_setup(parser)
    parser.add_argument("--llama-server", metavar="PATH", help="to measure beside")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--each", type=int, default=2, help="answers a stream and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64, help="of the answers under a pattern")
    parser.add_argument("--at-least", type=float, default=4.0, help="the ratio to reach")
    options = parser.parse_args(arguments)
    setup: Setup = setup_of(options)
    with running_server(setup) as server:
        if options.llama_server:
            with running_llama_server(options.llama_server, setup) as theirs:
                rows = beside(
                    server,
                    theirs,
                    options.streams,
                    options.each,
                    options.rounds,
                    options.at_least,
                )
            print_rows(rows, sys.stdout, "Answers a second", other="llama-server")
        rows = [cost(server, setup.slots, options.tokens, options.rounds)]
        print_rows(rows, sys.stdout, "What a constraint costs", other="free text")
        print_rows(run(gaps_beside_compiling(server, 100_000)), sys.stdout, "Compiling")


if __name__ == "__main__":
    main()
