"""The context of a model that embeds: how its tokens' embeddings become one, and what it computes
at once.

A model whose attention looks back only is read a batch at a time, however long a text is: what was
read stays in the KV cache until its end. One that looks ahead has to see a text whole, so its batch
has room for the longest one, and llama.cpp computes attention between all tokens of a batch; texts
of usual length are still read ``batch_size`` tokens at a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import llama_cpp

from colonnade.worker.llama.errors import ModelError, choice, why
from colonnade.worker.llama.facts import stated
from colonnade.worker.llama.header import HeaderError, read_header

if TYPE_CHECKING:
    from colonnade.messages import LoadModel

MEAN, CLS, LAST, RANK = "mean", "cls", "last", "rank"

POOLINGS = {
    MEAN: llama_cpp.LLAMA_POOLING_TYPE_MEAN,
    CLS: llama_cpp.LLAMA_POOLING_TYPE_CLS,
    LAST: llama_cpp.LLAMA_POOLING_TYPE_LAST,
    RANK: llama_cpp.LLAMA_POOLING_TYPE_RANK,
}
_NAMES = {number: name for name, number in POOLINGS.items()}

SEQUENCES = 63
"""Texts in one batch."""

_CLASSIFIERS = ("cls.weight", "cls.output.weight")

_SMALL = 64
"""Tokens of a context that is made to ask it something."""


class Pooling(NamedTuple):
    """How a model's embeddings are made."""

    name: str
    splits: bool
    """Whether a text may be read in several batches."""


def pooling_of(model: Any, load: LoadModel) -> Pooling:  # noqa: ANN401 - a ctypes pointer
    """As the load says, or the file, or as suits its attention.

    Raises:
        ModelError: the file has no classifier, and one is asked for; or it reads text with an
            encoder and writes with a decoder.
    """
    encoder = llama_cpp.llama_model_has_encoder(model)
    if encoder and llama_cpp.llama_model_has_decoder(model):
        msg = f"{load.path} translates with an encoder and a decoder: it makes no embeddings"
        raise ModelError(msg)
    looks_ahead = encoder or not _looks_back(model)
    tuning = load.tuning
    said = _NAMES.get(stated(model, "pooling_type", tuning) or 0)
    choice({"auto": -1, **POOLINGS}, load.pooling, "pooling")
    name = load.pooling
    if name == "auto":
        name = said or (MEAN if looks_ahead else LAST)
    if name == RANK and said != RANK and not _classifies(Path(load.path)):
        msg = f"pooling is {RANK!r}, but {load.path} has no classifier"
        raise ModelError(msg)
    mean_of_classes = stated(model, "classifier.pooling_type", tuning) == POOLINGS[MEAN]
    return Pooling(name, splits=not looks_ahead and not (name == RANK and mean_of_classes))


def shape_pooled(
    params: llama_cpp.llama_context_params,
    model: Any,  # noqa: ANN401 - a ctypes pointer
    load: LoadModel,
    ctx_size: int,
) -> None:
    """Set what differs in the context of a model that embeds.

    All texts share one KV cache, where there is any: nothing of a text stays there when it is read.

    Raises:
        ModelError: see ``pooling_of``.
    """
    pooling = pooling_of(model, load)
    recurrent = llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model)
    sequences = 1 + (load.slots if recurrent else SEQUENCES)  # one for a text that is cut
    batch = min(load.batch_size, load.tuning.ubatch_size or load.batch_size)
    whole = batch if pooling.splits else max(batch, ctx_size)
    params.embeddings = True
    params.pooling_type = POOLINGS[pooling.name]
    params.kv_unified = True
    params.n_seq_max = sequences
    # whole times the sequences: llama.cpp rounds the tokens that it plans for, and not their rows
    params.n_batch = params.n_ubatch = params.n_outputs_max = -(-whole // sequences) * sequences
    params.n_ctx = ctx_size + params.n_batch if pooling.splits else params.n_batch


def _looks_back(model: Any) -> bool:  # noqa: ANN401
    """Whether the model's attention looks back only, and remembers what was read. Not every file
    says so; a context does."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _SMALL
    params.no_perf = True
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise ModelError(why("no context could be made"))
    try:
        remembers = bool(llama_cpp.llama_get_memory(context))
        return remembers and bool(llama_cpp.llama_get_causal_attn(context))
    finally:
        llama_cpp.llama_free(context)


def _classifies(path: Path) -> bool:
    try:
        return any(name in read_header(path).tensors for name in _CLASSIFIERS)
    except (HeaderError, OSError):
        return False
