"""Vocabularies of real models: texts that are cut for speed have the tokens of the whole."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import llama_cpp
import pytest

from colonnade.worker.llama.cutting import Cutter
from colonnade.worker.llama.vocabulary import Vocabulary
from tests.real.conftest import LONG

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

ORDINARY = ["\n", "\n\n", " ", "  ", "\t", "a", "<", "|", "> <", "word", " word", "é", "<|im_"]
SPECIAL = (
    llama_cpp.LLAMA_TOKEN_ATTR_CONTROL
    | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
    | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
)


def test_smol(smol_path: Path) -> None:
    check(smol_path)


def test_gemma(gemma_path: Path) -> None:
    check(gemma_path)


def check(path: Path) -> None:
    llama = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(llama.model))
    chance = random.Random(1)
    names = sorted({vocabulary._given(token) for token in vocabulary._with_attribute(SPECIAL)})
    atoms = chance.sample(names, min(len(names), 40)) + ORDINARY * 3
    for cutter in vocabulary._cutters.values():
        assert isinstance(cutter, Cutter)
        cutter._most = 1
    for _ in range(3000 if LONG else 500):
        text = "".join(chance.choices(atoms, k=chance.randrange(1, 25)))
        for special in (False, True):
            whole = vocabulary._tokenize(text, special)
            assert vocabulary.tokenize(text, special=special) == whole, text
    llama.close()
