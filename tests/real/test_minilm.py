"""all-MiniLM-L6-v2, whose vectors must be those of the runtime that its package comes with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import llama_cpp
import numpy as np
import openai
import pytest

from tests.real import minilm_vectors
from tests.real.conftest import LONG
from tests.real.sentences import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.running import RunningServer

pytestmark = pytest.mark.real_models

NEAR = 1e-3
"""By how much less than 1 the cosine of two vectors of a text may be."""


def cosines(ours: Sequence[Sequence[float]], theirs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of each vector and the other one of the same text (texts)."""
    left, right = np.asarray(ours, np.float64), theirs.astype(np.float64)
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    found: NDArray[np.float64] = np.einsum("ij,ij->i", left, right) / lengths
    return found


def test_there_are_a_hundred_different_sentences() -> None:
    assert len(set(SENTENCES)) == len(SENTENCES) == 100


@pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="it brings PyTorch")
def test_what_is_kept_is_what_the_runtime_says() -> None:
    vectors, tokens = minilm_vectors.kept()
    now, tokens_now = minilm_vectors.computed()
    assert tokens == tokens_now
    assert cosines(vectors.tolist(), now).min() > 1 - 1e-5


def test_the_file_has_the_weights(minilm_path: Path) -> None:
    vectors, tokens = minilm_vectors.kept()
    model = llama_cpp.Llama(
        str(minilm_path), n_ctx=512, n_threads=1, n_threads_batch=1, embedding=True, verbose=False
    )
    ours = []
    for ids in tokens:
        array = (llama_cpp.llama_token * len(ids))(*ids)
        batch = llama_cpp.llama_batch_get_one(array, len(ids))
        assert llama_cpp.llama_decode(model.ctx, batch) == 0
        pointer = llama_cpp.llama_get_embeddings_seq(model.ctx, 0)
        ours.append(np.ctypeslib.as_array(pointer, (vectors.shape[1],)).tolist())
    model.close()
    assert cosines(ours, vectors).min() > 1 - NEAR


def test_vectors_of_a_server(minilm_server: RunningServer) -> None:
    """All sentences in one request, as OpenAI's client sends them, and each by itself."""
    vectors, tokens = minilm_vectors.kept()
    url = minilm_server.base_url
    with openai.OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        answer = client.embeddings.create(model="minilm", input=SENTENCES)
        alone = [
            client.embeddings.create(model="minilm", input=text).data[0].embedding
            for text in SENTENCES[:: 1 if LONG else 7]
        ]
    assert answer.usage.prompt_tokens == sum(map(len, tokens))
    assert cosines([each.embedding for each in answer.data], vectors).min() > 1 - NEAR
    assert cosines(alone, vectors[:: 1 if LONG else 7]).min() > 1 - NEAR


def test_what_is_like_a_question_is_nearest(minilm_server: RunningServer) -> None:
    pairs = {
        "How can I get a new password?": "I forgot my password and cannot log in.",
        "What is the boiling point of water?": "Water boils at a hundred degrees Celsius.",
        "Is this thing worth buying?": "Best purchase I have made this year, five stars!",
        "commodity prices": "Prices of copper rose sharply in May.",
    }
    url = minilm_server.base_url
    with openai.OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        answer = client.embeddings.create(model="minilm", input=[*pairs, *pairs.values()])
    found = np.array([each.embedding for each in answer.data])
    alike = found[: len(pairs)] @ found[len(pairs) :].T
    assert alike.argmax(axis=1).tolist() == list(range(len(pairs)))
