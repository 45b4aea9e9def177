"""The choices of layout on one file: KV parts, flash attention, micro-batches, threads.

    python -m benchmarks.layouts MODEL.gguf --rounds 3

Each round makes a context for each layout in turn, measures it and frees it, so that only one at a
time takes memory; every other round goes backwards. The first column is what the server does unless
it is told otherwise, measured again with each group; each ratio is a layout's figure to the
server's of the same round. Flash attention that is ``on`` is what ``auto`` comes to on most models:
what its ratios differ from 1 is noise.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import os
import random
import sys
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import llama_cpp
from rich.console import Console
from rich.table import Table

from benchmarks.as_worker import wait_as_a_worker
from benchmarks.tables import spread
from colonnade.worker.llama.batch import Batch
from colonnade.worker.ports import Chunk
from colonnade.worker.threads import physical_cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

SLOTS = 8
_ROWS_FOR_PROMPTS = 64
"""Rows of logits that a server keeps room for beside one a slot."""

_DECODING = (1, 2, 4, 5, 6, 7, 8)
_READ_AT_ONCE = (2, 4, 8, 16)
_PIECES = (32, 128)
_UBATCHES = (64, 128, 256)
_LARGE = 2048

_SERVER = "server"

_ABREAST = 3
"""Layouts in one table."""
_WIDTH = 200

_AUTO = llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO
_ON = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
_OFF = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED


class Layout(NamedTuple):
    """A context's shape; the defaults are what ``open_context`` makes of the server's."""

    group: str
    name: str = _SERVER
    unified: bool = False
    flash: int = _AUTO
    batch: int = 512
    """Most tokens of one ``llama_decode``."""
    ubatch: int = 512
    """Most tokens that go through the weights at once."""
    threads: int = 0
    """For a batch of a single token; 0 for a thread a physical core."""
    threads_batch: int = 0
    """For all others: llama.cpp counts a step of two sequences among them."""


class Workload(NamedTuple):
    """What is measured on each layout, in tokens."""

    depth: int = 256
    """What each sequence has read before."""
    prompt: int = 512
    decoding: Sequence[int] = _DECODING
    """Sequences that decode side by side."""
    at_once: Sequence[int] = _READ_AT_ONCE
    """Read by one sequence with logits for all, as a draft is."""
    pieces: Sequence[int] = _PIECES
    """Read of a prompt beside all other sequences."""
    steps: int = 8
    """Measured for each figure, after one that is not."""


def layouts(cores: int | None = None) -> list[Layout]:
    """Every group of layouts, each with the server's own in front; threads up to ``cores``."""
    others = [
        Layout("KV cache", "unified", unified=True),
        Layout("flash attention", "on", flash=_ON),
        Layout("flash attention", "off", flash=_OFF),
        Layout("flash attention", "off, unified", unified=True, flash=_OFF),
        *(Layout("micro-batch", str(size), ubatch=size) for size in _UBATCHES),
        Layout("micro-batch", f"512 of {_LARGE}", batch=_LARGE),
        Layout("micro-batch", str(_LARGE), batch=_LARGE, ubatch=_LARGE),
        *_threads(cores or os.cpu_count() or 1),
    ]
    found = []
    for group, members in itertools.groupby(others, key=lambda layout: layout.group):
        found += [Layout(group), *members]
    return found


def _threads(cores: int) -> Iterator[Layout]:
    for count in _thread_counts(cores):
        if count != physical_cores():
            yield Layout("threads", f"{count} for one token", threads=count)
            yield Layout("threads", f"{count} for more", threads_batch=count)
            yield Layout("threads", str(count), threads=count, threads_batch=count)


def _thread_counts(cores: int) -> list[int]:
    """1, 2, 4 and so on, and ``cores``."""
    return sorted({cores, *(1 << power for power in range(cores.bit_length()))})


class Figures:
    """A layout's context, and what it is asked to do."""

    def __init__(self, model: Any, layout: Layout, work: Workload, ctx_size: int) -> None:  # noqa: ANN401
        params = _params(layout, ctx_size)
        self._context = llama_cpp.llama_init_from_model(model, params)
        if not self._context:
            msg = f"no context: {layout}"
            raise RuntimeError(msg)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        self._batch = Batch(params.n_batch)
        self._most = int(params.n_batch)
        self._work = work

    def close(self) -> None:
        """Free the context."""
        llama_cpp.llama_free(self._context)

    def measure(self) -> dict[str, float]:
        """Every figure by name: milliseconds of a step, and the prompt's tokens a second."""
        work = self._work
        self._fill()
        found = {}
        for count in work.decoding:
            name = f"decode, {count} sequence{'s' * (count > 1)}, ms"
            found[name] = self._step([self._chunk(slot, 1, 1) for slot in range(count)])
        for count in work.at_once:
            found[f"1 sequence reads {count}, ms"] = self._step([self._chunk(0, count, count)])
        others = [self._chunk(slot, 1, 1) for slot in range(SLOTS - 1)]
        for count in work.pieces:
            piece = self._chunk(SLOTS - 1, count, 0)
            found[f"{SLOTS - 1} decode beside a piece of {count}, ms"] = self._step(
                [*others, piece]
            )
        found[f"prompt of {work.prompt}, tokens/s"] = self._prompt()
        return found

    def _fill(self) -> None:
        """Bring every sequence to the depth: one reads, the others take copies."""
        self._read(0, self._work.depth)
        size = llama_cpp.llama_state_seq_get_size(self._context, 0)
        state = (ctypes.c_uint8 * size)()
        llama_cpp.llama_state_seq_get_data(self._context, state, size, 0)
        for slot in range(1, SLOTS):
            if not llama_cpp.llama_state_seq_set_data(self._context, state, size, slot):
                msg = "a state could not be copied"
                raise RuntimeError(msg)

    def _step(self, chunks: Sequence[Chunk]) -> float:
        """Median milliseconds; each time from the same depth."""
        times = []
        for _ in range(self._work.steps + 1):
            times.append(self._decode(chunks) * 1e3)
            self._cut(chunks)
        return median(times[1:])

    def _prompt(self) -> float:
        """Tokens a second of a prompt that one sequence reads from its beginning."""
        llama_cpp.llama_memory_seq_rm(self._memory, SLOTS - 1, -1, -1)
        return self._work.prompt / self._read(SLOTS - 1, self._work.prompt)

    def _read(self, slot: int, count: int) -> float:
        """Read random tokens; returns the seconds."""
        seconds = 0.0
        for start in range(0, count, self._most):
            end = min(count, start + self._most)
            tokens = self._tokens(end - start)
            seconds += self._decode([Chunk(slot, start, tokens, int(end == count))])
        return seconds

    def _chunk(self, slot: int, count: int, outputs: int) -> Chunk:
        return Chunk(slot, self._work.depth, self._tokens(count), outputs)

    def _tokens(self, count: int) -> list[int]:
        return random.choices(range(self._vocab_size), k=count)

    def _decode(self, chunks: Sequence[Chunk]) -> float:
        self._batch.fill(chunks)
        began = time.perf_counter()
        status = llama_cpp.llama_decode(self._context, self._batch.raw)
        llama_cpp.llama_synchronize(self._context)
        took = time.perf_counter() - began
        if status != 0:
            msg = f"llama_decode returned {status}"
            raise RuntimeError(msg)
        return took

    def _cut(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            removed = llama_cpp.llama_memory_seq_rm(self._memory, chunk.slot, self._work.depth, -1)
            if not removed:
                msg = "this model's memory cannot be cut, so that no step can be run twice"
                raise RuntimeError(msg)


def _params(layout: Layout, ctx_size: int) -> Any:  # noqa: ANN401
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = ctx_size * SLOTS
    params.n_seq_max = SLOTS
    params.n_batch = layout.batch
    params.n_ubatch = layout.ubatch
    params.n_outputs_max = SLOTS + _ROWS_FOR_PROMPTS
    params.n_threads = layout.threads or physical_cores()
    params.n_threads_batch = layout.threads_batch or physical_cores()
    params.flash_attn_type = layout.flash
    params.kv_unified = layout.unified
    params.no_perf = True
    return params


Found = dict[str, list[float]]
"""A layout's figures by name, one a round."""


def measure(
    path: Path, chosen: Sequence[Layout], work: Workload, *, ctx_size: int, rounds: int
) -> list[Found]:
    """Figures of each layout, measured in alternating rounds.

    Raises:
        RuntimeError: the file cannot be loaded, or a layout cannot be had.
    """
    with closing(Model(path)) as model:
        model.figures(chosen[0], work, ctx_size)  # what only happens once
        found: list[Found] = [{} for _ in chosen]
        for number in range(rounds):
            turns = list(zip(chosen, found, strict=True))
            for layout, figures in turns[::-1] if number % 2 else turns:
                for name, value in model.figures(layout, work, ctx_size).items():
                    figures.setdefault(name, []).append(value)
    return found


class Model:
    """A file whose weights are loaded once for all contexts."""

    def __init__(self, path: Path) -> None:
        llama_cpp.llama_log_set(_quiet, None)
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            msg = f"{path} cannot be loaded"
            raise RuntimeError(msg)

    def figures(self, layout: Layout, work: Workload, ctx_size: int) -> dict[str, float]:
        """Make a context, measure and free it."""
        with closing(Figures(self._model, layout, work, ctx_size)) as figures:
            return figures.measure()

    def close(self) -> None:
        """Free the weights."""
        llama_cpp.llama_model_free(self._model)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _quiet(_level: int, _text: bytes, _data: object) -> None:
    pass


def ratios(figures: Sequence[float], own: Sequence[float]) -> list[float]:
    """Of each round, a layout's figure to the server's."""
    return [one / two for one, two in zip(figures, own, strict=True)]


def print_group(group: str, own: Found, others: Mapping[str, Found], file: TextIO) -> None:
    """A table: the server's figures, and beside them those of the layouts of a group."""
    table = Table(title=group, title_justify="left")
    table.add_column("figure")
    for column in ("server", *(text for name in others for text in (name, "ratio"))):
        table.add_column(column, justify="right")
    for name, values in own.items():
        cells = [spread(values)]
        for each in others.values():
            cells += [spread(each[name]), spread(ratios(each[name], values), 2)]
        table.add_row(name, *cells)
    Console(file=file, width=None if file.isatty() else _WIDTH).print(table)


def print_all(chosen: Sequence[Layout], found: Sequence[Found], file: TextIO) -> None:
    """Tables of each group, each of at most three layouts, so that it fits a page."""
    for group in dict.fromkeys(layout.group for layout in chosen):
        members = {
            layout.name: figures
            for layout, figures in zip(chosen, found, strict=True)
            if layout.group == group
        }
        own = members.pop(_SERVER)
        names = list(members)
        for start in range(0, len(names), _ABREAST):
            part = {name: members[name] for name in names[start : start + _ABREAST]}
            print_group(group, own, part, file)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layouts")
    parser.add_argument("model", type=Path, metavar="MODEL.gguf")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--depth", type=int, default=256, help="tokens that each sequence has read")
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=8, help="of each figure in a round")
    parser.add_argument("--ctx-size", type=int, default=1024, help="tokens a sequence")
    groups = list(dict.fromkeys(layout.group for layout in layouts()))
    parser.add_argument("--groups", nargs="+", choices=groups, help="all unless given")
    options = parser.parse_args()
    wait_as_a_worker("benchmarks.layouts")
    chosen = [layout for layout in layouts() if layout.group in (options.groups or [layout.group])]
    work = Workload(options.depth, options.prompt_tokens, steps=options.steps)
    found = measure(options.model, chosen, work, ctx_size=options.ctx_size, rounds=options.rounds)
    print_all(chosen, found, sys.stdout)


if __name__ == "__main__":
    main()
