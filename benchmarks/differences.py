"""What it costs a step to keep keys and items different, beside the grammar's own mask.

    python -m benchmarks.differences MODEL.gguf

Only the vocabulary of the model is loaded. Documents are read token by token, as if they had been
drawn, and before each of them both masks are timed, in processor time.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import llama_cpp

from benchmarks.tables import Row, percentile, print_rows
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.forms import JsonForm
from colonnade.worker.grammar import Bounds, GrammarCompiler
from colonnade.worker.llama.vocabulary import Vocabulary
from colonnade.worker.ports import TokenTable

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS = (
    *("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven"),
    *("wizards", "mix", "potions", "in", "old", "kettles", "near", "every", "river", "bank"),
    *("where", "children", "play", "and", "merchants", "sell", "apples", "oranges", "pears"),
)
_TEXTS = [f"{one} {two}" for one in _WORDS[:12] for two in _WORDS[20:25]]
_ITEMS = {"type": "array", "uniqueItems": True}

DOCUMENTS: dict[str, tuple[Any, Any]] = {
    "an object of 60 keys": ({"type": "object"}, dict.fromkeys(_TEXTS, "some text")),
    "nested objects": (
        {"type": "object"},
        {word: {inner: {"name": 1, "size": 2.5} for inner in _WORDS[:4]} for word in _WORDS[:12]},
    ),
    "a set of 60 texts": ({**_ITEMS, "items": {"type": "string"}}, _TEXTS),
    "a set of 60 short texts": (
        {**_ITEMS, "items": {"type": "string", "maxLength": 40}},
        _TEXTS,
    ),
    "a set of 40 names out of 60": ({**_ITEMS, "items": {"enum": _TEXTS}}, _TEXTS[:40]),
    "a set of 60 numbers": (
        {**_ITEMS, "items": {"type": "integer", "minimum": 0, "maximum": 999}},
        [number * 7 for number in range(60)],
    ),
    "a set of 20 objects": (
        {
            **_ITEMS,
            "items": {
                "type": "object",
                "properties": {"kind": {"enum": ["a", "b"]}, "name": {"type": "string"}},
                "required": ["kind", "name"],
                "additionalProperties": False,
            },
        },
        [{"kind": "a", "name": text} for text in _TEXTS[:20]],
    ),
}


class _Tokens:
    """A model's vocabulary alone."""

    def __init__(self, path: str) -> None:
        parameters = llama_cpp.llama_model_default_params()
        parameters.vocab_only = True
        model = llama_cpp.llama_model_load_from_file(path.encode(), parameters)
        if not model:
            sys.exit(f"{path} cannot be loaded")
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self.vocabulary = Vocabulary(self._vocab)

    def table(self) -> TokenTable:
        """For the compiler of grammars."""
        function = llama_cpp.llama_cpp._lib.llama_tokenize  # noqa: SLF001 - the bindings hide it
        return TokenTable(
            names=self.vocabulary.names(),
            special=self.vocabulary.grammar_tokens(),
            ends=tuple(sorted(self.vocabulary.ends)),
            vocabulary_address=self._vocab,
            tokenize_address=ctypes.cast(function, ctypes.c_void_p).value or 0,
        )


def masks(grammars: GrammarCompiler, schema: Any, document: Any) -> tuple[list[float], list[float]]:  # noqa: ANN401
    """Microseconds of processor time for each mask, with and without what has to differ."""
    constraint = build_constraint(JsonForm(schema, "schema"), None, None, {}, after_thought=False)
    if constraint is None:
        return [], []
    matcher = grammars.matcher(constraint)
    alone = grammars.matcher(type(constraint)(constraint.grammar))
    both: tuple[list[float], list[float]] = [], []
    tokens = matcher.tokens(json.dumps(document, ensure_ascii=False).encode())
    at = 0
    while at < len(tokens):
        for each, times in zip((matcher, alone), both, strict=True):
            began = time.thread_time()
            each.mask()
            times.append((time.thread_time() - began) * 1e6)
            each.consume(tokens[at : at + 1])
        at += 1
    return both


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.differences")
    parser.add_argument("model", help="a GGUF file")
    options = parser.parse_args(arguments)
    tokens = _Tokens(options.model)
    grammars = GrammarCompiler(tokens.table, Bounds())
    _ = grammars.tokenizer
    began = time.perf_counter()
    _ = grammars.spelling
    rows = [Row.bounded("the vocabulary, looked through once", time.perf_counter() - began, "s")]
    for name, (schema, document) in DOCUMENTS.items():
        held, plain = masks(grammars, schema, document)
        figure = f"p50 {median(held):.0f}, p95 {percentile(held, 95):.0f} us"
        note = f"most {max(held):.0f} us of {len(held)}; the grammar's own p50 {median(plain):.0f}"
        rows.append(Row(name, figure, note=note))
    print_rows(rows, sys.stdout, f"A mask of {tokens.vocabulary.size} tokens")


if __name__ == "__main__":
    main()
