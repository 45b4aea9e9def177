"""Random models of embeddings and scores load in llama.cpp and behave as real ones do."""

from functools import cache

import llama_cpp
import numpy as np
import pytest

from benchmarks.architectures import ARCHITECTURES
from benchmarks.random_gguf import SHAPES, write_random_gguf

KINDS = [kind for kind, each in ARCHITECTURES.items() if not each.chats]
RERANKERS = [kind for kind in KINDS if kind.endswith("reranker")]
ENCODERS = [kind for kind in KINDS if kind not in RERANKERS]
PIECES = [kind for kind, each in ARCHITECTURES.items() if each.vocabulary != "bytes"]

POOLING = {"bert": "2", "qwen3-embedding": "3"} | dict.fromkeys(RERANKERS, "4")
ENDS = {
    "embedding": ([], []),
    "qwen3-embedding": ([], ["<|im_end|>"]),
    "qwen3-reranker": ([], []),
    "reranker": (["<s>"], ["</s>"]),
    "modern-bert": (["<|endoftext|>"], ["<|im_end|>"]),
    "modern-reranker": (["<|endoftext|>"], ["<|im_end|>"]),
    "gemma-embedding": (["<|endoftext|>"], ["<|im_end|>"]),
}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """A loader of tiny models, each written and loaded once."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def model(kind):
        path = write_random_gguf(folder / f"{kind}.gguf", kind=kind)
        return llama_cpp.Llama(
            str(path), n_ctx=512, n_threads=1, n_threads_batch=1, embedding=True, verbose=False
        )

    yield model
    model.cache_clear()


def pooled(model, text, width):
    """What the pooling makes of a text: float32 (width)."""
    if memory := llama_cpp.llama_get_memory(model.ctx):  # encoders have none
        llama_cpp.llama_memory_clear(memory, True)
    tokens = model.tokenize(text.encode())
    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    assert llama_cpp.llama_decode(model.ctx, llama_cpp.llama_batch_get_one(array, len(tokens))) == 0
    pointer = llama_cpp.llama_get_embeddings_seq(model.ctx, 0)
    return np.ctypeslib.as_array(pointer, (width,)).copy()


@pytest.mark.parametrize("kind", KINDS)
def test_files_say_how_they_pool(load, kind):
    metadata = load(kind).metadata
    key = f"{metadata['general.architecture']}.pooling_type"
    assert metadata[key] == POOLING.get(kind, "1")


@pytest.mark.parametrize("kind", KINDS)
def test_texts_have_the_special_tokens_of_their_kind_around_them(load, kind):
    model = load(kind)
    first, last = ENDS.get(kind, (["[CLS]"], ["[SEP]"]))
    names = [model._model.token_get_text(token) for token in model.tokenize(b"the people")]
    words = ["▁the", "▁people"] if kind in PIECES else ["the", "Ġpeople"]
    assert names == [*first, *words, *last]


@pytest.mark.parametrize("kind", ENCODERS)
def test_embeddings_of_like_texts_are_near(load, kind):
    model = load(kind)
    texts = ["the cat sat on the mat", "the cat sat on the hat", "prices of copper rose in may"]
    vectors = np.array([pooled(model, text, SHAPES["tiny"].width) for text in texts])
    assert np.isfinite(vectors).all()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.01


@pytest.mark.parametrize("kind", RERANKERS)
def test_scores_depend_on_the_text(load, kind):
    model = load(kind)
    labels = 2 if kind == "qwen3-reranker" else 1
    assert llama_cpp.llama_model_n_cls_out(model.model) == labels
    texts = ["cats sleep", "copper is a metal", "the brown fox", "say hello", "long story"]
    scores = np.array([pooled(model, text, labels) for text in texts])
    assert np.isfinite(scores).all()
    assert scores[:, 0].std() > 0.05
    if labels == 2:
        assert np.allclose(scores.sum(axis=1), 1)


@pytest.mark.parametrize("kind", PIECES)
def test_pieces_are_words_syllables_letters_or_unknown(load, kind):
    model = load(kind)

    def pieces(text):
        tokens = model.tokenize(text.encode())
        return [model._model.token_get_text(token) for token in tokens][1:-1]

    assert pieces("the people") == ["▁the", "▁people"]
    assert len(pieces("xqzv")) == 4
    assert pieces("🦀") in (["[UNK]"], ["▁", "<unk>"])
