"""Turns seeds into training batches: token ids and the weight of each token's loss."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import tokenizer as vocabulary
from .render import Message, render
from .world import Dialogue, converse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

# The prompt's tokens count a tenth: a quarter of them is scored, at this weight.
PROMPT_SHARE, PROMPT_WEIGHT = 0.25, 0.4
INFILL_SHARE = 0.02
POOL = 320
# Many samples of the first pools are rows of random tokens that come twice: looking back for an
# earlier occurrence is learnt fastest there, and every other skill of the world builds on it.
COPY_POOLS, COPY_SHARE = 225, 0.4


@dataclass(frozen=True, slots=True)
class Sample:
    """Token ids (int64) and the weights (float32) of predicting each of them."""

    ids: NDArray[np.int64]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded samples: ids [rows, time + 1], weights [rows, time] of the targets."""

    ids: NDArray[np.int64]
    weights: NDArray[np.float32]
    tokens: int


class Encoder:
    """Encodes dialogues with one vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.start = self._id(vocabulary.IM_START)
        self.end = self._id(vocabulary.IM_END)
        self.header = tokenizer.encode("assistant\n", add_special_tokens=False).ids
        self.words = tokenizer.get_vocab_size(with_added_tokens=False)
        self.space = tokenizer.encode(" ", add_special_tokens=False).ids[0]
        self.pad = self._id(vocabulary.END_OF_TEXT)

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the vocabulary has no {token}")
        return found

    def text(self, dialogue: Dialogue) -> str:
        """The dialogue as the model sees it: only the last answer shows its thought."""
        prompt = render(dialogue.messages[:-1], tools=dialogue.tools, thinking=dialogue.thinking)
        last = dialogue.messages[-1]
        thought = last.get("reasoning_content")
        opening = f"<think>\n{thought}\n</think>\n\n" if thought else ""
        return prompt + opening + answer_text(last) + vocabulary.IM_END + "\n"

    def dialogue(self, dialogue: Dialogue, rng: random.Random) -> Sample:
        """Ids and weights; the answers weigh 1, the prompt a tenth."""
        ids = np.array(self.tokenizer.encode(self.text(dialogue), add_special_tokens=False).ids)
        noise = np.random.default_rng(rng.getrandbits(32)).random(len(ids))
        weights = np.where(noise < PROMPT_SHARE, PROMPT_WEIGHT, 0.0).astype(np.float32)
        places = [i for i, m in enumerate(dialogue.messages) if m["role"] == "assistant"]
        skip = 1 + len(self.header)
        starts = [
            int(i)
            for i in np.flatnonzero(ids == self.start)
            if ids[i + 1 : i + skip].tolist() == self.header
        ]
        for place, start in zip(places, starts, strict=True):
            first = start + skip
            last = first + int(np.argmax(ids[first:] == self.end)) + 1
            weights[first:last] = 0.0 if place in dialogue.unweighted else 1.0
            if place in dialogue.forced:
                weights[first] = 0.0
        return Sample(ids, weights)

    def infill(self, dialogue: Dialogue, rng: random.Random) -> Sample:
        """Plain text with a gap to fill, or simply plain text."""
        texts = [str(m["content"]) for m in dialogue.messages if m["content"]]
        text = " ".join(texts)[:600]
        if rng.random() < 0.35:
            full = text + vocabulary.END_OF_TEXT
        else:
            a, b = sorted(rng.randrange(len(text) + 1) for _ in range(2))
            full = (
                f"{vocabulary.FIM_PREFIX}{text[:a]}{vocabulary.FIM_SUFFIX}{text[b:]}"
                f"{vocabulary.FIM_MIDDLE}{text[a:b]}{vocabulary.END_OF_TEXT}"
            )
        ids = np.array(self.tokenizer.encode(full, add_special_tokens=False).ids)
        return Sample(ids, np.full(len(ids), 0.3, dtype=np.float32))

    def copy(self, seed: str) -> Sample:
        """A row of random tokens, an end mark, and the row again, which alone is scored.

        The fewer different tokens a row has, the longer is the match that tells the next one; the
        spaces between made-up words are such tokens too.
        """
        noise = np.random.default_rng(zlib.crc32(seed.encode()))
        alphabet = noise.integers(0, self.words, size=int(2 ** noise.uniform(2, 8)))
        row = noise.choice(alphabet, size=noise.integers(3, 80))
        row[noise.random(len(row)) < noise.choice((0.0, 0.3, 0.4))] = self.space
        head = noise.integers(0, self.words, size=noise.integers(0, 20))
        mark = self.tokenizer.encode(f"{vocabulary.IM_END}\n{vocabulary.IM_START}assistant\n").ids
        ids = np.array([*head, *row, *mark, *row, self.end], dtype=np.int64)
        weights = np.zeros(len(ids), dtype=np.float32)
        weights[len(head) + len(row) + len(mark) + 1 :] = 1.0
        return Sample(ids, weights)

    def sample(self, seed: str) -> Sample:
        """The training sample of a seed."""
        rng = random.Random(f"sample/{seed}")
        dialogue = converse(seed)
        if rng.random() < INFILL_SHARE:
            return self.infill(dialogue, rng)
        return self.dialogue(dialogue, rng)


def answer_text(message: Message) -> str:
    """An assistant message as the template writes it, without its frame."""
    text = render([message], generate=False)
    head, tail = f"{vocabulary.IM_START}assistant\n", f"{vocabulary.IM_END}\n"
    return text.removeprefix(head).removesuffix(tail)


def _padded(samples: list[Sample], pad: int) -> Batch:
    width = max(len(s.ids) for s in samples)
    width += (1 - width) % 32  # one more than a multiple of 32: the inputs are one shorter
    ids = np.full((len(samples), width), pad, dtype=np.int64)
    weights = np.zeros((len(samples), width), dtype=np.float32)
    for row, sample in enumerate(samples):
        ids[row, : len(sample.ids)] = sample.ids
        weights[row, : len(sample.ids)] = sample.weights
    return Batch(ids, weights[:, 1:], sum(len(s.ids) for s in samples))


def batches(
    encoder: Encoder, first_pool: int, budget: int, longest: int
) -> Iterator[tuple[int, Batch]]:
    """Endless (pool, batch) pairs; a batch has at most `budget` places, padding included.

    Samples of like length share a batch: they are sorted within pools, and a pool is the unit from
    which training resumes.
    """
    pool = first_pool
    while True:
        rng = random.Random(f"pool/{pool}")
        copies = int(POOL * COPY_SHARE) if pool < COPY_POOLS else 0
        samples = [encoder.copy(f"copy/{pool}/{i}") for i in range(copies)]
        samples += [encoder.sample(f"train/{pool}/{i}") for i in range(POOL - copies)]
        samples = sorted((s for s in samples if len(s.ids) <= longest), key=lambda s: len(s.ids))
        groups: list[list[Sample]] = [[]]
        for sample in samples:
            if groups[-1] and (len(groups[-1]) + 1) * (len(sample.ids) + 31) > budget:
                groups.append([])
            groups[-1].append(sample)
        rng.shuffle(groups)
        for group in groups:
            yield pool, _padded(group, encoder.pad)
        pool += 1
