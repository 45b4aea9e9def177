"""Python's own work in a step of the worker: all that is not a call into llama.cpp.

    python -m benchmarks.step_work MODEL.gguf --streams 8

Drives the worker's loop in this process, with the model, the messages and a socket as in the
worker, and takes the time of every llama_cpp call out of the time of each step.
"""

from __future__ import annotations

import argparse
import random
import socket
import sys
import time
from contextlib import closing, contextmanager, suppress
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import llama_cpp
import msgspec

from benchmarks.as_worker import wait_as_a_worker
from benchmarks.jobs import Setup, add_setup, setup_of
from benchmarks.tables import Row, percentile, print_rows
from colonnade.messages import (
    Decoding,
    FrameReader,
    FromWorker,
    LoadModel,
    Sampling,
    Step,
    Submit,
    TokenPart,
)
from colonnade.worker.channel import Channel
from colonnade.worker.grammar import GrammarCompiler
from colonnade.worker.intake import Intake
from colonnade.worker.llama import LlamaModel, model
from colonnade.worker.loop import Loop
from colonnade.worker.speculation import LookupGuesser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROMPT_TOKENS = 16
MARK_MS = 0.3
_STREAMS_OF_MARK = 8

_GREEDY = Sampling(temperature=0)
_STOPS = ("\n\n\n", "</answer>", "Observation:", "###")

WORKLOADS = {
    "sampled": Decoding(),
    "greedy": Decoding(sampling=_GREEDY),
    "sampled, 4 stop strings": Decoding(stop=_STOPS),
    "greedy, logprobs": Decoding(sampling=_GREEDY, logprobs=0),
    "greedy, logprobs and 5 alternatives": Decoding(sampling=_GREEDY, logprobs=5),
}
_MARKED = ("sampled", "greedy", "sampled, 4 stop strings")


class LlamaTime:
    """Time during which at least one call into llama.cpp ran."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""
        clock = time.perf_counter

        def timed(*arguments: Any) -> Any:  # noqa: ANN401
            began = clock()
            result = function(*arguments)
            self._spans.append((began, clock()))
            return result

        return timed

    def take(self) -> float:
        """Seconds since the last call; calls that ran side by side count once."""
        spans, self._spans = sorted(self._spans), []
        seconds = until = 0.0
        for began, ended in spans:
            seconds += max(0.0, ended - max(began, until))
            until = max(until, ended)
        return seconds


@contextmanager
def timed_llama() -> Iterator[LlamaTime]:
    """Time every function of llama_cpp while the block runs."""
    timer = LlamaTime()
    functions = {
        name: timer.wrap(value)
        for name, value in vars(llama_cpp).items()
        if name.startswith("llama_") and callable(value) and not isinstance(value, type)
    }
    address = timer.wrap(model.logits_address)
    with patch.dict(vars(llama_cpp), functions), patch.object(model, "logits_address", address):
        yield timer


class Bench:
    """A worker's inside, without its process."""

    def __init__(self, setup: Setup) -> None:
        load = LoadModel(
            setup.model,
            ctx_size=setup.ctx_size,
            slots=setup.slots,
            batch_size=setup.batch_size,
            threads=setup.threads,
        )
        self._model = LlamaModel(load, lambda _: True)
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        channel = Channel(self._ours)
        self._loop = Loop(self._model, channel.send, guesser=LookupGuesser())
        model = self._model
        grammars = GrammarCompiler(model.token_table)
        self._intake = Intake(model, model.vocabulary, grammars, self._loop.obey, channel.send)
        self._ids = 0
        self._frames: FrameReader[FromWorker] = FrameReader(msgspec.msgpack.Decoder(FromWorker))
        self._ended = False

    def close(self) -> None:
        """Free the model and the sockets."""
        self._model.close()
        self._ours.close()
        self._theirs.close()

    def own_work(self, decoding: Decoding, streams: int, steps: int) -> list[float]:
        """Milliseconds a step, once every stream has read its prompt."""
        self._ended = False
        for _ in range(streams):
            self._submit(decoding, steps + 2)
        found = []
        with timed_llama() as llama:
            while not self._loop.idle:
                llama.take()
                began = time.perf_counter()
                self._loop.step()
                took = time.perf_counter() - began
                own = took - llama.take()
                if self._drain():
                    continue  # a stream ended: the steps from here on have fewer
                found.append(own * 1e3)
        return found[2:]  # without the prompts' steps

    def _submit(self, decoding: Decoding, tokens: int) -> None:
        self._ids += 1
        prompt = random.choices(range(self._model.vocabulary.size), k=PROMPT_TOKENS)
        limited = _limited(decoding, tokens)
        self._intake.submit(Submit(self._ids, (TokenPart(tuple(prompt)),), limited))

    def _drain(self) -> bool:
        """Read what the server process would; returns whether a stream has ended so far."""
        with suppress(BlockingIOError):
            while True:
                for message in self._frames.feed(self._theirs.recv(1 << 20)):
                    if isinstance(message, Step):
                        self._ended |= any(output.finish for output in message.outputs)
        return self._ended


def _limited(decoding: Decoding, tokens: int) -> Decoding:
    return Decoding(
        sampling=decoding.sampling,
        max_tokens=tokens,
        stop=decoding.stop,
        logprobs=decoding.logprobs,
    )


def measure(setup: Setup, streams: int, steps: int) -> list[Row]:
    """A row for each workload."""
    with closing(Bench(setup)) as bench:
        times = {name: bench.own_work(each, streams, steps) for name, each in WORKLOADS.items()}
    rows = []
    for name, found in times.items():
        marked = name in _MARKED and streams == _STREAMS_OF_MARK
        rows.append(
            Row.bounded(
                f"Python's work a step, {streams} streams, {name}",
                median(found),
                "ms",
                at_most=MARK_MS if marked else None,
                note=f"p95 {percentile(found, 95):.3f} ms",
            )
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_work")
    add_setup(parser)
    parser.add_argument("--streams", type=int, default=_STREAMS_OF_MARK)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    wait_as_a_worker("benchmarks.step_work")
    print_rows(measure(setup_of(options), options.streams, options.steps), sys.stdout)


if __name__ == "__main__":
    main()
