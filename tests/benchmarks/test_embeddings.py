"""What the comparison of embeddings makes of its figures, and that its contenders run."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import llama_cpp
import pytest

from benchmarks.embedding_runtime import running_runtime
from benchmarks.embeddings import OURS, RUNTIME, THEIRS, TOKENS, Found, Measured, passages_of, rows

ONE, EIGHT = "16 a request, 1 client", "16 a request, 8 clients"


def test_ratios_are_held_against_llama_server_and_costs_against_nothing() -> None:
    rounds = [
        {
            OURS: {ONE: Found(20.0, 50.0), EIGHT: Found(20.0, 60.0)},
            THEIRS: {ONE: Found(10.0, 100.0), EIGHT: Found(40.0, 30.0)},
            RUNTIME: {ONE: Found(5.0, 200.0)},
        }
    ] * 3
    table = {row.name: row for row in rows(Measured("some.gguf", 2, 100, rounds))}
    assert [row.met for row in table.values()] == [True, False, None, None]
    first = table[f"{ONE}, passages/s"]
    assert (first.ours, first.other, first.ratio) == ("20.0", "10.0", "2.000")
    assert first.more == ("5.000", "4.000")
    assert table[f"{EIGHT}, passages/s"].more == ("–", "–")
    assert table[f"{ONE}, CPU ms a passage"].ratio == "0.500"


def test_passages_differ_and_have_their_length(random_model) -> None:
    path = random_model("bert")
    passages = passages_of(path, 20)
    assert len(set(passages)) == 20
    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    lengths = [len(model.tokenize(passage.encode())) for passage in passages]
    model.close()
    assert min(lengths) > TOKENS - 20
    assert max(lengths) <= TOKENS


@pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="it brings PyTorch")
def test_the_runtime_embeds() -> None:
    with running_runtime(sys.executable, 1) as runtime:
        assert runtime.run(["a text", "another one", "a third one"], 2) > 0
