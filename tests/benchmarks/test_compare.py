"""What the comparison with other servers makes of its figures; it needs those to run."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import msgspec
import pytest

from benchmarks import compare, workloads
from benchmarks.compare import MARKS, Measured, Rounds, bars, joined, picture, rows
from benchmarks.constrained import _is_whole, document, named_call
from benchmarks.contenders import Contender
from benchmarks.http_client import Answer, Connection, chat
from benchmarks.jobs import Setup
from benchmarks.processes import running_server
from benchmarks.workloads import (
    STREAMS,
    WORKLOADS,
    Target,
    for_base_model,
    for_llama_cpp_python,
    for_llama_server,
    generating,
    naming,
    sharing,
)

SVG = "{http://www.w3.org/2000/svg}"
RECORD = {
    "identifier": "beta-0002",
    "status": "active",
    "priority": 3,
    "category": "network",
    "verified": True,
    "address": {"country": "France", "region": "west"},
    "currency": "EUR",
}


def measured(found: dict[str, list[tuple[float | None, ...]]]) -> Measured:
    """Figures of each round, in the order of the servers."""
    servers = ("Colonnade", "llama-server", "llama-cpp-python")
    rounds = [
        {
            server: {
                name: values[nth][place]
                for name, values in found.items()
                if values[nth][place] is not None
            }
            for place, server in enumerate(servers[: len(next(iter(found.values()))[0])])
        }
        for nth in range(len(next(iter(found.values()))))
    ]
    return Measured(Setup("some.gguf"), rounds)


THREE = measured(
    {
        "8 streams, tokens/s": [(120.0, 100.0, 10.0), (100.0, 100.0, 20.0)],
        "12 conversations, first token, ms": [(50.0, 100.0, None), (50.0, 100.0, None)],
        "mixed, p99 gap of short streams, ms": [(50.0, None, 5.0), (60.0, None, 6.0)],
        "named tool, 1 stream, calls/s": [(2.0, 0.0, 1.0), (2.0, 0.0, None)],
    }
)


def test_ratios_are_held_against_their_marks() -> None:
    found = measured(
        {
            "8 streams, tokens/s": [(120.0, 100.0), (100.0, 100.0), (130.0, 100.0)],
            "12 conversations, first token, ms": [(80.0, 100.0)] * 3,
            "not a mark": [(1.0, 1.0)] * 3,
        }
    )
    table = {row.name: row for row in rows(found)}
    assert table.keys() == {"8 streams, tokens/s", "12 conversations, first token, ms"}
    assert table["8 streams, tokens/s"].met is True
    assert table["8 streams, tokens/s"].more == ()
    assert table["12 conversations, first token, ms"].met is False
    assert table["12 conversations, first token, ms"].mark == "<= 0.70"


def test_missing_figures_are_dashes_and_a_third_server_has_columns() -> None:
    table = {row.name: row for row in rows(THREE)}
    streams = table["8 streams, tokens/s"]
    assert streams.more == ("15.0 (10.0-20.0)", "8.500 (5.000-12.000)")
    assert table["12 conversations, first token, ms"].more == ("–", "–")
    mixed = table["mixed, p99 gap of short streams, ms"]
    assert (mixed.ours, mixed.other, mixed.ratio, mixed.met) == ("55.0 (50.0-60.0)", "–", "–", None)
    named = table["named tool, 1 stream, calls/s"]
    assert (named.other, named.ratio, named.more) == ("0", "∞", ("1.000", "2.000"))


def test_sampled_streams_have_the_marks_of_greedy_ones() -> None:
    marks = {mark.name: mark for mark in MARKS}
    for streams in ("1 stream", "8 streams", "16 streams"):
        greedy, sampled = marks[f"{streams}, tokens/s"], marks[f"{streams}, sampled, tokens/s"]
        assert greedy.at_least == sampled.at_least is not None


def test_the_picture_has_a_bar_for_each_figure_that_has_a_ratio() -> None:
    root = ET.fromstring(picture([THREE]))
    groups = root.findall(f"{SVG}g")
    shown = [[box.get("class") for box in group.findall(f"{SVG}rect")] for group in groups]
    assert shown == [["bar ahead"], ["bar ahead"], ["bar ahead"], []]
    assert root.findtext(f"{SVG}title") == "Colonnade beside llama-server"
    assert [group.findtext(f"{SVG}title") for group in groups] == [
        "8 streams, tokens/s: 1.10×, mark 1×",
        "12 conversations, first token, ms (less is better): 2.00×, mark 1.43×",
        "named tool, 1 stream, calls/s: ∞, mark 5×",
        "mixed, p99 gap of short streams, ms (less is better): –, mark 2×",
    ]


def test_each_model_has_a_section_of_the_picture() -> None:
    one, two = (measured({"8 streams, tokens/s": [(2.0, 1.0)]}) for _ in range(2))
    two.setup = Setup("other.gguf")
    root = ET.fromstring(picture([one, two]))
    texts = [text.text or "" for text in root.findall(f"{SVG}text")]
    titles = [text for text in texts if ".gguf" in text]
    assert [title.partition(":")[0] for title in titles] == ["some.gguf", "other.gguf"]
    assert len(root.findall(f"{SVG}g")) == 2


def test_what_a_figure_took_is_in_the_table_and_not_in_the_picture() -> None:
    costs = {"8 streams, CPU time a token, ms": [(2.0, 1.0)], "8 streams, tokens/s": [(2.0, 1.0)]}
    found = measured(costs)
    assert [row.name for row in rows(found)] == [
        "8 streams, tokens/s",
        "8 streams, CPU time a token, ms",
    ]
    assert [bar.name for bar in bars(found)] == ["8 streams, tokens/s"]


def test_streams_may_have_more_rounds_than_the_rest() -> None:
    rounds = Rounds(streams=3, others=1)
    first, last = (rounds.workloads(nth, ["generating", "sharing"]) for nth in (0, 2))
    assert first == [*STREAMS, sharing]
    assert last == STREAMS
    one = [{"Colonnade": {"a": 1.0}}, {"Colonnade": {"a": 2.0}}]
    assert joined(one, [{"Colonnade": {"b": 3.0}}]) == [
        {"Colonnade": {"a": 1.0, "b": 3.0}},
        {"Colonnade": {"a": 2.0}},
    ]


def test_bars_begin_at_one_and_end_at_their_ratio() -> None:
    found = measured(
        {
            "1 stream, tokens/s": [(50.0, 100.0)],
            "8 streams, tokens/s": [(200.0, 100.0)],
            "one-token requests/s": [(100.0, 100.0)],
        }
    )
    boxes = [
        next(group.iter(f"{SVG}rect"))
        for group in ET.fromstring(picture([found])).findall(f"{SVG}g")
    ]
    slow, fast, level = ({key: box.get(key) for key in ("class", "x", "width")} for box in boxes)
    assert (slow["class"], fast["class"], level["class"]) == (
        "bar behind",
        "bar ahead",
        "bar ahead",
    )
    one = float(level["x"])
    assert float(fast["x"]) == one
    assert float(slow["x"]) + float(slow["width"]) == pytest.approx(one, abs=0.2)
    assert float(slow["width"]) == pytest.approx(float(fast["width"]), abs=0.2)


def test_less_is_better_is_drawn_the_other_way_round() -> None:
    bar = bars(measured({"1 stream, first token, ms": [(50.0, 100.0), (25.0, 100.0)]}))[0]
    assert (bar.ratio, bar.least, bar.most, bar.mark) == (3.0, 2.0, 4.0, 1.0)


def test_figures_are_kept_as_json_and_shown_again(tmp_path, capsys) -> None:
    first, again, svg = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.svg"
    first.write_bytes(msgspec.json.encode(THREE))
    flags = ["--from-json", str(first), "--json", str(again), "--picture", str(svg)]
    compare.main(flags)
    assert msgspec.json.decode(again.read_bytes(), type=Measured) == THREE
    assert svg.read_text(encoding="utf-8") == picture([THREE])
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("llama-cpp-python", "8 streams, tokens/s", "–", "∞"))


def test_without_servers_or_figures_there_is_nothing_to_do(capsys) -> None:
    with pytest.raises(SystemExit):
        compare.main([])
    assert "--from-json" in capsys.readouterr().err


def test_rounds_on_two_files_are_joined() -> None:
    one = [{"Colonnade": {"a": 1.0}, "llama-server": {}}]
    two = [{"Colonnade": {"b": 2.0}, "llama-server": {"b": 3.0}}]
    assert joined(one, two) == [{"Colonnade": {"a": 1.0, "b": 2.0}, "llama-server": {"b": 3.0}}]


def test_a_server_that_failed_is_started_anew_and_not_asked_again_what_took_too_long() -> None:
    started, asked = [], []

    @contextmanager
    def start():
        started.append(len(started))
        yield SimpleNamespace(
            port=1, pid=1, worker_pid=1
        )  # nothing listens there: warming up fails, too

    async def refused(_target: Target):
        asked.append("refused")
        raise RuntimeError

    async def endless(_target: Target):
        asked.append("endless")
        await asyncio.sleep(3600)

    async def fine(_target: Target):
        return {"figure": 1.0}

    with Contender("other", start) as server:
        for _ in range(2):
            assert server.figures(refused, 60) == {}
            assert server.figures(endless, 0.01) == {}
            assert server.figures(fine, 60) == {"figure": 1.0}
    assert asked == ["refused", "endless", "refused"]
    assert len(started) == 4


def test_each_server_is_asked_in_the_form_it_takes() -> None:
    named, record = named_call(1), document(1)
    assert for_llama_server(record) is record
    asked = for_llama_server(named)
    assert asked["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["make_record"]
    assert len(named["tools"]) == 4
    assert for_llama_cpp_python(named) is named
    asked = for_llama_cpp_python(record)["response_format"]
    assert asked["type"] == "json_object"
    assert asked["schema"]["required"] == list(RECORD)


def test_a_base_model_is_given_the_text_alone() -> None:
    asked = for_base_model(chat(4, 8) | {"messages": [{"role": "user", "content": "Once"}]})
    assert asked["prompt"] == "Once\n\n"
    assert "messages" not in asked
    assert asked["max_tokens"] == 8


@pytest.mark.parametrize(
    ("name", "arguments", "whole"),
    [
        ("make_record", RECORD, True),
        ("find_record", RECORD, False),
        ("make_record", RECORD | {"priority": 47}, False),
        ("make_record", RECORD | {"address": {"country": "France"}}, False),
        ("make_record", {"identifier": "beta-0002"}, False),
    ],
)
def test_only_valid_arguments_of_the_named_tool_count(name, arguments, whole) -> None:
    function = {"name": name, "arguments": json.dumps(arguments)}
    message = {"content": None, "tool_calls": [{"function": function}]}
    assert _is_whole({"choices": [{"message": message}]}, named_call(1)) is whole


def test_text_is_no_call_and_half_a_document_is_none() -> None:
    answer = {"choices": [{"message": {"content": '{"identifier": '}}]}
    assert not _is_whole(answer, named_call(1))
    assert not _is_whole(answer, document(1))


def test_the_text_of_a_kept_stream() -> None:
    raw = [
        b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\r\n\r\n',
        b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\ndata: {"choi',
        b'ces":[{"delta":{"content":"lo"}}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n',
    ]
    assert Answer(0.0, raw=raw).text == "Hello"


@pytest.mark.parametrize(("reason", "tokens"), [("length", 8), ("stop", 2)])
def test_tokens_of_a_stream_without_usage(reason, tokens) -> None:
    events = [
        '{"choices": [{"delta": {"role": "assistant"}, "finish_reason": null}]}',
        '{"choices": [{"delta": {"content": "a"}, "finish_reason": null}]}',
        '{"choices": [{"delta": {"content": "b"}, "finish_reason": null}]}',
        f'{{"choices": [{{"delta": {{}}, "finish_reason": "{reason}"}}]}}',
        "[DONE]",
    ]
    chunks = [f"data: {event}\n\n" for event in events]
    body = "".join(f"{len(chunk):x}\r\n{chunk}\r\n" for chunk in chunks) + "0\r\n\r\n"
    head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def serve(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    async def ask() -> Answer:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            connection = await Connection.open(server.sockets[0].getsockname()[1])
            answer = await connection.stream(chat(4, 8))
            connection.close()
            return answer

    answer = asyncio.run(ask())
    assert (answer.tokens, len(answer.text_arrivals)) == (tokens, 2)


def test_workloads_run_against_a_server(random_model, monkeypatch) -> None:
    monkeypatch.setattr(workloads, "_SYSTEM_WORDS", 40)
    assert {"generating", "naming", "documents", "mixing"} <= WORKLOADS.keys()

    async def ask(target: Target) -> dict[str, float]:
        found = await generating(target, 8, greedy=False)
        return found | await sharing(target) | await naming(target, 1)

    with running_server(Setup(str(random_model("llama")), 1, 4, 2048, 256)) as server:
        found = asyncio.run(ask(Target(server.port)))
    assert len(found.keys() & {mark.name for mark in MARKS}) == 3
    assert all(value > 0 for name, value in found.items() if "CPU" not in name)
