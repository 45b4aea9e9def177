"""llama.cpp without a server: the shortest decode loop in Python, to measure a server against.

    python -m benchmarks.bare_loop MODEL.gguf --streams 8 --tokens 128

One ``llama_decode`` a step for all streams, then for each its sampler chain (or an argmax). No
text, no stops, no messages. With ``--jobs`` it reads jobs as JSON lines from stdin and answers
each with a line, so that rounds can alternate with those of a server while both stay loaded.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import Any

import llama_cpp
import msgspec
import numpy as np

from benchmarks.jobs import Job, Run, Setup, add_setup, setup_of

_ROWS_FOR_PROMPTS = 64
"""Rows of logits that a server keeps room for beside one a slot."""


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _quiet(_level: int, _text: bytes, _data: object) -> None:
    pass


class BareLoop:
    """A model, a context, and loops over them."""

    def __init__(self, setup: Setup) -> None:
        llama_cpp.llama_log_set(_quiet, None)
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            setup.model.encode(), llama_cpp.llama_model_default_params()
        )
        self._context = llama_cpp.llama_init_from_model(self._model, _context_params(setup))
        vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._vocab_size: int = llama_cpp.llama_vocab_n_tokens(vocab)
        self._batch_size = setup.batch_size
        self._batch = llama_cpp.llama_batch_init(max(setup.batch_size, setup.slots), 0, 1)

    def run(self, job: Job) -> Run:
        """Read the prompts, then step until every stream has its tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        chains = [_chain(seed) for seed in range(job.streams)]
        draw = self._argmax if job.greedy else _Chains(chains, self._context)
        began = time.perf_counter()
        tokens = [self._prompt(stream, job, draw) for stream in range(job.streams)]
        first = time.perf_counter()
        for position in range(job.prompt_tokens, job.prompt_tokens + job.tokens - 1):
            tokens = self._step(tokens, position, draw)
        ended = time.perf_counter()
        for chain in chains:
            llama_cpp.llama_sampler_free(chain)
        steps = job.streams * (job.tokens - 1)
        rate = steps / (ended - first) if steps else 0.0
        return Run(rate, job.streams * job.tokens / (ended - began), first - began)

    def _step(self, tokens: list[int], position: int, draw: Any) -> list[int]:  # noqa: ANN401
        batch = self._batch
        for stream, token in enumerate(tokens):
            _put(batch, stream, token, position, stream, output=True)
        batch.n_tokens = len(tokens)
        self._decode()
        return [draw(stream, stream) for stream in range(len(tokens))]

    def _prompt(self, stream: int, job: Job, draw: Any) -> int:  # noqa: ANN401
        """Read a stream's prompt and draw its first token."""
        at = 0
        for position in range(job.prompt_tokens):
            token = random.randrange(self._vocab_size)
            last = position == job.prompt_tokens - 1
            _put(self._batch, at, token, position, stream, output=last)
            at += 1
            if at == self._batch_size or last:
                self._batch.n_tokens = at
                self._decode()
                at = 0
        token = draw(stream, self._batch.n_tokens - 1)
        return int(token)

    def _decode(self) -> None:
        status = llama_cpp.llama_decode(self._context, self._batch)
        if status != 0:
            msg = f"llama_decode returned {status}"
            raise RuntimeError(msg)

    def _argmax(self, _stream: int, index: int) -> int:
        row = llama_cpp.llama_get_logits_ith(self._context, index)
        return int(np.ctypeslib.as_array(row, shape=(self._vocab_size,)).argmax())


class _Chains:
    """Draws from a chain a stream."""

    def __init__(self, chains: list[Any], context: Any) -> None:  # noqa: ANN401
        self._chains = chains
        self._context = context

    def __call__(self, stream: int, index: int) -> int:
        token = llama_cpp.llama_sampler_sample(self._chains[stream], self._context, index)
        return int(token)


def _context_params(setup: Setup) -> Any:  # noqa: ANN401
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = setup.ctx_size * setup.slots
    params.n_seq_max = setup.slots
    params.n_batch = params.n_ubatch = max(setup.batch_size, setup.slots)
    params.n_outputs_max = min(params.n_batch, setup.slots + _ROWS_FOR_PROMPTS)
    params.n_threads = params.n_threads_batch = setup.threads
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO
    params.kv_unified = False
    params.no_perf = True
    return params


def _chain(seed: int) -> Any:  # noqa: ANN401
    """Temperature 0.8 with top-k 40, top-p 0.95 and min-p 0.05: llama.cpp's usual chain."""
    params = llama_cpp.llama_sampler_chain_default_params()
    params.no_perf = True
    chain = llama_cpp.llama_sampler_chain_init(params)
    for sampler in (
        llama_cpp.llama_sampler_init_top_k(40),
        llama_cpp.llama_sampler_init_top_p(0.95, 1),
        llama_cpp.llama_sampler_init_min_p(0.05, 1),
        llama_cpp.llama_sampler_init_temp(0.8),
        llama_cpp.llama_sampler_init_dist(seed),
    ):
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def _put(batch: Any, at: int, token: int, position: int, stream: int, *, output: bool) -> None:  # noqa: ANN401
    batch.token[at] = token
    batch.pos[at] = position
    batch.n_seq_id[at] = 1
    batch.seq_id[at][0] = stream
    batch.logits[at] = output


def main() -> None:
    """Run the jobs of the command line, or of stdin."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare_loop")
    add_setup(parser)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompt-tokens", type=int, default=24)
    parser.add_argument("--greedy", action="store_true")
    parser.add_argument("--jobs", action="store_true", help="read jobs from stdin")
    options = parser.parse_args()
    loop = BareLoop(setup_of(options))
    if not options.jobs:
        job = Job(options.streams, options.tokens, options.prompt_tokens, options.greedy)
        print(msgspec.json.encode(loop.run(job)).decode())
        return
    print("ready", flush=True)
    for line in sys.stdin:
        run = loop.run(msgspec.json.decode(line, type=Job))
        print(msgspec.json.encode(run).decode(), flush=True)


if __name__ == "__main__":
    main()
