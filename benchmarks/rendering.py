"""What it costs that chat templates render in a process of their own.

    python -m benchmarks.rendering [TEMPLATE.jinja] [--full]

Each conversation is rendered in this process and in the template's own, one after the other and
many at once; what the event loop is busy with for the latter is its process's time.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import uvloop

from colonnade.generation import Template
from colonnade.prompt import choose_template
from colonnade.prompt.calls import Tool, ToolUse
from colonnade.prompt.packaged import packaged_source
from colonnade.prompt.rendering import Renderer, Wish
from tests.api.fakes import model_info

TOKENS = ("<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>")


def definition(number: int) -> Tool:
    """A tool of usual size."""
    parameters = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city's name."},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    }
    text = "Looks something up in a table that somebody keeps."
    function = {"name": f"tool{number}", "description": text, "parameters": parameters}
    shown = {"type": "function", "function": function}
    return Tool(f"tool{number}", text, parameters, given=shown)


def wish(messages: int, characters: int, tools: int) -> Wish:
    """A conversation of so many messages, each of so many characters."""
    turns = tuple(
        {"role": ("user", "assistant")[number % 2], "content": "word " * (characters // 5)}
        for number in range(messages)
    )
    return Wish(turns, {}, ToolUse(tuple(map(definition, range(tools)))) if tools else None)


CASES = {
    "1 message": (wish(1, 100, 0), 400, 64),
    "21 messages, 10 tools": (wish(21, 400, 10), 100, 64),
    "2 MB in 21 messages": (wish(21, 100_000, 0), 10, 16),
}
"""(what is rendered, how often, how many at once)"""


async def measure(source: str, times: int) -> None:
    """Print what each case takes."""
    info = model_info(
        chat_templates={"default": source},
        special_tokens=dict(enumerate(TOKENS)),
        control_tokens=tuple(range(len(TOKENS))),
    )
    template = await Template.start(info)
    renderer = Renderer(choose_template(info), template.study, info)
    print(f"{'':24}{'here':>10}{'there':>10}{'at once':>10}{'the loop':>10}   (ms each)")
    for name, (one, often, many) in CASES.items():
        if renderer.render(one) != await template.render(one, ""):
            msg = f"{name}: the two differ"
            raise AssertionError(msg)
        start = time.perf_counter()
        for _ in range(often * times):
            renderer.render(one)
        here = (time.perf_counter() - start) / often / times
        start = time.perf_counter()
        for _ in range(often * times):
            await template.render(one, "")
        there = (time.perf_counter() - start) / often / times
        start, busy = time.perf_counter(), time.process_time()
        for _ in range(times):
            await asyncio.gather(*(template.render(one, str(client)) for client in range(many)))
        at_once = (time.perf_counter() - start) / many / times
        loop = (time.process_time() - busy) / many / times
        figures = "".join(f"{each * 1e3:10.3f}" for each in (here, there, at_once, loop))
        print(f"{name:24}{figures}")
    await template.close()


def main() -> None:
    """Measure as told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("template", nargs="?", type=Path)
    parser.add_argument("--full", action="store_true", help="ten times as often")
    options = parser.parse_args()
    source = packaged_source("llama3")
    if options.template is not None:
        source = options.template.read_text(encoding="utf-8")
    uvloop.run(measure(source, 10 if options.full else 1))


if __name__ == "__main__":
    main()
