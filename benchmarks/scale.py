"""What grows with load: the scheduler with a long queue, the search for prefixes, saved states.

    python -m benchmarks.scale
    python -m benchmarks.scale MODEL.gguf      # saving and restoring the states of a slot, too

The scheduler runs on a memory that holds nothing, so that its times are its own. A step is one
``plan`` and its ``applied``; what a model would do between the two is left out.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.as_worker import wait_as_a_worker
from benchmarks.tables import Row, percentile, print_rows, spread
from colonnade.messages import Decoding, LoadModel
from colonnade.worker.llama import LlamaModel
from colonnade.worker.ports import Chunk, State
from colonnade.worker.prefixes import PrefixTree
from colonnade.worker.scheduler import Limits, Plan, Scheduler
from colonnade.worker.sequence import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

QUEUES = (0, 50, 200, 1000, 2000)
CLIENTS = (1, 200)
STORED = (10, 100, 1_000, 10_000)
STATE_TOKENS = (256, 2048)

FLAT = 1.5
"""What a step may take with a queue, in steps without one: more is no noise."""
FIND_MS = 1.0
_STORED_OF_MARK = 1_000

SLOTS = 8
_CTX_SIZE = 4096
_BATCH = 512
_OWN = 200
"""Tokens of a prompt, its own or behind those that it shares."""
_SHARED = 150
"""First tokens that all prompts share in the workload of that name."""
_READ_BY_ONE = 2400
"""The same, where one sequence reads them and the others wait for it."""
_PIECE = 8
"""Tokens that it reads a step, few of them, so that it takes many."""
_STEPS_OF_PIECES = 250
_STATE_SIZE = 1 << 20
_CACHE_SIZE = 256 << 20
_VOCAB = 32_000
_IDS = list(range(_VOCAB))
"""One object a token, so that ten million of them fit."""

_CELLS = 256
"""llama.cpp makes the part of a sequence a multiple of this."""

_LENGTH = 1_000
"""Tokens of a stored prefix."""
_TRUNK = 900
"""First tokens that all stored prefixes share in the shape of that name."""


class NoMemory:
    """A ``ports.Memory`` without a model behind it: it takes no time and says yes."""

    whole = False
    forgets = True

    def __init__(self) -> None:
        self._state = bytearray(_STATE_SIZE)

    def can_keep(self, slot: int, length: int) -> bool:  # noqa: ARG002
        """See ``ports.Memory``."""
        return True

    def keep(self, slot: int, length: int) -> int:  # noqa: ARG002
        """See ``ports.Memory``."""
        return length

    def size(self, slot: int) -> int:  # noqa: ARG002
        """See ``ports.Memory``."""
        return _STATE_SIZE

    def save(self, slot: int) -> State:  # noqa: ARG002
        """See ``ports.Memory``; the same bytes for all."""
        return self._state

    def load(self, slot: int, state: State) -> None:
        """See ``ports.Memory``."""


class NoSampler:
    """A ``ports.Sampler`` that is never asked."""

    def accept(self, token: int) -> None:
        """See ``ports.Sampler``."""

    def close(self) -> None:
        """See ``ports.Sampler``."""


class Busy:
    """A scheduler whose slots all decode, with ``queued`` requests of ``clients`` behind them."""

    def __init__(self, queued: int, clients: int, *, shared: int = 0) -> None:
        """``shared``: first tokens that all prompts have in common."""
        limits = Limits(SLOTS, _CTX_SIZE, _BATCH, _BATCH, _CACHE_SIZE)
        self._scheduler = Scheduler(limits, NoMemory())
        self._random = random.Random(0)
        self._clients = itertools.cycle(range(clients))
        self._ids = itertools.count()
        self._budget = _BATCH
        self._beginning = self._tokens(shared)
        self._fill(queued)

    def _fill(self, queued: int) -> None:
        self._start(SLOTS)
        self._queue(queued)

    def _start(self, count: int) -> None:
        """Add requests and read their prompts."""
        self._queue(count)
        self.step()
        while not all(each.prompt_is_read for each in self._scheduler.running):
            self.step()

    def _queue(self, count: int) -> None:
        for _ in range(count):
            self._scheduler.add(self._request())

    def step(self) -> float:
        """Milliseconds of a step."""
        began = time.perf_counter()
        plan = self._scheduler.plan(self._budget)
        assert plan is not None  # noqa: S101 - all slots are taken
        self._scheduler.applied(plan)
        took = time.perf_counter() - began
        _draw(plan)
        return took * 1e3

    def turnover(self) -> float:
        """Milliseconds of a step in which the sequence that has run for longest has just ended,
        so that one of those that wait starts. As many wait after it as before."""
        self._scheduler.add(self._request())
        oldest = min(self._scheduler.running, key=lambda each: each.request.submitted)
        self._scheduler.release(oldest)
        return self.step()

    def cancellation(self) -> float:
        """Milliseconds of taking the newest request out of the queue."""
        request = self._request()
        self._scheduler.add(request)
        began = time.perf_counter()
        self._scheduler.remove(request)
        return (time.perf_counter() - began) * 1e3

    def _request(self) -> Request:
        number = next(self._ids)
        return Request(
            id=number,
            prompt=self._beginning + self._tokens(_OWN),
            decoding=Decoding(),
            samplers=lambda _choice, _prompt: NoSampler(),
            guides=lambda _choice: None,
            submitted=float(number),
            client=f"client {next(self._clients)}",
        )

    def _tokens(self, count: int) -> list[int]:
        return self._random.choices(_IDS, k=count)


class Waiting(Busy):
    """A scheduler with a free slot that nobody takes: all who wait want what one sequence is
    reading, a little at a time beside six that decode."""

    def _fill(self, queued: int) -> None:
        beginning, self._beginning = self._beginning, self._tokens(_SHARED)
        self._start(SLOTS - 2)
        self._beginning = beginning
        self._budget = _PIECE
        self._queue(1 + queued)
        self.step()


def _draw(plan: Plan) -> None:
    """Give each sequence whose tokens were all read another one."""
    for sequence, chunk in zip(plan.sequences, plan.chunks, strict=True):
        if chunk.outputs:
            sequence.tokens.append(0)


class Work(NamedTuple):
    """Something that the scheduler does at times."""

    name: str
    once: Callable[[Busy], float]
    shared: int = 0
    kind: type[Busy] = Busy
    most: int = sys.maxsize
    """Steps for which the state lasts."""
    marked: bool = True


WORKS = (
    Work("a step of 8 that decode", Busy.step),
    Work("a step in which one ends and one starts", Busy.turnover),
    Work("the same, the prompts share 150 tokens", Busy.turnover, shared=_SHARED),
    Work(
        f"a step in which one reads {_READ_BY_ONE:,} tokens that all wait for",
        Busy.step,
        _READ_BY_ONE,
        Waiting,
        _STEPS_OF_PIECES,
    ),
    Work("cancel the last one in the queue", Busy.cancellation, marked=False),
)


def scheduler_rows(
    queues: Sequence[int] = QUEUES, clients: Sequence[int] = CLIENTS, steps: int = 300
) -> list[Row]:
    """Milliseconds with each length of the queue, and the ratio to the first of them."""
    return [
        row
        for work, number in itertools.product(WORKS, clients)
        for row in _queue_rows(work, number, queues, steps)
    ]


def _queue_rows(work: Work, clients: int, queues: Sequence[int], steps: int) -> Iterator[Row]:
    base = 0.0
    for queued in queues:
        busy = work.kind(queued, clients, shared=work.shared)
        found = [work.once(busy) for _ in range(min(steps, work.most))]
        base = base or median(found)
        ratio = median(found) / base
        marked = work.marked and queued > 0
        yield Row(
            f"{work.name}; {queued} of {clients} client{'s' * (clients > 1)} wait",
            _milliseconds(median(found)),
            _milliseconds(percentile(found, 95)),
            f"{ratio:.2f}",
            f"<= {FLAT:.2f}" if marked else "",
            ratio <= FLAT if marked else None,
        )


class Shape(NamedTuple):
    """How the stored prefixes resemble each other."""

    name: str
    make: Callable[[int, random.Random], Iterator[list[int]]]


def _different(count: int, source: random.Random) -> Iterator[list[int]]:
    for _ in range(count):
        yield source.choices(_IDS, k=_LENGTH)


def _one_beginning(count: int, source: random.Random) -> Iterator[list[int]]:
    trunk = source.choices(_IDS, k=_TRUNK)
    for _ in range(count):
        yield trunk + source.choices(_IDS, k=_LENGTH - _TRUNK)


def _comb(count: int, source: random.Random) -> Iterator[list[int]]:
    """Each leaves the same text after another number of tokens, the longest part first."""
    trunk = source.choices(_IDS, k=_LENGTH)
    for number in range(count):
        common = _LENGTH - 1 - number % _LENGTH
        yield trunk[:common] + source.choices(_IDS, k=_LENGTH - common)


def _chain(count: int, source: random.Random) -> Iterator[list[int]]:
    """Each begins with the next one; the first has 1,000 tokens, or as many as there are."""
    length = max(_LENGTH, count)
    longest = source.choices(_IDS, k=length)
    for number in range(count):
        yield longest[: length - number * (length // count)]


SHAPES = (
    Shape("all different", _different),
    Shape(f"all share {_TRUNK}", _one_beginning),
    Shape("each leaves one text at another token", _comb),
    Shape("each begins with the next", _chain),
)


def prefix_rows(stored: Sequence[int] = STORED, searches: int = 200) -> list[Row]:
    """Milliseconds of finding a prompt's longest prefix, as ``StateCache`` does it.

    States that can be cut and those that cannot ask the tree in different ways: the left column
    and the right one. Before the first figure of a shape the tree is built, which is not timed.
    """
    rows = []
    for shape, count in itertools.product(SHAPES, stored):
        source = random.Random(0)
        tree: PrefixTree[int] = PrefixTree()
        samples = []
        keep = max(1, count // searches)
        for number, tokens in enumerate(shape.make(count, source)):
            tree.put(tokens, number)
            if number % keep == 0:
                samples.append(tokens)
        for name, prompts in _questions(samples, source):
            rows.append(_search_row(f"{count:,}, {shape.name}: {name}", tree, prompts, count))
    return rows


def _questions(
    samples: Sequence[list[int]], source: random.Random
) -> Iterator[tuple[str, list[list[int]]]]:
    """Prompts that begin with a stored prefix, that part from one half way, and that share none."""
    more = source.choices(_IDS, k=_LENGTH // 10)
    yield "hit", [tokens + more for tokens in samples]
    yield "half", [tokens[: len(tokens) // 2] + more for tokens in samples]
    yield "miss", [[-1, *tokens] for tokens in samples]


def _longest(tree: PrefixTree[int], prompt: list[int]) -> object:
    return next(tree.within(prompt), None)


def _search_row(name: str, tree: PrefixTree[int], prompts: Sequence[list[int]], count: int) -> Row:
    cut = [_timed(partial(tree.nearest, prompt)) for prompt in prompts]
    whole = [_timed(partial(_longest, tree, prompt)) for prompt in prompts]
    middle = max(median(cut), median(whole))
    marked = count == _STORED_OF_MARK
    return Row(
        name,
        _milliseconds(median(cut)),
        _milliseconds(median(whole)),
        "",
        f"< {FIND_MS:g} ms" if marked else "",
        middle < FIND_MS if marked else None,
        f"p95 {percentile(cut, 95):.4f}, {percentile(whole, 95):.4f} ms",
    )


def state_rows(path: Path, lengths: Sequence[int], rounds: int, threads: int) -> list[Row]:
    """Times of saving and restoring a slot's state, beside that of reading the tokens again."""
    size = (max(lengths) // _CELLS + 1) * _CELLS
    load = LoadModel(str(path), ctx_size=size, slots=2, batch_size=_BATCH, threads=threads)
    with closing(LlamaModel(load, lambda _: True)) as model:
        return [row for length in lengths for row in _state_rows(model, length, rounds)]


def _state_rows(model: LlamaModel, length: int, rounds: int) -> list[Row]:
    tokens = random.Random(0).choices(range(model.vocabulary.size), k=length)
    reading, saving, loading = [], [], []
    state: State = bytearray()
    for _ in range(rounds):
        model.keep(0, 0)
        reading.append(_timed(partial(_read, model, tokens)))
        began = time.perf_counter()
        state = model.save(0)
        saving.append((time.perf_counter() - began) * 1e3)
        model.keep(1, 0)
        loading.append(_timed(partial(model.load, 1, state)))
    name = f"state of {length:,} tokens"
    size = f"{len(state):,} bytes, {len(state) / length:,.0f} a token"
    return [
        _state_row(f"{name}: save", saving, reading, size),
        _state_row(f"{name}: restore", loading, reading, ""),
    ]


def _state_row(name: str, found: Sequence[float], reading: Sequence[float], note: str) -> Row:
    ratio = median(found) / median(reading)
    return Row(name, f"{spread(found)} ms", f"{spread(reading)} ms", f"{ratio:.4f}", note=note)


def _read(model: LlamaModel, tokens: Sequence[int]) -> None:
    for start in range(0, len(tokens), model.batch_size):
        part = tokens[start : start + model.batch_size]
        last = start + len(part) == len(tokens)
        rows = model.decode([Chunk(0, start, part, int(last))])
        float(rows.sum())  # the result is waited for


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def _milliseconds(value: float) -> str:
    return f"{value:.4f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("model", type=Path, nargs="?", metavar="MODEL.gguf")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--queues", type=int, nargs="+", default=QUEUES)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--stored", type=int, nargs="+", default=STORED)
    parser.add_argument("--state-tokens", type=int, nargs="+", default=STATE_TOKENS)
    parser.add_argument("--rounds", type=int, default=5, help="of saving and restoring")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    wait_as_a_worker("benchmarks.scale")
    print_rows(
        scheduler_rows(options.queues, options.clients, options.steps),
        sys.stdout,
        "The scheduler: median of a step on the left; ratio to an empty queue",
        other="p95",
    )
    print_rows(
        prefix_rows(options.stored),
        sys.stdout,
        "The longest prefix among many: states that can be cut, and those that cannot",
        other="whole states",
    )
    if options.model is not None:
        rows = state_rows(options.model, options.state_tokens, options.rounds, options.threads)
        print_rows(rows, sys.stdout, "A slot's state", other="reading them again")


if __name__ == "__main__":
    main()
