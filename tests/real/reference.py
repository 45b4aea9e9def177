"""llama-cpp-python's own ``Llama`` on a file, greedily, as a process of its own.

    python reference.py < {"path": ..., "prompts": [...], "tokens": 20}

Prints a list with an object a prompt: how many tokens it has, and of each token of the answer its
text, its log probability and by how much it is above the second best.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

import llama_cpp
import numpy as np


def main() -> None:
    job = json.load(sys.stdin)
    llama = llama_cpp.Llama(
        job["path"], n_ctx=2048, flash_attn=True, n_threads=2, n_threads_batch=2, verbose=False
    )
    answers = [_answer(llama, prompt, job["tokens"]) for prompt in job["prompts"]]
    json.dump(answers, sys.stdout)


def _answer(llama: llama_cpp.Llama, prompt: str, most: int) -> dict[str, Any]:
    ids = llama.tokenize(prompt.encode())
    entries = []
    llama.reset()
    llama.eval(ids)
    while len(entries) < most:
        logprobs = _logprobs(llama)
        second, best = np.argsort(logprobs)[-2:]
        if best == llama.token_eos():
            break
        gap = float(logprobs[best] - logprobs[second])
        entries.append((_text(llama, best), float(logprobs[best]), gap))
        llama.eval([int(best)])
    return {"prompt_tokens": len(ids), "entries": entries}


def _logprobs(llama: llama_cpp.Llama) -> Any:
    """Of the last token's row: logits minus the logarithm of the sum of their exponentials."""
    row = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
    logits = np.ctypeslib.as_array(row, (llama.n_vocab(),)).astype(np.float64)
    top = logits.max()
    return logits - top - np.log(np.exp(logits - top).sum())


def _text(llama: llama_cpp.Llama, token: int) -> str:
    vocab = llama_cpp.llama_model_get_vocab(llama.model)
    piece = ctypes.create_string_buffer(256)
    size = llama_cpp.llama_token_to_piece(vocab, int(token), piece, len(piece), 0, True)
    return piece.raw[:size].decode(errors="replace")


if __name__ == "__main__":
    main()
