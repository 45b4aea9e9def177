"""The byte-level BPE vocabulary, trained on the world's own text.

Usage: python -m demo_model.tokenizer OUT.json [--dialogues 10000]

A small model has to copy words that it never saw. That is easy when a word has the same pieces
wherever it stands, so merges are learnt on bare letter runs, and the merges that join a leading
space, quote or underscore to a word come last and only for frequent whole words: " zorvik" and
"zorvik" then differ by the one token of the space, unless the word starts with a frequent one.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .render import render
from .world import converse

if TYPE_CHECKING:
    from collections.abc import Iterator

VOCAB_SIZE = 4096
PREFIX_MERGES = 1000
END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"
CONTROL = (END_OF_TEXT, IM_START, IM_END, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE)
USER_DEFINED = (
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<tools>",
    "</tools>",
)

_REST = r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
# llama.cpp's "qwen2" pattern, and the same without the character before a word.
_PATTERN = _SHORT + r"[^\r\n\p{L}\p{N}]?\p{L}+|" + _REST
_BARE_PATTERN = _SHORT + r"\p{L}+|" + _REST


def _splitter(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def corpus(dialogues: int) -> Iterator[str]:
    """Texts of training conversations, with the markers taken out that are tokens by themselves."""
    for number in range(dialogues):
        d = converse(f"tokenizer/{number}")
        text = render(d.messages, tools=d.tools, thinking=d.thinking, generate=False)
        for marker in CONTROL + USER_DEFINED:
            text = text.replace(marker, "\x00")
        yield from (part for part in text.split("\x00") if part)


def _bare_bpe(texts: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = _splitter(_BARE_PATTERN)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - len(CONTROL) - len(USER_DEFINED) - PREFIX_MERGES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bare.train_from_iterator(texts, trainer)
    model = json.loads(bare.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def train(dialogues: int = 10_000) -> Tokenizer:
    """Trains the vocabulary: bare merges, then the merges that put a prefix before a whole word."""
    texts = list(corpus(dialogues))
    vocab, merges = _bare_bpe(texts)
    splitter = _splitter(_PATTERN)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(piece for piece, _ in splitter.pre_tokenize_str(text))
    added = 0
    for piece, _ in counts.most_common():
        if added == PREFIX_MERGES:
            break
        head, word = piece[:1], piece[1:]
        if (
            (len(word) > 1 or word in ("I", "a"))
            and head in 'Ġ_"'
            and word in vocab
            and piece not in vocab
        ):
            vocab[piece] = len(vocab)
            merges.append((head, word))
            added += 1
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in CONTROL])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in USER_DEFINED])
    return tokenizer


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the demo model's vocabulary.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--dialogues", type=int, default=10_000)
    args = parser.parse_args()
    tokenizer = train(args.dialogues)
    tokenizer.save(str(args.out))
    print(f"{tokenizer.get_vocab_size()} tokens -> {args.out}")


if __name__ == "__main__":
    main()
